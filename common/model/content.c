#include "common/model/content.h"

#include <stdio.h>

#include "common/model/layers.h"

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
