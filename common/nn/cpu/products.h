// Many matrix products of one shape on oneDNN: c[i] (+)= op(a[i]) op(b[i]), row-major, i < batch, results
// f32. Operands are f32 (one sgemm per thread at a time), or bfloat16 (one primitive for all, kept by shape).
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

#endif
