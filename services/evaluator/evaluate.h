// One evaluation from checkpoint to report. The report carries its protocol and is added to
// RUN/evaluations.jsonl: the same weights are measured once, and again only when something in the protocol
// has changed. RUN/reports/STAGE.json is the latest whole report of a stage.
//
// Numbers of a report:
//   classifier  accuracy_all, accuracy_edited, accuracy.ATTRIBUTE
//   stage1      with DOMAIN: of the images asked to become one (Male, not_Male), of real ones those showing
//   it
//               of each MODE, latent (drawn codes) and reference (codes of real images):
//                 wanted_accuracy_MODE[.DOMAIN], untouched_accuracy_MODE, images_MODE.DOMAIN
//                 frechet, kid, kid_spread, precision, recall, density, coverage, each as NAME_MODE[.DOMAIN]
//               diversity_latent, and diversity_real of that many different images
//               reconstruction_l1_255 (grey levels), untranslated_baseline[.DOMAIN]
//               what real images reach: ceiling_accuracy[.DOMAIN], untouched_ceiling_accuracy;
//                 and one half of them, images_bounds[.DOMAIN], against the other, each [.DOMAIN]:
//                 frechet_floor, kid_floor, kid_spread_floor,
//                 precision_ceiling, recall_ceiling, density_ceiling, coverage_ceiling
//   stage2      pK.ROW.WHAT of rows trained, untrained, code_only, random, and what: attributes, content,
//               average, strict
//   stage3      as stage1, and where it fuses as much of modes latent_random and reference_random, whose
//               neighbours are random ones, with pixel_change_255_MODE
// Distances are of the features of the extractor that the protocol names; they are not FID or KID, which are
// Inception's.
#ifndef RG_EVALUATOR_EVALUATE_H
#define RG_EVALUATOR_EVALUATE_H

#include "services/evaluator/evaluation.h"

// *report: a JSON object, free() it. Computes with config->threads. stage3 waits for the retrieval service. RG_ENOENT, RG_EMODEL, RG_ESTOPPED, RG_EFULL and others,
// with a sentence.
int rg_evaluate(const rg_config_t *config, enum rg_stage stage, rg_evaluation_progress_t *progress,
                const atomic_int *stop, char **report);

// The same on the first evaluation.follow images, whose report only RUN/evaluations.jsonl gets. For diversity
// it draws no more translations than there are images.
int rg_evaluate_quickly(const rg_config_t *config, enum rg_stage stage, rg_evaluation_progress_t *progress,
                        const atomic_int *stop);

#endif
