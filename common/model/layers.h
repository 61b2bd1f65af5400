// How networks declare their layers. Each function adds a layer's parameters to a set, under names as PyTorch
// would give them, and returns the layer.
#ifndef RG_MODEL_LAYERS_H
#define RG_MODEL_LAYERS_H

#include "common/nn/ops.h"

// "NAME.weight" [out,in,k,k] and, unless no_bias, "NAME.bias" [out].
typedef struct {
    int in, out, k, stride, pad;
    int reflect, up, no_bias;
    int half; // the output is stored in 16 bits if the backend computes so: a norm follows (nn/ops.h)
    enum rg_act act;
} rg_conv_spec_t;
rg_conv_t rg_layer_conv(rg_params_t *set, const char *name, rg_conv_spec_t spec);

// "NAME.weight" [out,in] and "NAME.bias" [out].
rg_linear_t rg_layer_linear(rg_params_t *set, const char *name, int in, int out, enum rg_act act);

// MUNIT's layer norm: "NAME.gain" and "NAME.shift" [channels].
typedef struct {
    rg_param_t *gain, *shift;
} rg_layer_norm_t;
rg_layer_norm_t rg_layer_layer_norm(rg_params_t *set, const char *name, int channels);

// "scale" [1]: the logarithm of the factor of a softmax's arguments.
rg_param_t *rg_layer_scale(rg_params_t *set);

// Sets initial values by the last part of the name: weights Kaiming, biases and shifts 0, gains uniform in
// [0,1). Each parameter draws from its own stream of random numbers, which depends on seed and name alone. So
// a new parameter does not change the initial values of the others.
void rg_layers_init(rg_params_t *set, uint64_t seed);

#endif
