#include "common/model/layers.h"

#include <stdio.h>
#include <string.h>

static const float SCALE = 2.302585f; // log(10): a softmax with a temperature of 0.1

static rg_param_t *add_param(rg_params_t *set, const char *layer, const char *what, int rank, int a, int b,
                             int k)
{
    char name[64];
    const int shape[4] = {a, b, k, k};
    snprintf(name, sizeof name, "%s.%s", layer, what);
    return rg_params_add(set, name, rank, shape);
}

rg_conv_t rg_layer_conv(rg_params_t *set, const char *name, rg_conv_spec_t s)
{
    return (rg_conv_t){.weight = add_param(set, name, "weight", 4, s.out, s.in, s.k),
                       .bias = s.no_bias ? NULL : add_param(set, name, "bias", 1, s.out, 0, 0),
                       .stride = s.stride,
                       .pad = s.pad,
                       .reflect = s.reflect,
                       .up = s.up,
                       .half = s.half,
                       .act = s.act};
}

rg_linear_t rg_layer_linear(rg_params_t *set, const char *name, int in, int out, enum rg_act act)
{
    return (rg_linear_t){.weight = add_param(set, name, "weight", 2, out, in, 0),
                         .bias = add_param(set, name, "bias", 1, out, 0, 0),
                         .act = act};
}

rg_layer_norm_t rg_layer_layer_norm(rg_params_t *set, const char *name, int channels)
{
    return (rg_layer_norm_t){.gain = add_param(set, name, "gain", 1, channels, 0, 0),
                             .shift = add_param(set, name, "shift", 1, channels, 0, 0)};
}

rg_param_t *rg_layer_scale(rg_params_t *set)
{
    return rg_params_add(set, "scale", 1, (const int[4]){1});
}

// FNV-1a. It must stay as it is: the initial weights of every seed follow from it.
static uint64_t stream_of(const char *name)
{
    uint64_t hash = 14695981039346656037u;
    for (; *name; name++) hash = (hash ^ (unsigned char)*name) * 1099511628211u;
    return hash;
}

void rg_layers_init(rg_params_t *set, uint64_t seed)
{
    for (int i = 0; i < set->n; i++) {
        rg_param_t *param = set->list[i];
        const char *what = strrchr(param->name, '.') + 1;
        rg_rng_t rng;
        rg_rng_init(&rng, seed, RG_RNG_INIT, stream_of(param->name));
        if (strcmp(what, "weight") == 0) rg_param_kaiming(param, &rng);
        if (strcmp(what, "scale") == 0) rg_param_fill(param, SCALE);
        if (strcmp(what, "gain") == 0)
            for (size_t j = 0; j < param->count; j++) param->value[j] = rg_rng_uniform(&rng);
    }
    if (set->ema) memcpy(set->ema, set->value, set->count * sizeof *set->value);
    rg_params_changed(set);
}
