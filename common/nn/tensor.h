// A tensor: f32, NHWC, contiguous. Vectors are [N,1,1,C]. Its tape's arena owns it until the tape's next
// reset; parameters live in blocks of their own (param.h). A convolution's output that only a norm reads may
// be bfloat16 (`half`); its gradient is f32 even then.
#ifndef RG_NN_TENSOR_H
#define RG_NN_TENSOR_H

#include <stddef.h>

struct rg_tape;

typedef struct rg_tensor {
    int n, h, w, c;
    float *data;    // [n,h,w,c], NULL while forgotten (tape.h); really uint16_t * if half
    float *grad;    // [n,h,w,c], NULL until the first consumer's backward writes it
    int needs_grad; // it depends on a trainable parameter or input
    int half;       // data is bfloat16
    int owned;      // data is a piece of the arena that no other tensor uses
    void (*remake)(struct rg_tape *tape, void *ctx); // computes data again; NULL: not possible
    void *remake_ctx;
} rg_tensor_t;

static inline size_t rg_tensor_size(const rg_tensor_t *x)
{
    return (size_t)x->n * (size_t)x->h * (size_t)x->w * (size_t)x->c;
}

enum rg_act { RG_ACT_NONE, RG_ACT_RELU, RG_ACT_LEAKY, RG_ACT_TANH, RG_ACT_SIGMOID };

#define RG_LEAKY_SLOPE 0.1f

#endif
