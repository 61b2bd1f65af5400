// The processes that `up` started and that have to end: the supervisor and the services of a run directory. They
// are found by RUN/rg.pid and RUN/rg.services (pidfile.h) and held by pidfds, which never mean another process
// that got the same id.
#ifndef RG_CTL_LEAVING_H
#define RG_CTL_LEAVING_H

#include <sys/types.h>

#include "common/config/services.h"
#include "services/ctl/command.h"

typedef struct {
    struct {
        char name[RG_NAME_SIZE];
        pid_t pid;
        int pidfd; // -1: it has ended
    } process[RG_SERVICES + 1];
    int n;
    int supervised; // 1: the supervisor lives, and is the first of them; 0: it was killed, or there was none
} rg_leaving_t;

// Finds them. n is 0 if nothing is running. RG_EBUSY if the supervisor is just starting. Close it in any case.
int rg_leaving_find(rg_leaving_t *leaving, const rg_config_t *config);

// Waits until all have ended and shows meanwhile which have not; `command` (down) heads these lines. RG_ESTOPPED
// if the user interrupts the wait.
int rg_leaving_wait(rg_leaving_t *leaving, const char *command, const rg_options_t *options);

void rg_leaving_close(rg_leaving_t *leaving);

#endif
