// Mean and covariance of feature vectors that come in batches and are not kept: each batch's own moments are
// merged by the pairwise update of Chan, Golub and LeVeque (1979), in double.
#ifndef RG_EVALUATOR_MOMENTS_H
#define RG_EVALUATOR_MOMENTS_H

#include <stddef.h>

typedef struct {
    int d;
    size_t n;
    double *mean;    // [d], owned
    double *scatter; // [d,d] sum of the outer products of deviations, owned
} rg_moments_t;

void rg_moments_init(rg_moments_t *moments, int d);
void rg_moments_fini(rg_moments_t *moments); // tolerates a zeroed struct

void rg_moments_add(rg_moments_t *moments, const float *x, size_t n); // x [n,d]

// covariance [d,d], unbiased; of two vectors or more.
void rg_moments_covariance(const rg_moments_t *moments, double *covariance);

#endif
