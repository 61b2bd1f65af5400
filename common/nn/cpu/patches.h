// Convolutions on small maps with many weights, D's last layers above all: products of the input's patches
// with the weights as they are. No packed copy of the weights is kept, and their gradient needs no
// reordering; both cost more than the products where few pixels meet millions of weights.
#ifndef RG_NN_CPU_PATCHES_H
#define RG_NN_CPU_PATCHES_H

#include "common/nn/cpu/cpu.h"
#include "common/nn/backend.h"

typedef struct {
    rg__scratch_t columns; // [n*oh*ow, c*k*k]
} rg__patches_t;

void rg__patches_fini(rg__patches_t *self);
int rg__patches_fits(const rg_conv_shape_t *s);

// As in backend.h; bias, activation and db are not ours.
void rg__patches_forward(rg__patches_t *self, float *y, const float *x, const float *w,
                         const rg_conv_shape_t *s);
void rg__patches_backward(rg__patches_t *self, float *dx, int add, float *dw, const float *x, const float *dy,
                          const float *w, const rg_conv_shape_t *s);

#endif
