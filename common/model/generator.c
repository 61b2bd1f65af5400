#include "common/model/generator.h"

#include <assert.h>
#include <stdio.h>

#include "common/model/attribute.h"

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
    if (config->model.attention)
        net->mask = rg_layer_conv(set, "mask",
                                  (rg_conv_spec_t){.in = width, .out = 1, .k = 7, .stride = 1, .pad = 3});
    net->mlp[0] = rg_layer_linear(set, "mlp.0", rg_code_width(config), mlp, RG_ACT_RELU);
    net->mlp[1] = rg_layer_linear(set, "mlp.1", mlp, mlp, RG_ACT_RELU);
    net->mlp[2] = rg_layer_linear(set, "mlp.2", mlp, styles, RG_ACT_NONE);
}

rg_tensor_t *rg_generate(rg_tape_t *tape, const rg_generator_t *net, rg_tensor_t *content, rg_tensor_t *code,
                         rg_tensor_t *source)
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
        x = (i == 0 ? rg_conv : rg_conv_last)(tape, x,
                                              &net->up[i]); // the first may read the caller's content
        x = rg_layer_norm(tape, x, net->norm[i].gain, net->norm[i].shift, RG_ACT_RELU);
    }
    rg_tensor_t *mask = NULL;
    if (net->mask.weight) mask = rg_act(tape, rg_conv(tape, x, &net->mask), RG_ACT_SIGMOID);
    rg_tensor_t *image = rg_act(tape, rg_conv_last(tape, x, &net->out), RG_ACT_TANH);
    if (!mask) return image;
    assert(source);
    return rg_blend(tape, mask, image, source);
}
