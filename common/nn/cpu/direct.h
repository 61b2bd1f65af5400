// Convolutions on oneDNN's C API. Activations are NHWC; weights have the format that oneDNN chooses (`any`),
// because a fixed plain format takes a slow path. Primitives are cached by geometry and share one scratchpad,
// so a steady-state step creates and allocates nothing. Any window and any groups, but zero padding only and
// no upsampling; conv.c does these.
#ifndef RG_NN_CPU_DIRECT_H
#define RG_NN_CPU_DIRECT_H

#include "common/nn/cpu/packs.h"
#include "common/nn/cpu/cpu.h"

typedef struct rg__direct rg__direct_t;

// bf16: activations and weights are rounded to bfloat16 on input; sums and results are f32. RG_EVERSION if
// oneDNN cannot start or does not support this on this processor.
int rg__direct_new(rg__direct_t **direct, rg__packs_t *packs, int bf16);
void rg__direct_destroy(rg__direct_t **direct);

// As in backend.h; weight gradients for ungrouped convolutions only. RG_EINVAL if oneDNN refuses the
// geometry.
int rg__direct_forward(rg__direct_t *self, float *y, const float *x, rg_weights_t w, const float *bias,
                       const rg_window_conv_shape_t *s);
int rg__direct_backward_data(rg__direct_t *self, float *dx, const float *dy, rg_weights_t w,
                             const rg_window_conv_shape_t *s);
int rg__direct_backward_weights(rg__direct_t *self, float *dw, float *db, const float *x, const float *dy,
                                const rg_window_conv_shape_t *s);

#endif
