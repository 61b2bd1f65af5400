// Do made images lie where real ones do, and everywhere they do? Balls around each feature vector, as wide as
// the distance to its k-th nearest neighbour in its own set, say where a set is:
//   precision  made vectors within a ball of a real one (Kynkaanniemi et al. 2019, eq. 2)
//   recall     real vectors within a ball of a made one
//   density    real balls that hold a made vector, per made vector and k (Naeem et al. 2020, eq. 3)
//   coverage   real balls that hold a made vector at all (eq. 4)
#ifndef RG_EVALUATOR_PRDC_H
#define RG_EVALUATOR_PRDC_H

#include "services/evaluator/distances.h"

typedef struct {
    double precision, recall, density, coverage; // 0..1, density from 0 on, about 1 for equal distributions
} rg_prdc_t;

// RG_EINVAL unless each set has more than k >= 1 vectors.
int rg_prdc(rg_prdc_t *prdc, const rg_vectors_t *real, const rg_vectors_t *made, int k);

#endif
