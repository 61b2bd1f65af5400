// The losses of the papers that are not plain means (those are in nn/ops.h). Each returns the unweighted
// value.
#ifndef RG_MODEL_LOSS_H
#define RG_MODEL_LOSS_H

#include "common/config/config.h"
#include "common/nn/ops.h"

enum rg_prior { RG_PRIOR_KL, RG_PRIOR_EARTH_MOVER }; // key STAGE.loss.prior

// Distance of E_a's Gaussian from the component of the labels (GMM-UNIT, section 3.2), s = attr_std:
//   kl           0.5 * (log(s^2 / exp(logvar)) + (exp(logvar) + (mean - m)^2) / s^2 - 1)
//   earth_mover  (mean - m)^2 + (exp(logvar / 2) - s)^2, the squared 2-Wasserstein distance of Gaussians
//                (Givens and Shortt 1984)
// summed over attributes, averaged over images and dims. component [N,A*Z] holds m (borrowed until backward).
double rg_loss_prior(rg_tape_t *tape, const rg_config_t *config, enum rg_prior form, rg_tensor_t *mean,
                     rg_tensor_t *logvar, const float *component, float weight);

// Isometry (GMM-UNIT, section 3.2): mean over images of | d(a, b) - d(z, z2) |, d the mean absolute
// difference of two codes; a, b are the codes of G(c,z), G(c,z2). No gradient goes into z and z2.
double rg_loss_isometry(rg_tape_t *tape, rg_tensor_t *a, rg_tensor_t *b, const rg_tensor_t *z,
                        const rg_tensor_t *z2, float weight);

// Triplet loss of stage 2 (RG-UNIT, section 3.2): e [N*(2+K),1,1,D] holds N anchors, N positives and K groups
// of N negatives; mean over N*K of max(0, |a-p| - |a-n| + margin), L2 with PyTorch's 1e-6 added to each
// difference.
double rg_loss_triplet(rg_tape_t *tape, rg_tensor_t *e, int n, int kinds, float margin, float weight);

// Ranking loss of stage 2 (listwise, as ListNet: Cao et al. 2007): e [2N,1,1,D] holds N queries q, then N
// images b, all of unit length. The chance of image j to be ranked first for query i, among all but image i
// itself, is softmax_j(exp(scale) q_i . b_j); it shall be relevance[i,j] ([N,N], rows of which sum to 1, 0 on
// the diagonal; borrowed until backward). Cross entropy, mean over queries. scale [1] learns too.
double rg_loss_ranking(rg_tape_t *tape, rg_tensor_t *e, rg_param_t *scale, const float *relevance,
                       float weight);

#endif
