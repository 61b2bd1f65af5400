// An approximate index over the first rows of the retrieval set. The index is of any kind that a FAISS
// factory string names ("HNSW32", "IVF256,Flat"); this is the only place that sees FAISS. The factory string
// "Flat" means that no index is built and that searches are exact.
//
// An index is built once, in the background, and does not change afterwards. It returns rows by position.
// Several threads may search it; their searches run one after the other.
#ifndef RG_RETRIEVAL_INDEX_H
#define RG_RETRIEVAL_INDEX_H

#include <stdio.h>

#include "services/retrieval/rows.h"

typedef struct rg_index rg_index_t;

// Returns 1 for "Flat": searches are exact, and no index is built.
int rg_index_is_exact(const char *factory);

// Tries the factory string in a child process (index_trial.c). RG_ECONFIG naming retrieval.index if FAISS
// cannot build an index of this kind over vectors of dim floats, or if it would crash.
int rg_index_check(const char *factory, uint32_t dim);

// Trains an index, if its kind needs training, and adds the rows. RG_ELIMIT if the rows are too few for the
// training, RG_ESTOPPED once *stop is nonzero (checked between steps), RG_EINVAL with the sentence of FAISS.
int rg_index_build(rg_index_t **index, const char *factory, const rg_rows_t *rows, const atomic_int *stop);

// retain adds an owner and returns the same index. destroy ends one ownership; the last one frees the index.
rg_index_t *rg_index_retain(rg_index_t *index);
void rg_index_destroy(rg_index_t **index);

size_t rg_index_count(const rg_index_t *index); // rows

// How thoroughly a search goes through the index; 0 means the default of FAISS. An index ignores the
// parameters that its kind does not have.
typedef struct {
    uint32_t nprobe;    // inverted lists that an IVF index visits
    uint32_t ef_search; // candidates that an HNSW index keeps
} rg_index_effort_t;

// Finds about the k nearest rows of each of n queries [n,D]. Writes positions rows [n,k], nearest first by
// the approximate distance of the index, -1 where the index found fewer. RG_EINVAL.
int rg_index_search(rg_index_t *index, int64_t *rows, const float *queries, size_t n, size_t k,
                    rg_index_effort_t effort);

// Writes to or reads from an open file at its present position. FAISS does not validate what it reads: pass
// only what rg_index_write has written. RG_EIO, RG_EFULL; read: RG_EFORMAT unless the index has that many
// rows of dim floats.
int rg_index_write(rg_index_t *index, FILE *file);
int rg_index_read(rg_index_t **index, FILE *file, uint32_t dim, size_t rows);

#endif
