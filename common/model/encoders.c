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

// ---- prior: the distance of E_a's Gaussian from the component of the labels

// The distance in one dimension and its two derivatives. away = mean - m.
typedef struct {
    double value, mean, logvar;
} distance_t;
typedef distance_t distance_fn(double away, double logvar, double std);

static distance_t divergence(double away, double logvar, double std)
{
    double variance = std * std, spread = exp(logvar) / variance;
    return (distance_t){.value = 0.5 * (log(variance) - logvar + spread + away * away / variance - 1),
                        .mean = away / variance,
                        .logvar = 0.5 * (spread - 1)};
}

static distance_t transport(double away, double logvar, double std)
{
    double sigma = exp(logvar / 2), wider = sigma - std;
    return (distance_t){.value = away * away + wider * wider, .mean = 2 * away, .logvar = wider * sigma};
}

typedef struct {
    distance_fn *distance;
    rg_tensor_t *mean, *logvar;
    const float *component;
    double std, weight;
} prior_ctx_t;

static distance_t distance_at(const prior_ctx_t *op, size_t i)
{
    double away = (double)op->mean->data[i] - (double)op->component[i];
    return op->distance(away, (double)op->logvar->data[i], op->std);
}

static void prior_backward(rg_tape_t *tape, void *ctx)
{
    prior_ctx_t *op = ctx;
    int add_m = 0, add_v = 0;
    float *dm = rg_tape_grad(tape, op->mean, &add_m), *dv = rg_tape_grad(tape, op->logvar, &add_v);
    for (size_t i = 0; i < rg_tensor_size(op->mean); i++) {
        distance_t d = distance_at(op, i);
        if (dm) dm[i] = (add_m ? dm[i] : 0) + (float)(op->weight * d.mean);
        if (dv) dv[i] = (add_v ? dv[i] : 0) + (float)(op->weight * d.logvar);
    }
}

double rg_loss_prior(rg_tape_t *tape, const rg_config_t *config, enum rg_prior form, rg_tensor_t *mean,
                     rg_tensor_t *logvar, const float *component, float weight)
{
    rg_tape_op(tape, "losses");
    double count = (double)mean->n * config->model.attr_dims, sum = 0;
    prior_ctx_t *op = rg_tape_alloc(tape, sizeof *op);
    *op = (prior_ctx_t){.distance = form == RG_PRIOR_KL ? divergence : transport,
                        .mean = mean,
                        .logvar = logvar,
                        .component = component,
                        .std = config->model.attr_std,
                        .weight = (double)weight / count};
    for (size_t i = 0; i < rg_tensor_size(mean); i++) sum += distance_at(op, i).value;
    if (weight != 0 && rg_tape_wants(tape, mean->needs_grad || logvar->needs_grad))
        rg_tape_record(tape, NULL, prior_backward, op);
    return sum / count;
}

// ---- isometry

typedef struct {
    rg_tensor_t *a, *b;
    float *slope; // [N]: d loss / d distance(a, b)
} isometry_ctx_t;

static void isometry_backward(rg_tape_t *tape, void *ctx)
{
    isometry_ctx_t *op = ctx;
    int add_a = 0, add_b = 0, width = op->a->c;
    float *da = rg_tape_grad(tape, op->a, &add_a), *db = rg_tape_grad(tape, op->b, &add_b);
    for (size_t i = 0; i < rg_tensor_size(op->a); i++) {
        float difference = op->a->data[i] - op->b->data[i];
        float g = op->slope[i / (size_t)width] / (float)width * (float)((difference > 0) - (difference < 0));
        if (da) da[i] = (add_a ? da[i] : 0) + g;
        if (db) db[i] = (add_b ? db[i] : 0) - g;
    }
}

static double distance_l1(const float *a, const float *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += fabs((double)a[i] - (double)b[i]);
    return sum / n;
}

double rg_loss_isometry(rg_tape_t *tape, rg_tensor_t *a, rg_tensor_t *b, const rg_tensor_t *z,
                        const rg_tensor_t *z2, float weight)
{
    rg_tape_op(tape, "losses");
    int n = a->n, width = a->c;
    float *slope = rg_tape_alloc(tape, (size_t)n * sizeof *slope);
    double sum = 0;
    for (int i = 0; i < n; i++) {
        size_t row = (size_t)i * (size_t)width;
        double gap = distance_l1(a->data + row, b->data + row, width) -
                     distance_l1(z->data + row, z2->data + row, width);
        sum += fabs(gap);
        slope[i] = weight / (float)n * (float)((gap > 0) - (gap < 0));
    }
    if (weight != 0 && rg_tape_wants(tape, a->needs_grad || b->needs_grad)) {
        isometry_ctx_t *op = rg_tape_alloc(tape, sizeof *op);
        *op = (isometry_ctx_t){a, b, slope};
        rg_tape_record(tape, NULL, isometry_backward, op);
    }
    return sum / n;
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
