// Exact nearest neighbours: every row is compared with every query, by squared L2 distance.
//
// The distances that are returned are exact to float: they are computed from differences, and the distance of
// equal vectors is 0.
#ifndef RG_RETRIEVAL_EXACT_H
#define RG_RETRIEVAL_EXACT_H

#include "common/core/thread.h"
#include "services/retrieval/bitset.h"
#include "services/retrieval/rows.h"

// One result of a search.
typedef struct {
    float dist_l2sq;
    ptrdiff_t row; // -1: no result; the distance is infinite then
} rg_hit_t;

// Finds the k nearest rows of each of n queries [n,D], among the rows from position `from` on whose bit is 1
// in `allowed` (NULL: all rows). Writes hits [n,k], nearest first; row -1 where there are fewer than k. Small
// searches run on the calling thread only, large ones also on the pool if it is not NULL.
void rg_exact_search(rg_hit_t *hits, const rg_rows_t *rows, size_t from, const rg_bitset_t *allowed,
                     const float *queries, size_t n, size_t k, rg_thread_pool_t *pool);

// The squared distance of a and b [dim].
float rg_exact_l2sq(const float *a, const float *b, size_t dim);

// The squared distance of a row to a query [D].
float rg_exact_distance(const rg_rows_t *rows, size_t row, const float *query);

// Sorts hits [n]: nearest first, equal distances by row, hits without a row last.
void rg_hits_sort(rg_hit_t *hits, size_t n);

#endif
