// The supervisor: a process that keeps the services of one run directory running on this machine. It starts
// them, starts one again that ends (after 1 s, doubling to 60 s while it keeps ending soon), gives one up that
// ends five times in a row before it is ready, and stops them all on SIGTERM, or kills them on SIGUSR1. If the
// supervisor is killed, the kernel ends the services with it.
//
// Each service writes to RUN/logs/SERVICE.log, the supervisor to RUN/logs/supervisor.log (service_log.h).
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

// Forks the supervisor and gives its process id. *report is the reading end of a pipe. Lines come from it,
// "KIND SERVICE PID TEXT", and the end of file when the supervisor ends:
//   loading, ready, failed, stopping   the state of a service; TEXT is "loading, 34 %" or "failed: SENTENCE"
//   died                               a service ended and is started again; TEXT says why and when
//   over                               a service does not run, and all services are stopped; TEXT says why
// Close it in order to wait no longer; afterwards nothing stops all services but SIGTERM. RG_EBUSY if the run
// directory has a supervisor already.
enum { RG_REPORT_TEXT = 2048 };
int rg_supervisor_start(const rg_supervisor_spec_t *spec, pid_t *pid, int *report);

#endif
