// The runner of a plan. For each run, in the run's folder, it starts the services, trains and evaluates the
// stages, and stops the services, all with commands of rg-ctl. Their output goes to the folder's log.
//
// A row with a retrieval set of its own fills it before it trains. The set of a growing row gets the remaining
// training images while stage 3 trains; RG_RUNNER_GROWTH in its folder then has set_complete_at, the iteration
// after which all of them were in the set.
//
// A finished run is skipped. A folder remembers the configuration that it was begun with and refuses
// another one.
#ifndef RG_EXPERIMENT_RUNNER_H
#define RG_EXPERIMENT_RUNNER_H

#include <stdatomic.h>

#include "services/report/experiment/plan.h"

#define RG_RUNNER_GROWTH "growth.json"

// What every command of rg-ctl is started with.
typedef struct {
    const char *program;     // the executable of rg-ctl
    const char *config_path; // --config, NULL: none
    const char *const *set;  // --set [n_set]
    int n_set;
    int quiet;                     // no progress on standard error
    const atomic_int *interrupted; // nonzero after SIGINT or SIGTERM
} rg_runner_options_t;

// Carries out every run of the plan that is not finished. RG_ESTOPPED after a signal (the same call
// continues the plan), RG_EREMOTE naming the failed command and the log, RG_ECONFIG naming the folder of
// another configuration.
int rg_runner_run(const rg_runner_options_t *options, const rg_plan_t *plan, const char *root);

#endif
