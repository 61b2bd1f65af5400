#include "common/model/encoders.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// ---- E_c

void rg_content_encoder_declare(rg_content_encoder_t *net, rg_params_t *set, const rg_config_t *config)
{
    int width = config->model.gf;
    char name[32];
    net->n_res = config->model.n_res;
    net->in = rg_layer_conv(
        set, "in",
        (rg_conv_spec_t){.in = 3, .out = width, .k = 7, .stride = 1, .pad = 3, .reflect = 1, .half = 1});
    for (int i = 0; i < 2; i++, width *= 2) {
        snprintf(name, sizeof name, "down.%d", i);
        net->down[i] = rg_layer_conv(
            set, name,
            (rg_conv_spec_t){
                .in = width, .out = 2 * width, .k = 4, .stride = 2, .pad = 1, .reflect = 1, .half = 1});
    }
    for (int i = 0; i < net->n_res; i++)
        for (int j = 0; j < 2; j++) {
            snprintf(name, sizeof name, "res.%d.%c", i, "ab"[j]);
            net->res[i][j] = rg_layer_conv(
                set, name,
                (rg_conv_spec_t){
                    .in = width, .out = width, .k = 3, .stride = 1, .pad = 1, .reflect = 1, .half = 1});
        }
}

rg_tensor_t *rg_content_encode(rg_tape_t *tape, const rg_content_encoder_t *net, rg_tensor_t *x)
{
    rg_tensor_t *c = rg_instance_norm(tape, rg_conv(tape, x, &net->in), RG_ACT_RELU, NULL);
    for (int i = 0; i < 2; i++)
        c = rg_instance_norm(tape, rg_conv_last(tape, c, &net->down[i]), RG_ACT_RELU, NULL);
    for (int i = 0; i < net->n_res; i++) {
        rg_tensor_t *inner = rg_instance_norm(tape, rg_conv(tape, c, &net->res[i][0]), RG_ACT_RELU, NULL);
        c = rg_instance_norm(tape, rg_conv_last(tape, inner, &net->res[i][1]), RG_ACT_NONE, c);
    }
    return c;
}

// ---- E_a and its codes

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

static rg_tensor_t *attribute_features(rg_tape_t *tape, const rg_attribute_encoder_t *net, rg_tensor_t *x)
{
    x = rg_conv(tape, x, &net->in);
    for (int i = 0; i < 4; i++) x = rg_conv(tape, x, &net->down[i]);
    return rg_global_mean(tape, x);
}

rg_tensor_t *rg_attribute_encode(rg_tape_t *tape, const rg_attribute_encoder_t *net, rg_tensor_t *x)
{
    return rg_linear(tape, attribute_features(tape, net, x), &net->mean);
}

rg_code_t rg_attribute_encode_both(rg_tape_t *tape, const rg_attribute_encoder_t *net, rg_tensor_t *x)
{
    rg_tensor_t *f = attribute_features(tape, net, x);
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

// ---- losses

void rg_loss_prior(rg_tape_t *tape, const rg_config_t *config, enum rg_prior form, rg_tensor_t *mean,
                   rg_tensor_t *logvar, const float *component, float weight, double *sum)
{
    const rg_gaussian_t gaussian = {.form = form == RG_PRIOR_KL ? RG_LOSS_KL : RG_LOSS_EARTH_MOVER,
                                    .mean = component,
                                    .std = (float)config->model.attr_std,
                                    .count = (size_t)mean->n * (size_t)config->model.attr_dims};
    rg_loss_gaussian(tape, &gaussian, mean, logvar, weight, sum);
}

// The mean absolute difference of each row of a and b: [N,1,1,1].
static rg_tensor_t *distance_l1(rg_tape_t *tape, rg_tensor_t *a, rg_tensor_t *b)
{
    static const rg_clip_t absolute = {.low = 0, .high = INFINITY, .leak = -1};
    rg_tensor_t *difference = rg_clip(tape, rg_broadcast(tape, RG_MINUS, a, b), &absolute);
    return rg_global_mean(tape, rg_reshape(tape, difference, 1, a->c, 1));
}

void rg_loss_isometry(rg_tape_t *tape, rg_tensor_t *a, rg_tensor_t *b, rg_tensor_t *z, rg_tensor_t *z2,
                      float weight, double *sum)
{
    rg_tensor_t *distance = distance_l1(tape, a, b);
    rg_tape_pause(tape);
    rg_tensor_t *wanted = distance_l1(tape, z, z2);
    rg_tape_resume(tape);
    rg_loss_l1(tape, distance, wanted, weight, sum);
}

// ---- the classifier

void rg_classifier_declare(rg_classifier_t *net, rg_params_t *set, int attributes)
{
    static const int widths[RG_CLASSIFIER_BLOCKS] = {32, 64, 128, RG_CLASSIFIER_FEATURES};
    int width = 3;
    char name[32];
    for (int i = 0; i < RG_CLASSIFIER_BLOCKS; i++) {
        snprintf(name, sizeof name, "conv.%d", i);
        net->conv[i] = rg_layer_conv(
            set, name,
            (rg_conv_spec_t){.in = width, .out = widths[i], .k = i ? 4 : 3, .stride = i ? 2 : 1, .pad = 1});
        net->norm[i] = rg_layer_layer_norm(set, name, widths[i]);
        width = widths[i];
    }
    net->head = rg_layer_linear(set, "head", width, attributes, RG_ACT_NONE);
}

rg_classifier_output_t rg_classify(rg_tape_t *tape, const rg_classifier_t *net, rg_tensor_t *x)
{
    for (int i = 0; i < RG_CLASSIFIER_BLOCKS; i++)
        x = rg_layer_norm(tape, rg_conv(tape, x, &net->conv[i]), net->norm[i].gain, net->norm[i].shift,
                          RG_ACT_RELU);
    rg_tensor_t *features = rg_global_mean(tape, x);
    return (rg_classifier_output_t){.features = features, .logits = rg_linear(tape, features, &net->head)};
}
