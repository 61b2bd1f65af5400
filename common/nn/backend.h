// The narrow table of functions behind which a device lives. Ops (ops.h) build graphs and know no device; a
// backend computes and knows no graph. cpu/ is oneDNN, OpenBLAS and our own loops; another backend fills the
// same table (NHWC too).
//
// Kernels take outputs first, then inputs, then sizes; they never allocate what grows with the number of
// calls. Where `add` is nonzero the kernel adds to its output, otherwise it overwrites. Weight and bias
// gradients always add. Letters: N images, H W rows and columns, C channels, K kernel side, O outputs.
#ifndef RG_NN_BACKEND_H
#define RG_NN_BACKEND_H

#include <stddef.h>
#include <stdint.h>

#include "common/nn/tensor.h"

// How a kernel moves over one side of a map: `k` taps, `dilation` pixels apart, at positions `stride` pixels
// apart. The first position begins `before` pixels before the map; the last one ends at most `after` pixels
// behind it.
typedef struct {
    int k, stride, dilation, before, after;
} rg_window_side_t;

typedef struct {
    rg_window_side_t h, w;
} rg_window_t;

// Positions over `size` pixels; 0 if not even one has room. With `partial` also a last one that reaches
// beyond the padding, if it begins in the map or in the padding before it.
static inline int rg_window_positions(const rg_window_side_t *s, int size, int partial)
{
    int room = size + s->before + s->after - (s->k - 1) * s->dilation - 1;
    if (room < 0) return 0;
    int count = room / s->stride + 1;
    return partial && room % s->stride && count * s->stride < size + s->before ? count + 1 : count;
}

// A convolution's geometry: x [n,h,w,c] * w [o,c,k,k] -> y [n,oh,ow,o], `pad` pixels added on all sides.
typedef struct {
    int n, h, w, c, o, k, stride, pad, oh, ow;
    int reflect;     // the padding mirrors the image (edge not repeated) instead of being zero
    int up;          // x is upsampled by 2 (nearest) before the padding: oh, ow count from [2h,2w]
    enum rg_act act; // fused into the forward pass: NONE, RELU or LEAKY
    int half;        // y is bfloat16; o comes in sixteens
} rg_conv_shape_t;

// A convolution of any geometry: x [n,h,w,c] * w [o,c/groups,kh,kw] -> y [n,oh,ow,o], a group of inputs for
// each group of outputs.
typedef struct {
    int n, h, w, c, o, groups, oh, ow;
    rg_window_t window;
    enum rg_act act; // NONE, RELU or LEAKY
} rg_window_conv_shape_t;

// Pooling: x [n,h,w,c] -> y [n,oh,ow,c]. Every window has a pixel of the map, or the mean counts padding.
enum rg_pooling {
    RG_POOLING_MAX,
    RG_POOLING_MEAN,       // of the pixels of the map
    RG_POOLING_MEAN_PADDED // padding counts as zeros, what lies behind it does not
};
typedef struct {
    int n, h, w, c, oh, ow;
    rg_window_t window;
    enum rg_pooling kind;
} rg_pool_shape_t;

// What a norm reads: f32, or bfloat16 where half.
typedef struct {
    const void *data;
    int half;
} rg_map_t;

// Weights with the version of their block: packed copies are kept per (address, version).
typedef struct {
    const float *value;
    uint64_t version;
} rg_weights_t;

// A block of n parameters with what training keeps beside them. v: of adam only; ema NULL: no average.
typedef struct {
    float *value, *grad, *m, *v, *ema;
    size_t n;
} rg_block_t;

typedef struct {
    float gscale; // factor of the gradient: clipping
    float lr, decay;
    float ema;          // ema = ema * (this) + value * (1 - this)
    float momentum;     // sgd
    float beta1, beta2; // adam
    int decoupled;      // adam: the weight decay is AdamW's, else it is added to the gradient
    uint64_t t;         // adam: which update this is, from 1
} rg_update_t;

// Bounds of a value (INFINITY: none), and what is left of a slope of 1 below `low`.
typedef struct {
    float low, high, leak;
} rg_clip_t;

typedef struct rg_backend rg_backend_t;

struct rg_backend {
    void (*destroy)(rg_backend_t *self);
    int bf16; // convolutions and norms may meet in bfloat16

    // bias NULL: none
    int (*conv_forward)(rg_backend_t *self, void *y, const float *x, rg_weights_t w, const float *bias,
                        const rg_conv_shape_t *s);
    // What is not wanted is NULL: dx [n,h,w,c], dw [o,c,k,k], db [o]. dy is already behind the activation; x
    // is read only for dw, w only for dx.
    int (*conv_backward)(rg_backend_t *self, float *dx, int add, float *dw, float *db, const float *x,
                         const float *dy, rg_weights_t w, const rg_conv_shape_t *s);

    // The same for any geometry, and the gradient with respect to the image only.
    int (*window_conv_forward)(rg_backend_t *self, float *y, const float *x, rg_weights_t w,
                               const float *bias, const rg_window_conv_shape_t *s);
    int (*window_conv_backward)(rg_backend_t *self, float *dx, int add, const float *dy, rg_weights_t w,
                                const rg_window_conv_shape_t *s);

    // c [m,n] = alpha * op(a) op(b) + beta * c, row-major
    void (*gemm)(int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a,
                 const float *b, float beta, float *c);

    // Of equal ones the first, row by row, gets a maximum's gradient; x is read for maxima only.
    void (*pool_forward)(float *y, const float *x, const rg_pool_shape_t *s);
    void (*pool_backward)(float *dx, int add, const float *dy, const float *x, const rg_pool_shape_t *s);

    // Mean over each channel's map: y [n,c].
    void (*mean_forward)(float *y, const float *x, int n, int hw, int c);
    void (*mean_backward)(float *dx, int add, const float *dy, int n, int hw, int c);

    // Instance norm and AdaIN (Huang and Belongie 2017, eq. 8), fused with activation or residual:
    //   y = act(scale * (x - mean) * rstd + shift) + residual, biased variance, eps 1e-5
    // scale, shift: rows of `stride` floats per image, NULL = 1 and 0. residual NULL: none; act NONE where
    // given. mean, rstd [n,c]. `hw` pixels per map.
    void (*instance_moments)(float *mean, float *rstd, rg_map_t x, int n, int hw, int c);
    void (*instance_forward)(float *y, rg_map_t x, const float *mean, const float *rstd, const float *scale,
                             const float *shift, int stride, const float *residual, enum rg_act act, int n,
                             int hw, int c);
    // dy is already behind the activation. dscale, dshift: rows like scale, shift, added to; NULL with them.
    void (*instance_backward)(float *dx, int add, float *dscale, float *dshift, const float *dy, rg_map_t x,
                              const float *mean, const float *rstd, const float *scale, int stride, int n,
                              int hw, int c);

    // MUNIT's layer norm: over h,w,c of an image, unbiased std, eps 1e-5 outside the root; gain, bias [c].
    //   y = act(gain * (x - mean) / (std + eps) + bias), mean, std [n]
    void (*layer_moments)(float *mean, float *std, rg_map_t x, int n, int hw, int c);
    void (*layer_forward)(float *y, rg_map_t x, const float *mean, const float *std, const float *gain,
                          const float *bias, enum rg_act act, int n, int hw, int c);
    // room [n,2,c]: each image's share of dgain and dbias
    void (*layer_backward)(float *dx, int add, float *dgain, float *dbias, float *room, const float *dy,
                           rg_map_t x, const float *mean, const float *std, const float *gain, int n, int hw,
                           int c);

    // y = x / |x| by row, |x| [n] at least 1e-12
    void (*unit_forward)(float *y, float *length, const float *x, int n, int c);
    void (*unit_backward)(float *dx, int add, const float *dy, const float *y, const float *length, int n,
                          int c);

    // y = act(x), and dx (+)= dy * act'(y): every activation here has a derivative known from its output.
    void (*act_forward)(float *y, const float *x, enum rg_act act, size_t n);
    void (*act_backward)(float *dx, int add, const float *dy, const float *y, enum rg_act act, size_t n);

    void (*add)(float *y, const float *a, const float *b, size_t n); // y may be a
    // y [rows,columns] += bias [columns], then act; and its transpose: db += column sums of dy
    void (*bias_forward)(float *y, const float *bias, enum rg_act act, int rows, int columns);
    void (*bias_backward)(float *db, const float *dy, int rows, int columns);

    // y [rows,columns] = act(x * scale [columns] + shift [columns]), shift NULL: 0; dx (+)= dy * scale, dy
    // already behind the activation; and dscale [columns] (+)= column sums of dy * x.
    void (*scale_forward)(float *y, const float *x, const float *scale, const float *shift, enum rg_act act,
                          size_t rows, size_t columns);
    void (*scale_backward)(float *dx, int add, const float *dy, const float *scale, size_t rows,
                           size_t columns);
    void (*scale_sums)(float *dscale, int add, const float *dy, const float *x, size_t rows, size_t columns);

    // y = x between low and high, high above, low + leak * (x - low) below.
    void (*clip_forward)(float *y, const float *x, rg_clip_t clip, size_t n);
    void (*clip_backward)(float *dx, int add, const float *dy, const float *x, rg_clip_t clip, size_t n);

    // Of each row [columns].
    void (*softmax_forward)(float *y, const float *x, size_t rows, size_t columns);
    void (*softmax_backward)(float *dx, int add, const float *dy, const float *y, size_t rows,
                             size_t columns);

    // Losses: the mean over n, and the gradient g * d(mean)/da added to or written into da (NULL: not
    // wanted).
    double (*l1)(float *da, int add_a, float *db, int add_b, const float *a, const float *b, float g,
                 size_t n);
    double (*l2)(float *da, int add_a, float *db, int add_b, const float *a, const float *b, float g,
                 size_t n); // squared differences
    double (*square)(float *da, int add, const float *a, float target, float g, size_t n);
    double (*bce)(float *da, int add, const float *logits, const float *labels, float g, size_t n);

    double (*sum_squares)(const float *x, size_t n);
    // Optimisers: one update of a block, of its average and of the gradient, which is zeroed.
    void (*adam)(const rg_block_t *block, const rg_update_t *update);
    void (*sgd)(const rg_block_t *block, const rg_update_t *update);
};

// How many threads the kernels use when called from this thread (each thread has a number of its own).
void rg_cpu_threads(int n);

// The CPU: convolutions by Winograd's method or oneDNN's, products by OpenBLAS. Not thread safe: one backend
// per thread. bf16: products read activations and weights rounded to bfloat16.
// RG_EVERSION if oneDNN cannot start or the machine cannot do bf16.
int rg_cpu_backend_new(rg_backend_t **backend, int bf16);
void rg_backend_destroy(rg_backend_t **backend);

#endif
