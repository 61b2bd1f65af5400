// Tensors: f32, NHWC, contiguous. Vectors are [N,1,1,C]. A tensor is a value owned by its tape's arena and
// gone at the tape's next reset; parameters live in blocks of their own (param.h). What a convolution says
// and only a norm reads may be bfloat16 (`half`); its gradient is f32 all the same.
#ifndef RG_NN_TENSOR_H
#define RG_NN_TENSOR_H

#include <stddef.h>

struct rg_tape;

typedef struct rg_tensor {
    int n, h, w, c;
    float *data;    // [n,h,w,c], NULL while forgotten (tape.h); uint16_t * where half
    float *grad;    // [n,h,w,c], NULL until the first consumer's backward writes it
    int needs_grad; // some trainable parameter or input stands behind this value
    int half;       // data is bfloat16
    int owned;      // data is a piece of the arena for itself
    void (*remake)(struct rg_tape *tape, void *ctx); // writes data once more; NULL: not possible
    void *remake_ctx;
} rg_tensor_t;

static inline size_t rg_tensor_size(const rg_tensor_t *x)
{
    return (size_t)x->n * (size_t)x->h * (size_t)x->w * (size_t)x->c;
}

enum rg_act { RG_ACT_NONE, RG_ACT_RELU, RG_ACT_LEAKY, RG_ACT_TANH, RG_ACT_SIGMOID };

#define RG_LEAKY_SLOPE 0.1f

#endif
