// Declarations that the files of the CPU backend share: activations, scratch memory, loops, the parts of the
// table.
#ifndef RG_NN_CPU_H
#define RG_NN_CPU_H

#include <math.h>
#include <stdlib.h>

#include "common/core/simd.h"
#include "common/nn/backend.h"

// Floats of the widest vector (lanes/loops.h). The loops over vectors of channels take multiples of it.
enum { RG_WIDEST = 16 };

static inline float rg__act_value(float x, enum rg_act act)
{
    switch (act) {
    case RG_ACT_RELU:
        return x > 0 ? x : 0;
    case RG_ACT_LEAKY:
        return x > 0 ? x : RG_LEAKY_SLOPE * x;
    case RG_ACT_TANH:
        return tanhf(x);
    case RG_ACT_SIGMOID:
        return 1 / (1 + expf(-x));
    case RG_ACT_NONE:
        break;
    }
    return x;
}

typedef struct rg__conv rg__conv_t; // conv.c: the convolution methods and the memory they keep

typedef struct {
    rg_backend_t table; // the first member, so that a rg_backend_t * can be cast to this type
    rg__conv_t *conv;
} rg_cpu_backend_t;

int rg__conv_new(rg__conv_t **conv, int bf16);
void rg__conv_destroy(rg__conv_t **conv);

// Memory that a kernel needs during a call. It grows to the largest size asked for and stays.
typedef struct {
    void *data;
    size_t size;
} rg__scratch_t;

static inline void *rg__scratch(rg__scratch_t *scratch, size_t size)
{
    if (scratch->size < size) {
        free(scratch->data);
        scratch->size = (size + 4095) & ~(size_t)4095;
        scratch->data = aligned_alloc(4096, scratch->size);
        if (!scratch->data) abort();
    }
    return scratch->data;
}

static inline void rg__scratch_free(rg__scratch_t *scratch)
{
    free(scratch->data);
    *scratch = (rg__scratch_t){0};
}

// Loops that several files of the backend need. They use all threads unless a comment says otherwise.
void rg__add(float *y, const float *a, const float *b, size_t n);        // y may be a
void rg__act_range(float *y, const float *x, enum rg_act act, size_t n); // y may be x; this thread only
void rg__bf16_from_float(uint16_t *y, const float *x, size_t n);         // rounds to nearest even
// Reflection padding, edge not repeated: y [n,h+2p,w+2p,c].
void rg__reflect(float *y, const float *x, int n, int h, int w, int c, int pad);
void rg__reflect_adjoint(float *dx, int add, const float *dy, int n, int h, int w, int c, int pad);
// Nearest upsampling by 2: y [n,2h,2w,c].
void rg__upsample(float *y, const float *x, int n, int h, int w, int c);
void rg__upsample_adjoint(float *dx, int add, const float *dy, int n, int h, int w, int c);

// Each file fills its part of the table.
void rg__cpu_conv_table(rg_backend_t *table);
void rg__cpu_shape_table(rg_backend_t *table);
void rg__cpu_pool_table(rg_backend_t *table);
void rg__cpu_norm_table(rg_backend_t *table);
void rg__cpu_pointwise_table(rg_backend_t *table);
void rg__cpu_broadcast_table(rg_backend_t *table);
void rg__cpu_loss_table(rg_backend_t *table);
void rg__cpu_optim_table(rg_backend_t *table);

#endif
