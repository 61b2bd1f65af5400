// An experiment: one table of plan.h, from training to the report.
#ifndef RG_EXPERIMENT_EXPERIMENT_H
#define RG_EXPERIMENT_EXPERIMENT_H

#include "services/report/experiment/runner.h"

// "table1"
const char *rg_experiment_name(enum rg_plan_table table);

// Trains and measures in RUN/experiment, then writes report.html, report.md and numbers.csv into
// RUN/experiment/TABLE. *folder is that folder; free() it. The errors of rg_plan_init, rg_runner_run,
// rg_results_open and rg_document_write.
int rg_experiment_run(const rg_runner_options_t *options, const rg_config_t *config,
                      const rg_plan_spec_t *spec, char **folder);

#endif
