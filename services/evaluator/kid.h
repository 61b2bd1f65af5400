// Kernel distance of two sets of feature vectors: the squared maximum mean discrepancy with the kernel
// (x.y / d + 1)^3, by its unbiased estimator (Binkowski et al. 2018, section 4 and eq. 4). Of Inception's
// features it is called KID. Unlike the Frechet distance it is not biased by the number of images; it may be
// below 0.
#ifndef RG_EVALUATOR_KID_H
#define RG_EVALUATOR_KID_H

#include <stdint.h>

#include "services/evaluator/distances.h"

typedef struct {
    double mean, spread; // over subsets: mean and standard deviation
} rg_kid_t;

// Of `subsets` random subsets of `size` vectors of each set, drawn without replacement. RG_EINVAL with fewer
// than two vectors per subset or more than there are, RG_ENUMERIC if they are not finite.
int rg_kid(rg_kid_t *kid, const rg_vectors_t *a, const rg_vectors_t *b, int subsets, size_t size,
           uint64_t seed);

#endif
