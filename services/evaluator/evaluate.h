// One evaluation from checkpoint to report. The report is written to RUN/reports/STAGE.json and carries its
// protocol: a checkpoint is measured once, and again only when something in the protocol has changed.
//
// Numbers of a report:
//   classifier  accuracy_all, accuracy_edited, accuracy.ATTRIBUTE
//   stage1      wanted_accuracy_MODE[.ATTRIBUTE], untouched_accuracy_MODE, frechet_MODE of MODE latent and
//   reference;
//               ceiling_accuracy[.ATTRIBUTE], untranslated_baseline[.ATTRIBUTE], untouched_ceiling_accuracy,
//               reconstruction_l1_255 (grey levels), frechet_floor (between halves of the real images)
//   stage2      pK.ROW.WHAT of rows trained, untrained, code_only, random, and what: attributes, content,
//   average, strict stage3      as stage1, and as much of modes latent_random and reference_random, with
//   pixel_change_255_MODE
// Frechet distances are of the features of the extractor that the protocol names; they are not FID.
#ifndef RG_EVALUATOR_EVALUATE_H
#define RG_EVALUATOR_EVALUATE_H

#include "services/evaluator/evaluation.h"

// RG_EINVAL naming the stages if there is no such stage.
int rg_evaluate_check(const char *stage);

// *report: a JSON object, free() it. Computes with config->threads. stage is one that rg_evaluate_check
// accepts. stage3 waits for the retrieval service. RG_ENOENT, RG_EMODEL, RG_ESTOPPED, RG_EFULL and others,
// with a sentence.
int rg_evaluate(const rg_config_t *config, const char *stage, rg_evaluation_progress_t *progress,
                const atomic_int *stop, char **report);

#endif
