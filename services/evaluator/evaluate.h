// One evaluation, from a checkpoint to its report.
//
// The report begins with the protocol of the measurement and is appended to RUN/evaluations.jsonl. The same
// weights are measured once, and again only if something in the protocol has changed. RUN/reports/STAGE.json is
// the latest full report of a stage.
//
// Numbers of a report; metrics/metrics.h explains the measures:
//   classifier  accuracy_all, accuracy_edited, accuracy.ATTRIBUTE
//   stage1      DOMAIN is Male, not_Male and so on: of translations, those that were asked to become it; of
//               real images, those that show it. MODE is latent (the code is drawn) or reference (the code is
//               that of a real image).
//               - wanted_accuracy_MODE[.DOMAIN], untouched_accuracy_MODE, images_MODE.DOMAIN
//               - frechet, kid, kid_spread, precision, recall, density, coverage, each as NAME_MODE[.DOMAIN],
//                 and inception_score, inception_spread as NAME_MODE if the extractor has classes
//               - diversity_latent, and diversity_real of as many different real images
//               - lpips_latent and lpips_real, if evaluation.lpips names a network
//               - identity_MODE[.DOMAIN], if evaluation.identity names a network: mean cosine of source and
//                 translation; identity_reconstruction of source and reconstruction, which is the highest
//                 that this model reaches, and identity_real of two different real images, the lowest
//               - reconstruction_l1_255 in grey levels
//               - MODE exemplar has the measures of reference, of the references themselves: annotated training
//                 images with all wanted labels. Sources keep their other labels when they become a DOMAIN, so
//                 translations cannot come as close to it as frechet_floor says; exemplars show how close
//               What real images reach:
//               - ceiling_accuracy[.DOMAIN], untouched_ceiling_accuracy, untranslated_baseline[.DOMAIN]
//               - one half of them, images_bounds[.DOMAIN], against the other half, each [.DOMAIN]:
//                 frechet_floor, kid_floor, kid_spread_floor,
//                 precision_ceiling, recall_ceiling, density_ceiling, coverage_ceiling
//   stage2      pK.SPACE.WHAT. SPACE is trained, untrained, code_only, code_components or random; WHAT is
//               attributes, content, average, strict or found.
//   stage3      as stage1; with the fusion layers also the modes latent_random and reference_random, whose
//               neighbours are random ones, and pixel_change_255_MODE
// Distances use the features of the extractor that the protocol names. They are FID and KID only if that is
// Inception as published.
#ifndef RG_EVALUATOR_EVALUATE_H
#define RG_EVALUATOR_EVALUATE_H

#include "services/evaluator/evaluation.h"

// *report: a JSON object, free() it. Computes with config->threads threads. stage3 with the fusion layers
// waits for the retrieval service. RG_ENOENT, RG_EMODEL, RG_ESTOPPED, RG_EFULL and others.
int rg_evaluate(const rg_config_t *config, enum rg_stage stage, rg_evaluation_progress_t *progress,
                const atomic_int *stop, char **report);

// The same on the first evaluation.follow images, for RUN/evaluations.jsonl only. For diversity it draws at
// most as many translations as there are images.
int rg_evaluate_quickly(const rg_config_t *config, enum rg_stage stage, rg_evaluation_progress_t *progress,
                        const atomic_int *stop);

#endif
