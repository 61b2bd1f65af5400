// Batched matrix products: c[i] (+)= op(a[i]) op(b[i]) for i < batch, row-major, results in f32.
// f32 operands take one sgemm per product, a product per thread. The sgemm is oneDNN's on x86-64 and
// OpenBLAS's elsewhere, where oneDNN has only a slow reference. bfloat16 operands take one primitive of oneDNN
// for the whole batch, which is cached by shape.
#ifndef RG_NN_CPU_PRODUCTS_H
#define RG_NN_CPU_PRODUCTS_H

#include <stddef.h>

typedef struct rg__products rg__products_t;

typedef struct {
    int batch, m, n, k; // op(a) [m,k], op(b) [k,n], c [m,n]
    int transpose_a, transpose_b, add;
    size_t plane_a, plane_b, plane_c; // elements from one matrix to the next
} rg__product_t;

// RG_EVERSION if oneDNN cannot start.
int rg__products_new(rg__products_t **products, int bf16);
void rg__products_destroy(rg__products_t **products);

// RG_EINVAL if oneDNN refuses.
int rg__products_run(rg__products_t *self, const rg__product_t *shape, const void *a, const void *b,
                     float *c);

// One product of f32 on all threads, or on one within an OpenMP region. It ignores batch and planes.
void rg__product_f32(const rg__product_t *shape, const float *a, const float *b, float *c);

#endif
