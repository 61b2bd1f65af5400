// How the rows of a table trained: each loss, and each measure where checkpoints were measured in passing
// (evaluation.follow), one curve per row.
#ifndef RG_REPORT_EXPERIMENT_TRAINING_H
#define RG_REPORT_EXPERIMENT_TRAINING_H

#include "services/report/document/document.h"
#include "services/report/experiment/plan.h"

// A heading, and the figures of the runs of the first seed with the most annotation, whose folders lie below
// root. The errors of curves.h.
int rg_training_put(rg_document_t *document, const rg_plan_t *plan, const char *root);

#endif
