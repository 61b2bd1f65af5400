// Differentiable operations. Each takes the tape first and returns a tensor that lives until the tape's
// reset. A layer is a geometry with its parameters. Parameters of a frozen set (param.h) get no gradient. An
// op records itself on the tape only if one of its inputs needs a gradient.
#ifndef RG_NN_OPS_H
#define RG_NN_OPS_H

#include "common/nn/param.h"
#include "common/nn/tape.h"

// ---- convolution: y [N,OH,OW,O] = act(conv(pad(up(x))) + bias), OH = (H + 2 pad - K) / stride + 1. With `up`,
// H and W are doubled first by repeating pixels.
typedef struct {
    rg_param_t *weight; // [O,I,K,K]
    rg_param_t *bias;   // [O] or NULL
    int stride, pad;
    int reflect; // reflection padding instead of zeros (MUNIT's encoders)
    int up;      // nearest upsampling by 2 first (MUNIT's decoder)
    int half;    // only a norm reads y, so a bf16 backend may write it as bfloat16
    enum rg_act act;
} rg_conv_t;
rg_tensor_t *rg_conv(rg_tape_t *tape, rg_tensor_t *x, const rg_conv_t *layer);
// The same for the last reader of x: frees x as rg_tape_forget does.
rg_tensor_t *rg_conv_last(rg_tape_t *tape, rg_tensor_t *x, const rg_conv_t *layer);

// ---- convolution with any window and groups. The weights are frozen: only x gets a gradient. Prefer rg_conv,
// which is faster, for the geometries that it has.
typedef struct {
    rg_param_t *weight; // [O,I/groups,KH,KW]
    rg_param_t *bias;   // [O]
    rg_window_t window;
    int groups;
    enum rg_act act; // NONE, RELU or LEAKY
} rg_window_conv_t;
rg_tensor_t *rg_window_conv(rg_tape_t *tape, rg_tensor_t *x, const rg_window_conv_t *layer);

// ---- linear: y [N,1,1,O] = act(x [N,1,1,I] W^T + b)
typedef struct {
    rg_param_t *weight; // [O,I]
    rg_param_t *bias;   // [O]
    enum rg_act act;
} rg_linear_t;
rg_tensor_t *rg_linear(rg_tape_t *tape, rg_tensor_t *x, const rg_linear_t *layer);

// ---- norms (formulas in backend.h); residual NULL: none, otherwise act must be NONE
rg_tensor_t *rg_instance_norm(rg_tape_t *tape, rg_tensor_t *x, enum rg_act act, rg_tensor_t *residual);
// AdaIN: row n of style [N,1,1,*] holds C shifts from `offset` on, then C scales.
rg_tensor_t *rg_adain(rg_tape_t *tape, rg_tensor_t *x, rg_tensor_t *style, int offset, enum rg_act act,
                      rg_tensor_t *residual);
rg_tensor_t *rg_layer_norm(rg_tape_t *tape, rg_tensor_t *x, rg_param_t *gain, rg_param_t *bias,
                           enum rg_act act);

// ---- pooling, each channel on its own (backend.h)
typedef struct {
    rg_window_t window;
    int partial; // as in rg_window_positions
    enum rg_pooling kind;
} rg_pool_t;
rg_tensor_t *rg_pool(rg_tape_t *tape, rg_tensor_t *x, const rg_pool_t *pool);
rg_tensor_t *rg_pool3(rg_tape_t *tape, rg_tensor_t *x); // 3x3/2 average, padding not counted

// ---- values: y = act(x * scale + shift) per channel, scale and shift frozen
typedef struct {
    rg_param_t *scale, *shift; // [C]
    enum rg_act act;
} rg_scale_t;
rg_tensor_t *rg_scale(rg_tape_t *tape, rg_tensor_t *x, const rg_scale_t *layer);
rg_tensor_t *rg_add(rg_tape_t *tape, rg_tensor_t *a, rg_tensor_t *b);
rg_tensor_t *rg_multiply(rg_tape_t *tape, rg_tensor_t *a, rg_tensor_t *b); // b has a's shape, or [N,1,1,C]
// y = a + b, a - b, a * b or a / b, where b [N,h,w,c] is repeated along each side of a on which it has 1.
rg_tensor_t *rg_broadcast(rg_tape_t *tape, enum rg_arithmetic what, rg_tensor_t *a, rg_tensor_t *b);
rg_tensor_t *rg_clip(rg_tape_t *tape, rg_tensor_t *x, const rg_clip_t *clip); // borrowed until backward
rg_tensor_t *rg_softmax(rg_tape_t *tape, rg_tensor_t *x);                     // over channels
// Each row of x [N,1,1,C] divided by its length; and the lengths [N,1,1,1] of images of any size.
rg_tensor_t *rg_unit(rg_tape_t *tape, rg_tensor_t *x);
rg_tensor_t *rg_length(rg_tape_t *tape, rg_tensor_t *x);

// ---- shape
rg_tensor_t *rg_global_mean(rg_tape_t *tape, rg_tensor_t *x); // [N,1,1,C]
rg_tensor_t *rg_flatten(rg_tape_t *tape, rg_tensor_t *x);     // [N,1,1,C*H*W] in PyTorch's C,H,W order
rg_tensor_t *rg_concat(rg_tape_t *tape, rg_tensor_t *const *x, int count); // along channels
rg_tensor_t *rg_stack(rg_tape_t *tape, rg_tensor_t *a, rg_tensor_t *b);    // along images
// Images first..first+count-1 of x, in x's memory; and channels first..first+count-1, as a copy.
rg_tensor_t *rg_rows(rg_tape_t *tape, rg_tensor_t *x, int first, int count);
rg_tensor_t *rg_channels(rg_tape_t *tape, rg_tensor_t *x, int first, int count);
// A copy of x's numbers, in the same order, as [N,h,w,c].
rg_tensor_t *rg_reshape(rg_tape_t *tape, rg_tensor_t *x, int h, int w, int c);
// Takes element i from a if mask[i] is nonzero, otherwise from b. mask [size of a], borrowed until backward.
rg_tensor_t *rg_select(rg_tape_t *tape, const unsigned char *mask, rg_tensor_t *a, rg_tensor_t *b);
// Inverted dropout with a mask that the caller has drawn: keep [size of x] holds 0 or 1/(1-p), borrowed until
// backward.
rg_tensor_t *rg_dropout(rg_tape_t *tape, rg_tensor_t *x, const float *keep);
rg_tensor_t *rg_act(rg_tape_t *tape, rg_tensor_t *x, enum rg_act act);

// ---- adjoints: the transposed linear map of an op, as an op. They build the gradient of a piecewise linear
// network with respect to its input as a graph, so that it can be differentiated once more (WGAN-GP's
// penalty). x is the op's input, of which only the shape is read. An activation needs its output y, whose
// slopes count as constants. g has the shape of the op's output, the result has the shape of x.
rg_tensor_t *rg_conv_adjoint(rg_tape_t *tape, rg_tensor_t *g, const rg_conv_t *layer, const rg_tensor_t *x);
rg_tensor_t *rg_pool3_adjoint(rg_tape_t *tape, rg_tensor_t *g, const rg_tensor_t *x);
rg_tensor_t *rg_act_adjoint(rg_tape_t *tape, rg_tensor_t *g, const rg_tensor_t *y, enum rg_act act);

// ---- losses: each adds the unweighted mean to *sum, a scalar of the tape; weight multiplies the gradient
void rg_loss_l1(rg_tape_t *tape, rg_tensor_t *a, rg_tensor_t *b, float weight, double *sum);
void rg_loss_l2(rg_tape_t *tape, rg_tensor_t *a, rg_tensor_t *b, float weight, double *sum); // mean square
void rg_loss_square(rg_tape_t *tape, rg_tensor_t *a, float target, float weight, double *sum);
void rg_loss_product(rg_tape_t *tape, rg_tensor_t *a, float factor, float weight, double *sum);
// Binary cross entropy on logits; labels [size of logits] 0/1, borrowed until backward.
void rg_loss_bce(rg_tape_t *tape, rg_tensor_t *logits, const float *labels, float weight, double *sum);
// The distance of Gaussians from given ones, the sum over all elements divided by `count`.
typedef struct {
    enum rg_loss_kind form; // RG_LOSS_KL or RG_LOSS_EARTH_MOVER
    const float *mean;      // [size of mean], borrowed until backward
    float std;
    size_t count;
} rg_gaussian_t;
void rg_loss_gaussian(rg_tape_t *tape, const rg_gaussian_t *gaussian, rg_tensor_t *mean, rg_tensor_t *logvar,
                      float weight, double *sum);

#endif
