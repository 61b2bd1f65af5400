// Finding images in a view: the nearest through its index and exactly among the rows the index does not
// cover, or random ones.
//
// Only living rows are found. A search among chosen rows is exact, whatever the index; so is one for which
// the index, after what it found that is dead, has too little left. Distances are exact in any case.
#ifndef RG_RETRIEVAL_SEARCH_H
#define RG_RETRIEVAL_SEARCH_H

#include "services/retrieval/exact.h"
#include "services/retrieval/view.h"

// n searches for k images.
typedef struct {
    const float *queries; // [n,D], finite; not read where random is set
    size_t n, k;
    const ptrdiff_t *exclude; // [n] a row each search must not find, -1: none; or NULL
    const rg_marks_t *among;  // living rows to choose from; NULL: all of them
    size_t pool;              // more than k: the k are drawn from so many of the nearest
    int random;               // k distinct images drawn uniformly instead of the nearest, distance 0
    uint64_t seed;            // of pool and random
    uint64_t number;          // of the first query there
    rg_effort_t effort;
    rg_thread_pool_t *threads; // for large searches, or NULL
} rg_search_t;

// hits [n,k], nearest first; row -1 where there are fewer. RG_EINVAL.
int rg_search_run(rg_hit_t *hits, const rg_view_t *view, const rg_search_t *search);

#endif
