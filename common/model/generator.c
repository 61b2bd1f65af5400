#include "common/model/generator.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

// ---- G

void rg_generator_declare(rg_generator_t *net, rg_params_t *set, const rg_config_t *config)
{
    int width = rg_content_channels(config), mlp = config->model.mlp;
    int styles = config->model.n_res * 2 * 2 * width;
    char name[32];
    net->n_res = config->model.n_res;
    for (int i = 0; i < net->n_res; i++)
        for (int j = 0; j < 2; j++) {
            snprintf(name, sizeof name, "res.%d.%c", i, "ab"[j]);
            net->res[i][j] = rg_layer_conv(
                set, name,
                (rg_conv_spec_t){.in = width, .out = width, .k = 3, .stride = 1, .pad = 1, .half = 1});
        }
    for (int i = 0; i < 2; i++, width /= 2) {
        snprintf(name, sizeof name, "up.%d", i);
        net->up[i] = rg_layer_conv(
            set, name,
            (rg_conv_spec_t){
                .in = width, .out = width / 2, .k = 5, .stride = 1, .pad = 2, .up = 1, .half = 1});
        net->norm[i] = rg_layer_layer_norm(set, name, width / 2);
    }
    net->out =
        rg_layer_conv(set, "out", (rg_conv_spec_t){.in = width, .out = 3, .k = 7, .stride = 1, .pad = 3});
    net->mlp[0] = rg_layer_linear(set, "mlp.0", rg_code_width(config), mlp, RG_ACT_RELU);
    net->mlp[1] = rg_layer_linear(set, "mlp.1", mlp, mlp, RG_ACT_RELU);
    net->mlp[2] = rg_layer_linear(set, "mlp.2", mlp, styles, RG_ACT_NONE);
}

rg_tensor_t *rg_generate(rg_tape_t *tape, const rg_generator_t *net, rg_tensor_t *content, rg_tensor_t *code)
{
    rg_tensor_t *style = code, *x = content;
    int step = 2 * content->c;
    for (int i = 0; i < 3; i++) style = rg_linear(tape, style, &net->mlp[i]);
    for (int i = 0; i < net->n_res; i++) {
        rg_tensor_t *inner =
            rg_adain(tape, rg_conv(tape, x, &net->res[i][0]), style, 2 * i * step, RG_ACT_RELU, NULL);
        x = rg_adain(tape, rg_conv_last(tape, inner, &net->res[i][1]), style, (2 * i + 1) * step, RG_ACT_NONE,
                     x);
    }
    for (int i = 0; i < 2; i++) {
        x = rg_conv_last(tape, x, &net->up[i]);
        x = rg_layer_norm(tape, x, net->norm[i].gain, net->norm[i].shift, RG_ACT_RELU);
    }
    return rg_act(tape, rg_conv_last(tape, x, &net->out), RG_ACT_TANH);
}

// ---- the fusion

void rg_fusion_features(const rg_config_t *config, int shape[3])
{
    int maps = config->model.fusion == RG_FUSION_CONCAT, side = rg_content_side(config);
    shape[0] = shape[1] = maps ? side : 1;
    shape[2] = maps ? rg_content_channels(config) : rg_code_width(config);
}

void rg_fusion_declare(rg_fusion_t *net, rg_params_t *set, const rg_config_t *config)
{
    int c = rg_content_channels(config);
    *net = (rg_fusion_t){.form = (enum rg_fusion_form)config->model.fusion,
                         .k = config->model.k,
                         .attributes = config->data.attributes.count,
                         .dims = config->model.attr_dims};
    if (net->form == RG_FUSION_STYLE) return; // it has no parameters
    net->neighbours =
        rg_layer_conv(set, "neighbours",
                      (rg_conv_spec_t){.in = config->model.k * c, .out = c, .k = 3, .stride = 1, .pad = 1});
    net->join =
        rg_layer_conv(set, "join", (rg_conv_spec_t){.in = 2 * c, .out = c, .k = 3, .stride = 1, .pad = 1});
}

void rg_fusion_init(rg_fusion_t *net)
{
    if (net->form == RG_FUSION_STYLE) return;
    rg_param_t *w = net->join.weight;
    int c = w->shape[0];
    for (int o = 0; o < c; o++)
        for (int i = 0; i < 2 * c; i++)
            for (int tap = 0; tap < 9; tap++) {
                float *value = &w->value[((size_t)o * (size_t)(2 * c) + (size_t)i) * 9 + (size_t)tap];
                *value = i < c ? (float)(i == o && tap == 4) : 0.1f * *value;
            }
    if (w->set->ema) memcpy(w->set->ema, w->set->value, w->set->count * sizeof(float));
    rg_params_changed(w->set);
}

int rg_fusion_rows(rg_tape_t *tape, const rg_fusion_t *net, const rg_tensor_t *code, const rg_tensor_t *own)
{
    int rows = code->n;
    size_t width = (size_t)code->c * sizeof(float);
    if (net->form == RG_FUSION_CONCAT) return rows;
    if (code == own) return 0;
    rg_tape_read(tape, code);
    rg_tape_read(tape, own);
    while (rows > 0 &&
           memcmp(code->data + (rows - 1) * code->c, own->data + (rows - 1) * code->c, width) == 0)
        rows--;
    return rows;
}

// ---- the form `style`

// mean [c] of the codes [k,c] that are not missing (all zeros). 0 if all are missing.
static int mean_code(float *mean, const float *codes, int k, int c)
{
    int count = 0;
    memset(mean, 0, (size_t)c * sizeof *mean);
    for (int j = 0; j < k; j++) {
        int there = 0;
        for (int i = 0; i < c; i++) {
            mean[i] += codes[j * c + i];
            there |= codes[j * c + i] != 0;
        }
        count += there;
    }
    for (int i = 0; i < c && count; i++) mean[i] /= (float)count;
    return count > 0;
}

// Adds to means [rows,Z] what the numbers of each attribute of code [n,1,1,Z] differ from their mean: a product with
// the matrix that takes the mean of a vector away from it.
static void add_differences(rg_tape_t *tape, const rg_fusion_t *net, float *means, const rg_tensor_t *code,
                            int rows)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    const int d = net->dims;
    const size_t size = (size_t)d * (size_t)d * sizeof(float);
    float *centre = rg_tape_alloc(tape, size);
    for (int i = 0; i < d * d; i++) centre[i] = (float)(i / d == i % d) - 1 / (float)d;
    backend->gemm(backend, 0, 0, rows * net->attributes, d, d, 1, code->data,
                  rg_tape_upload(tape, centre, size), 1, means);
}

// The wanted code, with that of the neighbours (generator.h) in the dimensions that shall change.
static rg_tensor_t *guided_code(rg_tape_t *tape, const rg_fusion_t *net, const rg_tensor_t *code,
                                const rg_tensor_t *own, const rg_tensor_t *found)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    size_t c = (size_t)code->c, size = rg_tensor_size(code);
    rg_tensor_t *guided = rg_tape_tensor(tape, code->n, 1, 1, code->c),
                *means = rg_tape_tensor(tape, code->n, 1, 1, code->c);
    unsigned char *known = rg_tape_alloc(tape, size);
    assert(!code->needs_grad);
    memset(means->data, 0, size * sizeof(float));
    memset(known, 0, size);
    for (size_t row = 0; row < (size_t)found->n; row++)
        if (mean_code(means->data + row * c, found->data + row * (size_t)found->c, net->k, code->c))
            memset(known + row * c, 1, c);
    rg_tape_push(tape, means->data, size);
    add_differences(tape, net, means->data, code, found->n);
    backend->replace_changed(backend, guided->data, rg_tape_upload(tape, known, size), code->data, own->data,
                             means->data, size);
    return guided;
}

// ---- the form `concat`

// The source's content, joined with the neighbours' maps.
static rg_tensor_t *joined_content(rg_tape_t *tape, const rg_fusion_t *net, rg_tensor_t *content,
                                   rg_tensor_t *found)
{
    rg_tensor_t *both[] = {content, rg_conv(tape, found, &net->neighbours)};
    return rg_conv(tape, rg_concat(tape, both, 2), &net->join);
}

void rg_fuse(rg_tape_t *tape, const rg_fusion_t *net, rg_tensor_t **content, rg_tensor_t **code,
             const rg_tensor_t *own, rg_tensor_t *found)
{
    if (net->form == RG_FUSION_STYLE)
        *code = guided_code(tape, net, *code, own, found);
    else {
        rg_tape_push(tape, found->data, rg_tensor_size(found));
        *content = joined_content(tape, net, *content, found);
    }
}
