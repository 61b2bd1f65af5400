// The Frechet distance between two sets of feature vectors, each seen as a Gaussian (Dowson and Landau 1982;
// as a measure of generated images: Heusel et al. 2017, eq. 6):
//   |m_a - m_b|^2 + tr(S_a) + tr(S_b) - 2 tr((S_a^1/2 S_b S_a^1/2)^1/2)
// with means m and unbiased covariances S, all in double. It is biased upwards, the more the smaller the
// sets: compare only numbers of equal counts. It is called FID only with Inception's features.
#ifndef RG_EVALUATOR_FRECHET_H
#define RG_EVALUATOR_FRECHET_H

#include "services/evaluator/distances.h"
#include "services/evaluator/moments.h"

// Distance of a and b, of one width, 0 or more. RG_EINVAL with fewer than two vectors, RG_ENUMERIC if they
// are not finite.
int rg_frechet(double *distance, const rg_moments_t *a, const rg_moments_t *b);

// The same of the vectors themselves, whose width costs little where there are fewer of them than it.
int rg_frechet_of_vectors(double *distance, const rg_vectors_t *a, const rg_vectors_t *b);

#endif
