// Convolutions on small maps with many weights, such as D's last layers: products of the input's patches
// (im2col) with the plain weights. It keeps no packed copy of the weights and does not reorder their
// gradient. With few pixels and millions of weights, both would cost more than the products.
#ifndef RG_NN_CPU_PATCHES_H
#define RG_NN_CPU_PATCHES_H

#include "common/nn/cpu/cpu.h"
#include "common/nn/backend.h"

typedef struct {
    rg__scratch_t columns; // [n*oh*ow, c*k*k]
} rg__patches_t;

void rg__patches_fini(rg__patches_t *self);
int rg__patches_fits(const rg_conv_shape_t *s);

// As in backend.h, but without bias, activation and db: the caller does these.
void rg__patches_forward(rg__patches_t *self, float *y, const float *x, const float *w,
                         const rg_conv_shape_t *s);
void rg__patches_backward(rg__patches_t *self, float *dx, int add, float *dw, const float *x, const float *dy,
                          const float *w, const rg_conv_shape_t *s);

#endif
