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

// y [n,h,w,c] = a + b, a - b, a * b or a / b, where b [n,bh,bw,bc] is repeated along each side on which it has 1.
enum rg_arithmetic { RG_PLUS, RG_MINUS, RG_TIMES, RG_OVER };
typedef struct {
    enum rg_arithmetic what;
    int n, h, w, c, bh, bw, bc;
} rg_broadcast_shape_t;

// A loss: a sum over n elements, divided by `count`. b NULL: `target` in its place.
enum rg_loss_kind {
    RG_LOSS_L1,      // |a - b|
    RG_LOSS_L2,      // (a - b)^2
    RG_LOSS_BCE,     // binary cross entropy of logits a and labels b
    RG_LOSS_PRODUCT, // a * b
    RG_LOSS_KL,      // distance of Gaussians with mean a and log of the variance b from those with mean c and
    RG_LOSS_EARTH_MOVER, // standard deviation `target`; formulas in model/encoders.h
};
typedef struct {
    enum rg_loss_kind kind;
    const float *a, *b, *c;
    float target;
    float *da, *db;   // gradients, NULL: not wanted
    int add_a, add_b; // as `add`
    float weight;     // of the gradients
    size_t n, count;
} rg_loss_t;

typedef struct rg_backend rg_backend_t;

struct rg_backend {
    void (*destroy)(rg_backend_t *self);
    int bf16; // a convolution may hand its output to a norm as bfloat16

    // Memory. If the device has memory of its own (`apart`), every range of addresses that it covers has two
    // copies. Kernels take addresses as always, and read and write the device's copy; all other code has the
    // host's. The functions are NULL where there is one copy; call rg_backend_cover and so on instead.
    int apart;
    // Covers `size` bytes from base on. A range that is covered already grows, if it must, and keeps what it
    // holds. Returns 1 if nothing covered base before: the device's copy is undefined then; otherwise 0, or
    // RG_ELIMIT if the device's memory is too small. release does nothing if base is not covered.
    int (*cover)(rg_backend_t *self, const void *base, size_t size);
    void (*release)(rg_backend_t *self, const void *base);
    // push copies the host's bytes to the device, in the order of the kernels; they may change at once. pull waits
    // for all kernels and copies back. Memory that is not covered has one copy and stays as it is.
    void (*push)(rg_backend_t *self, const void *memory, size_t size);
    int (*pull)(rg_backend_t *self, void *memory, size_t size);
    int (*error)(rg_backend_t *self); // the first error of a kernel or copy so far; it stays. 0: none

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
    void (*gemm)(rg_backend_t *self, int transpose_a, int transpose_b, int m, int n, int k, float alpha,
                 const float *a, const float *b, float beta, float *c);

    // Among equal maxima the first one, row by row, gets the gradient. x is read for maxima only.
    void (*pool_forward)(rg_backend_t *self, float *y, const float *x, const rg_pool_shape_t *s);
    void (*pool_backward)(rg_backend_t *self, float *dx, int add, const float *dy, const float *x,
                          const rg_pool_shape_t *s);

    // Mean over each channel's map: y [n,c].
    void (*mean_forward)(rg_backend_t *self, float *y, const float *x, int n, int hw, int c);
    void (*mean_backward)(rg_backend_t *self, float *dx, int add, const float *dy, int n, int hw, int c);

    // Instance norm and AdaIN (Huang and Belongie 2017, eq. 8), fused with activation or residual:
    //   y = act(scale * (x - mean) * rstd + shift) + residual, biased variance, eps 1e-5
    // scale, shift: one row per image, `stride` floats apart; NULL = 1 and 0. residual NULL: none, otherwise
    // act is NONE. mean, rstd [n,c]. hw: pixels of a map.
    void (*instance_moments)(rg_backend_t *self, float *mean, float *rstd, rg_map_t x, int n, int hw, int c);
    void (*instance_forward)(rg_backend_t *self, float *y, rg_map_t x, const float *mean, const float *rstd,
                             const float *scale, const float *shift, int stride, const float *residual,
                             enum rg_act act, int n, int hw, int c);
    // dy is the gradient before the activation. dscale, dshift: rows like scale and shift, added to; NULL if
    // those are NULL.
    void (*instance_backward)(rg_backend_t *self, float *dx, int add, float *dscale, float *dshift,
                              const float *dy, rg_map_t x, const float *mean, const float *rstd,
                              const float *scale, int stride, int n, int hw, int c);

    // MUNIT's layer norm: over h,w,c of an image, unbiased std, eps 1e-5 outside the root; gain, bias [c].
    //   y = act(gain * (x - mean) / (std + eps) + bias), mean, std [n]
    void (*layer_moments)(rg_backend_t *self, float *mean, float *std, rg_map_t x, int n, int hw, int c);
    void (*layer_forward)(rg_backend_t *self, float *y, rg_map_t x, const float *mean, const float *std,
                          const float *gain, const float *bias, enum rg_act act, int n, int hw, int c);
    // parts [n,2,c]: scratch for each image's share of dgain and dbias
    void (*layer_backward)(rg_backend_t *self, float *dx, int add, float *dgain, float *dbias, float *parts,
                           const float *dy, rg_map_t x, const float *mean, const float *std,
                           const float *gain, int n, int hw, int c);

    // y = x / |x| for each row; |x| [n] is at least 1e-12
    void (*unit_forward)(rg_backend_t *self, float *y, float *length, const float *x, int n, int c);
    void (*unit_backward)(rg_backend_t *self, float *dx, int add, const float *dy, const float *y,
                          const float *length, int n, int c);

    // y = act(x), and dx (+)= dy * act'(y): the derivative of each activation follows from its output.
    void (*act_forward)(rg_backend_t *self, float *y, const float *x, enum rg_act act, size_t n);
    void (*act_backward)(rg_backend_t *self, float *dx, int add, const float *dy, const float *y,
                         enum rg_act act, size_t n);

    // Arrays: copies n floats, sets n floats, moves blocks of columns between rows that are `stride` floats
    // apart, and turns n matrices [rows,columns] around.
    void (*copy)(rg_backend_t *self, float *to, const float *from, size_t n);
    void (*fill)(rg_backend_t *self, float *to, float value, size_t n);
    void (*copy_columns)(rg_backend_t *self, float *to, size_t to_stride, int add, const float *from,
                         size_t from_stride, size_t rows, size_t columns);
    void (*transpose)(rg_backend_t *self, float *to, int add, const float *from, size_t n, size_t rows,
                      size_t columns);
    // y = mask ? a : b, and backward for one of both: dx (+)= dy where (mask != 0) is `taken`, otherwise 0.
    void (*select_forward)(rg_backend_t *self, float *y, const unsigned char *mask, const float *a,
                           const float *b, size_t n);
    void (*select_backward)(rg_backend_t *self, float *dx, int add, const float *dy,
                            const unsigned char *mask, int taken, size_t n);

    void (*add)(rg_backend_t *self, float *y, const float *a, const float *b, size_t n); // y may be a
    // y [rows,columns] = act(y + bias [columns]); backward: db += column sums of dy
    void (*bias_forward)(rg_backend_t *self, float *y, const float *bias, enum rg_act act, int rows,
                         int columns);
    void (*bias_backward)(rg_backend_t *self, float *db, const float *dy, int rows, int columns);

    // y [rows,columns] = act(x * scale [columns] + shift [columns]), shift NULL: 0. Backward, with dy before
    // the activation: dx (+)= dy * scale, and dscale [columns] (+)= column sums of dy * x.
    void (*scale_forward)(rg_backend_t *self, float *y, const float *x, const float *scale,
                          const float *shift, enum rg_act act, size_t rows, size_t columns);
    void (*scale_backward)(rg_backend_t *self, float *dx, int add, const float *dy, const float *scale,
                           size_t rows, size_t columns);
    void (*scale_sums)(rg_backend_t *self, float *dscale, int add, const float *dy, const float *x,
                       size_t rows, size_t columns);

    // y = high above high, low + leak * (x - low) below low, x in between.
    void (*clip_forward)(rg_backend_t *self, float *y, const float *x, rg_clip_t clip, size_t n);
    void (*clip_backward)(rg_backend_t *self, float *dx, int add, const float *dy, const float *x,
                          rg_clip_t clip, size_t n);

    // Over each row [columns].
    void (*softmax_forward)(rg_backend_t *self, float *y, const float *x, size_t rows, size_t columns);
    void (*softmax_backward)(rg_backend_t *self, float *dx, int add, const float *dy, const float *y,
                             size_t rows, size_t columns);

    // backward_a: da (+)= dy * dy/da; backward_b: db (+)= the sums of dy * dy/db where b is repeated.
    void (*broadcast_forward)(rg_backend_t *self, float *y, const float *a, const float *b,
                              const rg_broadcast_shape_t *s);
    void (*broadcast_backward_a)(rg_backend_t *self, float *da, int add, const float *dy, const float *b,
                                 const rg_broadcast_shape_t *s);
    void (*broadcast_backward_b)(rg_backend_t *self, float *db, int add, const float *dy, const float *a,
                                 const float *b, const rg_broadcast_shape_t *s);

    // y [n] = the length of each row of x [n,c]; a row of length 0 gets no gradient.
    void (*length_forward)(rg_backend_t *self, float *y, const float *x, int n, size_t c);
    void (*length_backward)(rg_backend_t *self, float *dx, int add, const float *dy, const float *x,
                            const float *y, int n, size_t c);

    // y [rows,columns] = 1 in a row of x whose sum is positive, otherwise -1.
    void (*signs)(rg_backend_t *self, float *y, const float *x, size_t rows, size_t columns);
    // y = other where mask is set and a is not b, elsewhere a.
    void (*replace_changed)(rg_backend_t *self, float *y, const unsigned char *mask, const float *a,
                            const float *b, const float *other, size_t n);

    // Numbers for the host. `sum` points to a double that begins as 0 (rg_tape_scalar) and is added to; NULL: not
    // wanted. pull_doubles is `pull` for such doubles.
    void (*loss)(rg_backend_t *self, double *sum, const rg_loss_t *loss);
    void (*sum_squares)(rg_backend_t *self, double *sum, const float *x, size_t n);
    int (*pull_doubles)(rg_backend_t *self, double *x, size_t n); // NULL where memory is not apart
    // The ranking loss (model/embedder.h) of cosine [n,n]. Gradients: slope [n,n] of cosine is overwritten, dscale
    // [1] is added to (NULL: not wanted); slope NULL: the value only.
    void (*rank)(rg_backend_t *self, double *sum, float *slope, float *dscale, const float *cosine,
                 const float *relevance, const float *scale, float weight, int n);

    // Optimisers: one update of a block and its average; the gradient is zeroed.
    void (*adam)(rg_backend_t *self, const rg_block_t *block, const rg_update_t *update);
    void (*sgd)(rg_backend_t *self, const rg_block_t *block, const rg_update_t *update);
};

// Memory, where the device has its own; where it has none these do nothing and return 0.
static inline int rg_backend_cover(rg_backend_t *backend, const void *base, size_t size)
{
    return backend->apart ? backend->cover(backend, base, size) : 0;
}

static inline void rg_backend_release(rg_backend_t *backend, const void *base)
{
    if (backend->apart) backend->release(backend, base);
}

static inline void rg_backend_push(rg_backend_t *backend, const void *memory, size_t size)
{
    if (backend->apart) backend->push(backend, memory, size);
}

static inline int rg_backend_pull(rg_backend_t *backend, void *memory, size_t size)
{
    return backend->apart ? backend->pull(backend, memory, size) : 0;
}

static inline int rg_backend_pull_doubles(rg_backend_t *backend, double *x, size_t n)
{
    return backend->apart ? backend->pull_doubles(backend, x, n) : 0;
}

static inline int rg_backend_error(rg_backend_t *backend)
{
    return backend->apart ? backend->error(backend) : 0;
}

// Sets how many threads the kernels use when this thread calls them. Each calling thread has its own number.
void rg_cpu_threads(int n);

// The CPU's backend (cpu/conv.c says how it convolves). A backend may be used by one thread at a time. bf16:
// products read activations and weights rounded to bfloat16. RG_EVERSION if oneDNN cannot start or the
// processor has no bfloat16 products.
int rg_cpu_backend_new(rg_backend_t **backend, int bf16);
void rg_backend_destroy(rg_backend_t **backend);

#endif
