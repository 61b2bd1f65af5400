// Searches of a view: the nearest images, or random ones, possibly only among the images that pass a filter.
//
// Only rows that are alive are found. The rows that the index covers are searched through it, the rows behind
// them exactly. A search among allowed rows is exact and does not use the index. So is a query for which the
// index found too few rows that are alive. Distances are exact in every case.
#ifndef RG_RETRIEVAL_SEARCH_H
#define RG_RETRIEVAL_SEARCH_H

#include "services/retrieval/exact.h"
#include "services/retrieval/view.h"

// n queries for k images each.
typedef struct {
    const float *queries; // [n,D], finite; not read if `random` is set
    size_t n, k;
    const ptrdiff_t *exclude;   // [n] a row that the query must not find, -1: none; or NULL
    const rg_bitset_t *allowed; // rows that may be found, all of them alive; NULL: all rows that are alive
    size_t pool;                // if larger than k: draw the k at random from this many of the nearest
    int random;      // draw k distinct images uniformly instead of the nearest; distances are infinite
    uint64_t seed;   // of the draws for pool and random
    uint64_t number; // number of the first query in the sequence of draws
    rg_index_effort_t effort;
    rg_thread_pool_t *threads; // for large searches, or NULL
} rg_search_t;

// Writes hits [n,k], nearest first; row -1 where there are fewer than k. RG_EINVAL.
int rg_search_run(rg_hit_t *hits, const rg_view_t *view, const rg_search_t *search);

// Finds the row of a content id in the view of the transaction's generation: -1 if there is none. RG_EIO.
int rg_search_find_row(ptrdiff_t *row, const uint8_t id[RG_ID_SIZE], const rg_view_t *view,
                       rg_store_txn_t *txn);

// Sets the bits of the rows that are alive and meet every condition of the filter. Leaves `allowed` zeroed,
// without words, if the filter has no condition; otherwise the caller ends it with rg_bitset_fini. txn has
// the generation of the view. RG_EINVAL for an id of a wrong length and for an unknown annotation, RG_EIO.
int rg_search_filter(rg_bitset_t *allowed, const Rg__V1__Filter *filter, const rg_view_t *view,
                     rg_store_txn_t *txn);

// Sets the bits of all rows that are alive. The caller ends it with rg_bitset_fini.
void rg_search_allow_alive(rg_bitset_t *allowed, const rg_view_t *view);

#endif
