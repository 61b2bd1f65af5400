// Exact nearest neighbours among rows: every row is compared with every query.
//
// Several queries are multiplied with slabs of rows (OpenBLAS), the rows' norms being known; single ones are
// compared row by row. Distances of what is found are always computed from the differences, so that they are
// exact to float and an equal vector has distance 0.
#ifndef RG_RETRIEVAL_EXACT_H
#define RG_RETRIEVAL_EXACT_H

#include "common/core/thread_pool.h"
#include "services/retrieval/marks.h"
#include "services/retrieval/rows.h"

typedef struct {
    float dist_l2sq;
    ptrdiff_t row; // -1: none
} rg_hit_t;

// The k nearest rows of each of n queries [n,D], among the rows from `from` on that are set in `among` (NULL:
// all of them): hits [n,k], nearest first, row -1 where there are fewer. Small searches run on the calling
// thread, large ones on the pool too, if there is one.
void rg_exact_search(rg_hit_t *hits, const rg_rows_t *rows, size_t from, const rg_marks_t *among,
                     const float *queries, size_t n, size_t k, rg_thread_pool_t *pool);

// Squared distance of a row to a query [D].
float rg_exact_distance(const rg_rows_t *rows, size_t row, const float *query);

// Orders hits [n]: nearest first, equally near ones by row, row -1 last.
void rg_hits_sort(rg_hit_t *hits, size_t n);

#endif
