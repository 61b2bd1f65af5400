// How much made images are like real ones, by every measure of two sets of features: Frechet and kernel
// distance, precision, recall, density, coverage; and the inception score of the made ones.
#ifndef RG_EVALUATOR_RESEMBLANCE_H
#define RG_EVALUATOR_RESEMBLANCE_H

#include "services/evaluator/features.h"
#include "common/report/evaluation_report.h"

// Of a kernel distance: subsets of half the smaller set, at most this many vectors. Of balls: neighbours.
enum { RG_KID_SUBSETS = 20, RG_KID_SIZE_MAX = 1000, RG_PRDC_K = 5 };

// Of domains with fewer images on either side only the count is told: more would be noise.
enum { RG_DOMAIN_MIN = 24 };

// Numbers NAME_MODE over all images, and NAME_MODE.DOMAIN of the images that were asked to become a domain,
// images_MODE.DOMAIN of them, against the real ones that show it. Fewer than RG_DOMAIN_MIN images in all:
// nothing but the Frechet distance of two or more. RG_ENUMERIC.
int rg_resemblance(const rg_config_t *config, const rg_features_t *real, const rg_features_t *made,
                   const char *mode, rg_report_t *report);

// What real images reach: one half of them, images_bounds, against the other, NAME_floor of distances and
// NAME_ceiling of the others; and NAME_floor.DOMAIN, NAME_ceiling.DOMAIN of those that show a domain,
// images_bounds.DOMAIN in each half.
int rg_resemblance_bounds(const rg_config_t *config, const rg_features_t *real, rg_report_t *report);

#endif
