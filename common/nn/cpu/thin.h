// Convolutions between an image of few channels (RGB) and a wide map: the first layers of the encoders and of
// D, the last of G. Both are one linear map between the map F [pixels, wide] and the image I [n,h,w,thin], by
// way of patches P [pixels, k*k*thin] of I under each pixel of F:
//
//   thin input (3 -> wide)    y = P(x) W        dx = P'(dy W')    dW = P(x)' dy
//   thin output (wide -> 3)   y = P'(x W')      dx = P(dy) W      dW = P(dy)' x    (stride 1, W mirrored)
//
// A direct convolution would leave most lanes of a vector idle here; the products are of full width.
#ifndef RG_NN_CPU_THIN_H
#define RG_NN_CPU_THIN_H

#include "common/nn/cpu/packs.h"
#include "common/nn/cpu/scratch.h"

typedef struct {
    rg__packs_t *packs; // borrowed
    rg__scratch_t patches, dw;
} rg__thin_t;

void rg__thin_fini(rg__thin_t *self);
int rg__thin_fits(const rg_conv_shape_t *s);

// As in kernels.h; db is not ours.
void rg__thin_forward(rg__thin_t *self, float *y, const float *x, rg_weights_t w, const float *bias,
                      const rg_conv_shape_t *s);
void rg__thin_backward(rg__thin_t *self, float *dx, int add, float *dw, const float *x, const float *dy,
                       rg_weights_t w, const rg_conv_shape_t *s);

#endif
