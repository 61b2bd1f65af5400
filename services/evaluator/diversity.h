// How much the translations of one source to one target differ: the mean distance of all pairs of its
// outputs, then of all sources (as Zhu et al. 2017, section 5.2, with LPIPS as the distance; here it is that
// of the named extractor's features).
#ifndef RG_EVALUATOR_DIVERSITY_H
#define RG_EVALUATOR_DIVERSITY_H

#include "services/evaluator/distances.h"

// Of vectors in groups of `outputs` >= 2, one group per source; NAN of no whole group.
double rg_diversity(const rg_vectors_t *vectors, int outputs);

#endif
