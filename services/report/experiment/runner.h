// Carries out a plan: for each run, in its own folder, the services are started, its stages trained and
// evaluated, and the services stopped again, all by rg-ctl's own commands, whose output goes to the folder's
// log.
//
// What is finished is not done again. A folder remembers the configuration it was begun with and takes no
// other.
#ifndef RG_REPORT_EXPERIMENT_RUNNER_H
#define RG_REPORT_EXPERIMENT_RUNNER_H

#include "services/ctl/command.h"
#include "services/report/experiment/plan.h"

// Every run of the plan that is not finished. RG_ESTOPPED after SIGINT or SIGTERM (the same plan goes on from
// there), RG_EREMOTE naming the command that failed and the log, RG_ECONFIG naming the folder made otherwise.
int rg_runner_run(const rg_options_t *options, const rg_plan_t *plan, const char *root);

#endif
