// One evaluation: asks the evaluator, shows its progress, prints its report.
#ifndef RG_CTL_EVALUATE_H
#define RG_CTL_EVALUATE_H

#include "services/ctl/command.h"

int rg_evaluate_stage(const rg_options_t *options, int stage); // stage.h

#endif
