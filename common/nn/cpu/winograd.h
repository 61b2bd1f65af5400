// Convolutions by Winograd's minimal filtering (tiles.h) with oneDNN's sgemm for the products. The domain is
// crossed in chunks of tiles that stay in the cache, on all threads.
#ifndef RG_NN_CPU_WINOGRAD_H
#define RG_NN_CPU_WINOGRAD_H

#include "common/nn/cpu/packs.h"
#include "common/nn/cpu/scratch.h"

typedef struct {
    rg__packs_t *packs; // borrowed
    rg__scratch_t v, m, du;
} rg__winograd_t;

void rg__winograd_fini(rg__winograd_t *self);

// 1 if this geometry can go this way and gains by it.
int rg__winograd_fits(const rg_conv_shape_t *s);

// As in kernels.h; db is not ours.
void rg__winograd_forward(rg__winograd_t *self, float *y, const float *x, rg_weights_t w, const float *bias,
                          const rg_conv_shape_t *s);
void rg__winograd_backward(rg__winograd_t *self, float *dx, int add, float *dw, const float *x,
                           const float *dy, rg_weights_t w, const rg_conv_shape_t *s);

#endif
