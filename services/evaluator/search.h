// Exact search: every query against every vector, as products of blocks. The standard other searches are held
// to.
#ifndef RG_EVALUATOR_SEARCH_H
#define RG_EVALUATOR_SEARCH_H

#include <stddef.h>
#include <stdint.h>

#include "common/nn/backend.h"

// found [nq,k]: positions in base [n,d] of the k vectors nearest to each of queries [nq,d] by L2, nearest
// first, of equally near ones the first. 1 <= k <= n.
void rg_search_exact(const rg_backend_t *backend, uint32_t *found, const float *queries, size_t nq,
                     const float *base, size_t n, int d, int k);

#endif
