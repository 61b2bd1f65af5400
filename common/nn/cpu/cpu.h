// What the files of the CPU backend share.
#ifndef RG_NN_CPU_H
#define RG_NN_CPU_H

#include <math.h>

#include "common/nn/kernels.h"

// Leaf loops are compiled for three levels and chosen at run time. OpenMP regions stay outside of them: the
// compiler outlines a parallel region before it clones, so a clone's region would run the baseline code.
#if defined(RG_SANITIZED) || !defined(__x86_64__)
#define RG_HOT
#else
#define RG_HOT __attribute__((target_clones("default", "arch=haswell", "arch=skylake-avx512")))
#endif

static inline float rg__act_value(float x, enum rg_act act)
{
    switch (act) {
    case RG_ACT_RELU:
        return x > 0 ? x : 0;
    case RG_ACT_LEAKY:
        return x > 0 ? x : RG_LEAKY_SLOPE * x;
    case RG_ACT_TANH:
        return tanhf(x);
    case RG_ACT_NONE:
        break;
    }
    return x;
}

typedef struct rg_cpu_conv
    rg_cpu_conv_t; // oneDNN: engine, stream, cached primitives, packed weights, scratchpad

typedef struct {
    rg_backend_t table; // first: a rg_backend_t * is a rg_cpu_backend_t *
    rg_cpu_conv_t *conv;
} rg_cpu_backend_t;

int rg__cpu_conv_new(rg_cpu_conv_t **conv);
void rg__cpu_conv_destroy(rg_cpu_conv_t **conv);

// Each file fills its part of the table.
void rg__cpu_conv_table(rg_backend_t *table);
void rg__cpu_shape_table(rg_backend_t *table);
void rg__cpu_norm_table(rg_backend_t *table);
void rg__cpu_pointwise_table(rg_backend_t *table);
void rg__cpu_optim_table(rg_backend_t *table);

#endif
