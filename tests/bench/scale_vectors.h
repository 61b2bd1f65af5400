// Vectors that lie like the embeddings of images: any number of them, each by its own number.
#ifndef RG_BENCH_SCALE_VECTORS_H
#define RG_BENCH_SCALE_VECTORS_H

#include <stddef.h>
#include <stdint.h>

typedef struct scale_vectors scale_vectors_t;

// Prepares the base from which vectors of d floats are drawn. path: a file of f32 [n,d], such as the
// embeddings.npy of rg-ctl export without its head of 128 bytes; NULL: a base of made-up embeddings. NULL
// with a message if the file cannot be used. Never freed.
scale_vectors_t *scale_vectors_new(const char *path, size_t d);

// Writes vectors first..first+n-1 to out [n,d]. The same number gives the same vector in every process.
void scale_vectors_draw(const scale_vectors_t *vectors, float *out, uint64_t first, size_t n);

#endif
