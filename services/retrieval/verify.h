// Reading everything that is stored, and comparing the view with it.
#ifndef RG_RETRIEVAL_VERIFY_H
#define RG_RETRIEVAL_VERIFY_H

#include "services/retrieval/set.h"

enum { RG_PROBLEMS_MAX = 20 };

typedef struct {
    uint64_t images;                    // stored
    uint64_t bytes;                     // of thumbnails, features and embeddings
    uint64_t problems;                  // in all
    char problem[RG_PROBLEMS_MAX][256]; // the first of them
    double recall;                      // at 10, of the index against exact search; 1 where there is no index
} rg_verified_t;

// Of a look's generation. RG_ESTOPPED once *stop is nonzero, RG_EIO.
int rg_verify(rg_verified_t *verified, const rg_look_t *look, const atomic_int *stop);

#endif
