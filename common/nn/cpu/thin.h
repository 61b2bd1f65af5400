// Convolutions between an RGB image and a wide map: the first layers of the encoders and of D, the last layer
// of G. Vectors run over the channels of the wide map; the three channels of the image are broadcast. Let W
// be [k,k,3,wide], F the wide map [n,rows,columns,wide] and I the padded image. Then both cases are one
// linear map and its adjoints:
//
//   RGB input (3 -> wide)     y = to_wide(x)    dx = to_rgb(dy)     dW = to_weights(x, dy)
//   RGB output (wide -> 3)    y = to_rgb(x)     dx = to_wide(dy)    dW = to_weights(dy, x)   (W mirrored)
#ifndef RG_NN_CPU_THIN_H
#define RG_NN_CPU_THIN_H

#include "common/nn/cpu/packs.h"
#include "common/nn/cpu/cpu.h"

enum { RG_RGB = 3 };

// The two sides of the linear map. Pixel (r,c) of F is connected with the k x k pixels of padded I from
// (r,c)*stride on.
typedef struct {
    int n, rows, columns, wide; // F
    int h, w, pad, reflect;     // I, without its padding
    int k, stride;
    int output; // 1: I is the convolution's output, F its input; 0: the other way round
    int half;   // F is written as bfloat16
} rg__thin_map_t;

static inline int rg__thin_padded_width(const rg__thin_map_t *m)
{
    return m->w + 2 * m->pad;
}

typedef struct {
    rg__packs_t *packs; // borrowed
    rg__scratch_t padded, dw, sums, products;
} rg__thin_t;

void rg__thin_fini(rg__thin_t *self);
int rg__thin_fits(const rg_conv_shape_t *s);

// As in backend.h, but without db: the caller computes it.
void rg__thin_forward(rg__thin_t *self, void *y, const float *x, rg_weights_t w, const float *bias,
                      const rg_conv_shape_t *s);
void rg__thin_backward(rg__thin_t *self, float *dx, int add, float *dw, const float *x, const float *dy,
                       rg_weights_t w, const rg_conv_shape_t *s);

#endif
