// The nearest-neighbour index: labelled vectors in FAISS (the only place that sees it), through its C API.
//
// Any FAISS index_factory string that needs no training: "Flat" (exact), "HNSW32,Flat", "SQfp16", ... Vectors
// are found by the label they were added with, never by position. Distances are squared L2.
#ifndef RG_RETRIEVAL_INDEX_H
#define RG_RETRIEVAL_INDEX_H

#include <stddef.h>
#include <stdint.h>

typedef struct rg_index rg_index_t;

// An empty index of vectors of dim floats. RG_ECONFIG naming the factory string if FAISS doesn't know it, or
// if it needs training or cannot hold labelled vectors.
int rg_index_new(rg_index_t **index, const char *factory, uint32_t dim);
void rg_index_destroy(rg_index_t **index);

size_t rg_index_count(const rg_index_t *index);

// Adds n vectors [n,dim]. Labels are the caller's, at least 0, each used once. RG_EINVAL with FAISS's
// sentence.
int rg_index_add(rg_index_t *index, const float *vectors, const int64_t *labels, size_t n);

// Removes those labels, if they are there. RG_EINVAL if this kind of index cannot remove: nothing has
// changed.
int rg_index_remove(rg_index_t *index, const int64_t *labels, size_t n);

// The k nearest of each of n queries [n,dim], nearest first: labels [n,k], dist_l2sq [n,k]. Where the index
// has fewer than k vectors the label is -1. RG_EINVAL.
int rg_index_search(const rg_index_t *index, int64_t *labels, float *dist_l2sq, const float *queries,
                    size_t n, size_t k);

#endif
