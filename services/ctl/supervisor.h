// The process that keeps the services of one run directory alive on this machine: it starts them, restarts
// one that dies (after 0.2 s, doubling to 5 s while it keeps dying young), and ends them all on SIGTERM. Each
// service writes to RUN/logs/SERVICE.log, the supervisor itself to RUN/logs/supervisor.log.
//
// If the supervisor is killed, the kernel ends the services with it (PR_SET_PDEATHSIG).
#ifndef RG_CTL_SUPERVISOR_H
#define RG_CTL_SUPERVISOR_H

#include <sys/types.h>

#include "services/ctl/command.h"

typedef struct {
    const rg_options_t *options; // passed on: --config, --set
    const char *folder;          // of the executables rg-SERVICE
    unsigned services;           // mask of 1 << service (config/services.h)
    int attached;                // 1: stays in the caller's session and writes to its standard error
} rg_supervisor_spec_t;

// Forks the supervisor. *report is a descriptor to read: a sentence comes if a service fails at its first
// start (all are ended then), end of file with nothing if the supervisor itself ends. Keep it open until the
// services answer: a failure after it is closed is an ordinary death. RG_EBUSY if the run directory is
// supervised already.
int rg_supervisor_start(const rg_supervisor_spec_t *spec, pid_t *pid, int *report);

// RUN/logs/NAME.log.
void rg_supervisor_log(const rg_config_t *config, const char *name, char out[RG_PATH_SIZE]);

#endif
