// Distribution distances: how similar two sets of images are, taken as distributions. Adds the numbers of
// every measure of two sets of features to a report: Frechet and kernel distance, precision, recall, density
// and coverage, and the inception score.
#ifndef RG_EVALUATOR_DISTRIBUTION_H
#define RG_EVALUATOR_DISTRIBUTION_H

#include "common/report/evaluation_report.h"
#include "services/evaluator/features.h"

// Settings of the measures. The subsets of the kernel distance have half the vectors of the smaller set, at
// most RG_KID_SIZE_MAX.
enum { RG_KID_SUBSETS = 20, RG_KID_SIZE_MAX = 1000, RG_PRDC_K = 5 };

// A domain with fewer images gets only its count, a whole set with fewer images only the Frechet distance:
// other numbers would be noise.
enum { RG_DOMAIN_MIN = 24 };

// Numbers NAME_MODE over all images, and for each domain NAME_MODE.DOMAIN of the images that were asked to
// become it, against the real ones that show it; images_MODE.DOMAIN is the count of the former. With fewer
// than RG_DOMAIN_MIN images in all, only the Frechet distance of two or more. RG_ENUMERIC.
int rg_distribution_report(const rg_config_t *config, const rg_features_t *real,
                           const rg_features_t *generated, const char *mode, rg_report_t *report);

// What real images reach: the numbers of one half of them against the other. NAME_floor are distances,
// NAME_ceiling the other measures; images_bounds is the size of a half. NAME_floor.DOMAIN and so on compare
// the halves of the images that show a domain. RG_ENUMERIC.
int rg_distribution_bounds(const rg_config_t *config, const rg_features_t *real, rg_report_t *report);

#endif
