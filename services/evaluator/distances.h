// Squared Euclidean distances of all pairs of feature vectors, as products of blocks.
#ifndef RG_EVALUATOR_DISTANCES_H
#define RG_EVALUATOR_DISTANCES_H

#include <stddef.h>

// Feature vectors [n,d], borrowed.
typedef struct {
    const float *row;
    size_t n;
    int d;
} rg_vectors_t;

// Vectors first.. of a set, count of them.
rg_vectors_t rg_vectors_part(const rg_vectors_t *vectors, size_t first, size_t count);

// out [a->n,b->n], 0 or more. In double: close vectors far from the origin lose what the products cancel,
// about 1e-16 of their squared lengths.
void rg_distances(double *out, const rg_vectors_t *a, const rg_vectors_t *b);

// The inner products themselves.
void rg_products(double *out, const rg_vectors_t *a, const rg_vectors_t *b);

#endif
