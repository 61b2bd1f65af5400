#include "common/model/fusion.h"

#include <string.h>

#include "common/model/content.h"
#include "common/model/layers.h"

void rg_fusion_declare(rg_fusion_t *net, rg_params_t *set, const rg_config_t *config)
{
    int c = rg_content_channels(config);
    net->neighbours =
        rg_layer_conv(set, "neighbours",
                      (rg_conv_spec_t){.in = config->model.k * c, .out = c, .k = 3, .stride = 1, .pad = 1});
    net->join =
        rg_layer_conv(set, "join", (rg_conv_spec_t){.in = 2 * c, .out = c, .k = 3, .stride = 1, .pad = 1});
}

void rg_fusion_init(rg_fusion_t *net)
{
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

rg_tensor_t *rg_fuse(rg_tape_t *tape, const rg_fusion_t *net, rg_tensor_t *content, rg_tensor_t *neighbours)
{
    rg_tensor_t *both[] = {content, rg_conv(tape, neighbours, &net->neighbours)};
    return rg_conv(tape, rg_concat(tape, both, 2), &net->join);
}
