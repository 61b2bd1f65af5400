// The supervisor: a process that keeps the services of one run directory running on this machine. It starts
// them, starts one again that ends (after 0.2 s, doubling to 5 s while it keeps ending soon), and stops them
// all on SIGTERM. If the supervisor is killed, the kernel ends the services with it.
//
// Each service writes to RUN/logs/SERVICE.log, the supervisor to RUN/logs/supervisor.log.
#ifndef RG_CTL_SUPERVISOR_H
#define RG_CTL_SUPERVISOR_H

#include <sys/types.h>

#include "services/ctl/command.h"

typedef struct {
    const rg_options_t *options; // --config and --set are passed on to the services
    const char *folder;          // of the executables rg-SERVICE
    unsigned services;           // mask of 1 << service (config/services.h)
    int attached;                // 1: stay in the caller's session and write to its standard error
} rg_supervisor_spec_t;

// Forks the supervisor and gives its process id. *report is the reading end of a pipe: a sentence comes if a
// service fails at its first start (all services are stopped then), end of file without a sentence if the
// supervisor itself ends. Close it once every service has answered; a later failure only causes a restart.
// RG_EBUSY if the run directory has a supervisor already.
int rg_supervisor_start(const rg_supervisor_spec_t *spec, pid_t *pid, int *report);

// RUN/logs/NAME.log.
void rg_supervisor_log(const rg_config_t *config, const char *name, char out[RG_PATH_SIZE]);

#endif
