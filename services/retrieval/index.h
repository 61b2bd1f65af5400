// An approximate index over the first rows of the retrieval set: any FAISS index_factory string, through
// FAISS's C API (the only place that sees it). "Flat" is no such index: rows are searched exactly without
// one.
//
// It is built from rows, in the background if need be, and does not change afterwards. Rows are found by
// their position. It may be searched from several threads, one after the other.
#ifndef RG_RETRIEVAL_INDEX_H
#define RG_RETRIEVAL_INDEX_H

#include <stdio.h>

#include "services/retrieval/rows.h"

typedef struct rg_index rg_index_t;

// "Flat": exact, there is nothing to build.
int rg_index_is_exact(const char *factory);

// RG_ECONFIG naming the factory string if FAISS doesn't know it for vectors of dim floats, or if it brings
// labels of its own.
int rg_index_check(const char *factory, uint32_t dim);

// Trains an index, if its kind needs that, and adds the rows. RG_ELIMIT if there are too few rows to train
// it, RG_ESTOPPED once *stop is nonzero (looked at between steps), RG_EINVAL with FAISS's sentence.
int rg_index_build(rg_index_t **index, const char *factory, const rg_rows_t *rows, const atomic_int *stop);

// One more owner of the same index; destroy ends one's ownership.
rg_index_t *rg_index_share(rg_index_t *index);
void rg_index_destroy(rg_index_t **index);

size_t rg_index_count(const rg_index_t *index);

// How hard to look; 0: FAISS's default. What an index does not have is passed over.
typedef struct {
    uint32_t nprobe;    // lists an IVF index looks into
    uint32_t ef_search; // candidates an HNSW index keeps
} rg_effort_t;

// The k nearest of each of n queries [n,D]: rows [n,k], nearest first by the index's own approximate
// distance, -1 where it found fewer. RG_EINVAL.
int rg_index_search(rg_index_t *index, int64_t *rows, const float *queries, size_t n, size_t k,
                    rg_effort_t effort);

// To and from an open file at its present position. read: RG_EFORMAT unless it has that many rows of dim
// floats; what is read must be what write has written, FAISS does not check it. RG_EIO, RG_EFULL.
int rg_index_write(rg_index_t *index, FILE *file);
int rg_index_read(rg_index_t **index, FILE *file, uint32_t dim, size_t rows);

#endif
