// Convolutions by Winograd's minimal filtering (transforms in tiles.h, products in products.h). They work on
// chunks of tiles that fit into the cache, on all threads.
#ifndef RG_NN_CPU_WINOGRAD_H
#define RG_NN_CPU_WINOGRAD_H

#include "common/nn/cpu/packs.h"
#include "common/nn/cpu/products.h"
#include "common/nn/cpu/cpu.h"

typedef struct {
    rg__packs_t *packs; // borrowed
    int bf16;           // operands of products are bfloat16
    rg__products_t *products;
    rg__scratch_t v, m, du;
} rg__winograd_t;

int rg__winograd_init(rg__winograd_t *self, rg__packs_t *packs, int bf16);
void rg__winograd_fini(rg__winograd_t *self);

// 1 if the method supports this geometry and is faster for it.
int rg__winograd_fits(const rg_conv_shape_t *s);

// As in backend.h, but without db: the caller computes it. RG_EINVAL if oneDNN refuses a product.
int rg__winograd_forward(rg__winograd_t *self, void *y, const float *x, rg_weights_t w, const float *bias,
                         const rg_conv_shape_t *s);
int rg__winograd_backward(rg__winograd_t *self, float *dx, int add, float *dw, const float *x,
                          const float *dy, rg_weights_t w, const rg_conv_shape_t *s);

#endif
