#include "common/model/attribute.h"

#include <stdio.h>
#include <string.h>

#include "common/model/layers.h"

void rg_attribute_encoder_declare(rg_attribute_encoder_t *net, rg_params_t *set, const rg_config_t *config)
{
    int width = config->model.gf, codes = rg_code_width(config);
    net->in = rg_layer_conv(
        set, "in",
        (rg_conv_spec_t){
            .in = 3, .out = width, .k = 7, .stride = 1, .pad = 3, .reflect = 1, .act = RG_ACT_RELU});
    for (int i = 0; i < 4; i++) {
        int out = i < 2 ? 2 * width : width;
        char name[32];
        snprintf(name, sizeof name, "down.%d", i);
        net->down[i] = rg_layer_conv(
            set, name,
            (rg_conv_spec_t){
                .in = width, .out = out, .k = 4, .stride = 2, .pad = 1, .reflect = 1, .act = RG_ACT_RELU});
        width = out;
    }
    net->mean = rg_layer_linear(set, "mean", width, codes, RG_ACT_NONE);
    net->logvar = rg_layer_linear(set, "logvar", width, codes, RG_ACT_NONE);
}

static rg_tensor_t *features(rg_tape_t *tape, const rg_attribute_encoder_t *net, rg_tensor_t *x)
{
    x = rg_conv(tape, x, &net->in);
    for (int i = 0; i < 4; i++) x = rg_conv(tape, x, &net->down[i]);
    return rg_global_mean(tape, x);
}

rg_tensor_t *rg_attribute_encode(rg_tape_t *tape, const rg_attribute_encoder_t *net, rg_tensor_t *x)
{
    return rg_linear(tape, features(tape, net, x), &net->mean);
}

rg_code_t rg_attribute_encode_both(rg_tape_t *tape, const rg_attribute_encoder_t *net, rg_tensor_t *x)
{
    rg_tensor_t *f = features(tape, net, x);
    return (rg_code_t){.mean = rg_linear(tape, f, &net->mean), .logvar = rg_linear(tape, f, &net->logvar)};
}

void rg_code_of_labels(const rg_config_t *config, const unsigned char *labels, int n, rg_rng_t *rng,
                       float *code)
{
    int attributes = config->data.attributes.count, dims = config->model.attr_dims;
    for (int i = 0; i < n * attributes; i++)
        for (int z = 0; z < dims; z++)
            *code++ =
                (labels[i] ? 1.0f : -1.0f) + (rng ? (float)config->model.attr_std * rg_rng_normal(rng) : 0);
}

void rg_code_components(const float *code, int n, int attributes, int dims, float *means)
{
    for (int i = 0; i < n * attributes; i++, code += dims, means += dims) {
        float sum = 0;
        for (int z = 0; z < dims; z++) sum += code[z];
        for (int z = 0; z < dims; z++) means[z] = sum > 0 ? 1 : -1;
    }
}

void rg_code_keep(const rg_config_t *config, const unsigned char *source, const unsigned char *wanted, int n,
                  unsigned char *keep)
{
    int attributes = config->data.attributes.count, dims = config->model.attr_dims;
    for (int i = 0; i < n * attributes; i++)
        memset(keep + (size_t)i * (size_t)dims, source[i] == wanted[i], (size_t)dims);
}
