// A backend: the table of kernels that one device provides. Ops (ops.h) build graphs and know no device; a
// backend computes and knows no graph. The CPU's backend (cpu/) uses oneDNN, OpenBLAS and loops of our own. A
// backend for another device fills the same table, with NHWC maps as well.
//
// Kernels take outputs first, then inputs, then sizes. Their memory does not grow with the number of calls.
// If `add` is nonzero, a kernel adds to its output, otherwise it overwrites it. Weight and bias gradients
// always add. Letters: N images, H and W rows and columns, C channels, K kernel side, O output channels.
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

// The number of positions over `size` pixels; 0 if the window does not fit once. `partial` also counts a last
// position that reaches beyond the padding, if it begins in the map or in the padding before it.
static inline int rg_window_positions(const rg_window_side_t *s, int size, int partial)
{
    int last = size + s->before + s->after - (s->k - 1) * s->dilation - 1;
    if (last < 0) return 0;
    int count = last / s->stride + 1;
    return partial && last % s->stride && count * s->stride < size + s->before ? count + 1 : count;
}

// A convolution's geometry: x [n,h,w,c] * w [o,c,k,k] -> y [n,oh,ow,o], `pad` pixels added on all sides.
typedef struct {
    int n, h, w, c, o, k, stride, pad, oh, ow;
    int reflect;     // the padding mirrors the image (edge not repeated) instead of being zero
    int up;          // x is upsampled by 2 (nearest) before the padding: oh, ow count from [2h,2w]
    enum rg_act act; // fused into the forward pass: NONE, RELU or LEAKY
    int half;        // y is bfloat16; o is a multiple of 16
} rg_conv_shape_t;

// A convolution with any window and with groups: x [n,h,w,c] * w [o,c/groups,kh,kw] -> y [n,oh,ow,o]. Each
// group of output channels reads one group of input channels.
typedef struct {
    int n, h, w, c, o, groups, oh, ow;
    rg_window_t window;
    enum rg_act act; // NONE, RELU or LEAKY
} rg_window_conv_shape_t;

// Pooling: x [n,h,w,c] -> y [n,oh,ow,c]. For MAX and MEAN every window must cover a pixel of the map.
enum rg_pooling {
    RG_POOLING_MAX,
    RG_POOLING_MEAN,       // over the window's pixels of the map
    RG_POOLING_MEAN_PADDED // padding counts as zeros; positions beyond the padding do not count
};
typedef struct {
    int n, h, w, c, oh, ow;
    rg_window_t window;
    enum rg_pooling kind;
} rg_pool_shape_t;

// The input of a norm: f32, or bfloat16 if `half`.
typedef struct {
    const void *data;
    int half;
} rg_map_t;

// Weights and the version of their block. Backends keep packed copies per (address, version).
typedef struct {
    const float *value;
    uint64_t version;
} rg_weights_t;

// A block of n parameters with its gradient, moments and average. Only Adam uses v; ema NULL: no average.
typedef struct {
    float *value, *grad, *m, *v, *ema;
    size_t n;
} rg_block_t;

typedef struct {
    float gscale; // the gradient is multiplied by it: clipping
    float lr, decay;
    float ema;          // ema = ema * (this) + value * (1 - this)
    float momentum;     // sgd
    float beta1, beta2; // adam
    int decoupled;      // adam: weight decay as in AdamW; otherwise it is added to the gradient
    uint64_t t;         // adam: number of this update, from 1
} rg_update_t;

// Bounds of a value (INFINITY: no bound). `leak` is the slope below `low`.
typedef struct {
    float low, high, leak;
} rg_clip_t;

typedef struct rg_backend rg_backend_t;

struct rg_backend {
    void (*destroy)(rg_backend_t *self);
    int bf16; // a convolution may hand its output to a norm as bfloat16

    // bias NULL: none
    int (*conv_forward)(rg_backend_t *self, void *y, const float *x, rg_weights_t w, const float *bias,
                        const rg_conv_shape_t *s);
    // dx [n,h,w,c], dw [o,c,k,k], db [o]: NULL if not wanted. dy is the gradient before the activation. x is
    // read only for dw, w only for dx.
    int (*conv_backward)(rg_backend_t *self, float *dx, int add, float *dw, float *db, const float *x,
                         const float *dy, rg_weights_t w, const rg_conv_shape_t *s);

    // The same for any window, with the gradient of x only.
    int (*window_conv_forward)(rg_backend_t *self, float *y, const float *x, rg_weights_t w,
                               const float *bias, const rg_window_conv_shape_t *s);
    int (*window_conv_backward)(rg_backend_t *self, float *dx, int add, const float *dy, rg_weights_t w,
                                const rg_window_conv_shape_t *s);

    // c [m,n] = alpha * op(a) op(b) + beta * c, row-major
    void (*gemm)(int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a,
                 const float *b, float beta, float *c);

    // Among equal maxima the first one, row by row, gets the gradient. x is read for maxima only.
    void (*pool_forward)(float *y, const float *x, const rg_pool_shape_t *s);
    void (*pool_backward)(float *dx, int add, const float *dy, const float *x, const rg_pool_shape_t *s);

    // Mean over each channel's map: y [n,c].
    void (*mean_forward)(float *y, const float *x, int n, int hw, int c);
    void (*mean_backward)(float *dx, int add, const float *dy, int n, int hw, int c);

    // Instance norm and AdaIN (Huang and Belongie 2017, eq. 8), fused with activation or residual:
    //   y = act(scale * (x - mean) * rstd + shift) + residual, biased variance, eps 1e-5
    // scale, shift: one row per image, `stride` floats apart; NULL = 1 and 0. residual NULL: none, otherwise
    // act is NONE. mean, rstd [n,c]. hw: pixels of a map.
    void (*instance_moments)(float *mean, float *rstd, rg_map_t x, int n, int hw, int c);
    void (*instance_forward)(float *y, rg_map_t x, const float *mean, const float *rstd, const float *scale,
                             const float *shift, int stride, const float *residual, enum rg_act act, int n,
                             int hw, int c);
    // dy is the gradient before the activation. dscale, dshift: rows like scale and shift, added to; NULL if
    // those are NULL.
    void (*instance_backward)(float *dx, int add, float *dscale, float *dshift, const float *dy, rg_map_t x,
                              const float *mean, const float *rstd, const float *scale, int stride, int n,
                              int hw, int c);

    // MUNIT's layer norm: over h,w,c of an image, unbiased std, eps 1e-5 outside the root; gain, bias [c].
    //   y = act(gain * (x - mean) / (std + eps) + bias), mean, std [n]
    void (*layer_moments)(float *mean, float *std, rg_map_t x, int n, int hw, int c);
    void (*layer_forward)(float *y, rg_map_t x, const float *mean, const float *std, const float *gain,
                          const float *bias, enum rg_act act, int n, int hw, int c);
    // parts [n,2,c]: scratch for each image's share of dgain and dbias
    void (*layer_backward)(float *dx, int add, float *dgain, float *dbias, float *parts, const float *dy,
                           rg_map_t x, const float *mean, const float *std, const float *gain, int n, int hw,
                           int c);

    // y = x / |x| for each row; |x| [n] is at least 1e-12
    void (*unit_forward)(float *y, float *length, const float *x, int n, int c);
    void (*unit_backward)(float *dx, int add, const float *dy, const float *y, const float *length, int n,
                          int c);

    // y = act(x), and dx (+)= dy * act'(y): the derivative of each activation follows from its output.
    void (*act_forward)(float *y, const float *x, enum rg_act act, size_t n);
    void (*act_backward)(float *dx, int add, const float *dy, const float *y, enum rg_act act, size_t n);

    void (*add)(float *y, const float *a, const float *b, size_t n); // y may be a
    // y [rows,columns] = act(y + bias [columns]); backward: db += column sums of dy
    void (*bias_forward)(float *y, const float *bias, enum rg_act act, int rows, int columns);
    void (*bias_backward)(float *db, const float *dy, int rows, int columns);

    // y [rows,columns] = act(x * scale [columns] + shift [columns]), shift NULL: 0. Backward, with dy before
    // the activation: dx (+)= dy * scale, and dscale [columns] (+)= column sums of dy * x.
    void (*scale_forward)(float *y, const float *x, const float *scale, const float *shift, enum rg_act act,
                          size_t rows, size_t columns);
    void (*scale_backward)(float *dx, int add, const float *dy, const float *scale, size_t rows,
                           size_t columns);
    void (*scale_sums)(float *dscale, int add, const float *dy, const float *x, size_t rows, size_t columns);

    // y = high above high, low + leak * (x - low) below low, x in between.
    void (*clip_forward)(float *y, const float *x, rg_clip_t clip, size_t n);
    void (*clip_backward)(float *dx, int add, const float *dy, const float *x, rg_clip_t clip, size_t n);

    // Over each row [columns].
    void (*softmax_forward)(float *y, const float *x, size_t rows, size_t columns);
    void (*softmax_backward)(float *dx, int add, const float *dy, const float *y, size_t rows,
                             size_t columns);

    // Losses: return the mean over n, and add to or overwrite da with the gradient g * d(mean)/da (NULL: not
    // wanted).
    double (*l1)(float *da, int add_a, float *db, int add_b, const float *a, const float *b, float g,
                 size_t n);
    double (*l2)(float *da, int add_a, float *db, int add_b, const float *a, const float *b, float g,
                 size_t n); // squared differences
    double (*square)(float *da, int add, const float *a, float target, float g, size_t n);
    double (*bce)(float *da, int add, const float *logits, const float *labels, float g, size_t n);

    double (*sum_squares)(const float *x, size_t n);
    // Optimisers: one update of a block and its average; the gradient is zeroed.
    void (*adam)(const rg_block_t *block, const rg_update_t *update);
    void (*sgd)(const rg_block_t *block, const rg_update_t *update);
};

// Sets how many threads the kernels use when this thread calls them. Each calling thread has its own number.
void rg_cpu_threads(int n);

// The CPU's backend (cpu/conv.c says how it convolves). A backend may be used by one thread at a time. bf16:
// products read activations and weights rounded to bfloat16. RG_EVERSION if oneDNN cannot start or the
// processor has no bfloat16 products.
int rg_cpu_backend_new(rg_backend_t **backend, int bf16);
void rg_backend_destroy(rg_backend_t **backend);

#endif
