#include "common/model/embedder.h"

#include <stdio.h>

#include "common/model/attribute.h"
#include "common/model/content.h"

void rg_embedder_declare(rg_embedder_t *net, rg_params_t *set, const rg_config_t *config)
{
    static const int widths[RG_EMBEDDER_BLOCKS] = {128, 128, 64, 64, 32, 32};
    int width = rg_content_channels(config), side = rg_content_side(config);
    char name[32];
    for (int i = 0; i < RG_EMBEDDER_BLOCKS; i++) {
        int halve = i % 2 == 1 && side > 4;
        snprintf(name, sizeof name, "conv.%d", i);
        net->conv[i] = rg_layer_conv(set, name,
                                     (rg_conv_spec_t){.in = width,
                                                      .out = widths[i],
                                                      .k = halve ? 4 : 3,
                                                      .stride = halve ? 2 : 1,
                                                      .pad = 1,
                                                      .half = 1});
        net->norm[i] = rg_layer_layer_norm(set, name, widths[i]);
        width = widths[i];
        if (halve) side /= 2;
    }
    int joined = width * side * side + rg_code_width(config);
    net->fc[0] = rg_layer_linear(set, "fc.0", joined, RG_EMBEDDER_HIDDEN, RG_ACT_RELU);
    net->fc[1] = rg_layer_linear(set, "fc.1", RG_EMBEDDER_HIDDEN, RG_EMBEDDER_HIDDEN, RG_ACT_RELU);
    net->fc[2] = rg_layer_linear(set, "fc.2", RG_EMBEDDER_HIDDEN, config->model.embed_dim, RG_ACT_NONE);
    net->scale = config->model.retrieval == RG_RETRIEVAL_RANKED ? rg_layer_scale(set) : NULL;
    net->attributes = config->data.attributes.count;
    net->dims = config->model.attr_dims;
}

rg_tensor_t *rg_embed(rg_tape_t *tape, const rg_embedder_t *net, rg_tensor_t *content, rg_tensor_t *code,
                      const float *keep)
{
    rg_tensor_t *x = content; // the caller's, who may read on
    for (int i = 0; i < RG_EMBEDDER_BLOCKS; i++) {
        x = (i == 0 ? rg_conv : rg_conv_last)(tape, x, &net->conv[i]);
        x = rg_layer_norm(tape, x, net->norm[i].gain, net->norm[i].shift, RG_ACT_RELU);
    }
    rg_tensor_t *joined[] = {rg_flatten(tape, x), code};
    x = rg_concat(tape, joined, 2);
    for (int i = 0; i < 2; i++) {
        x = rg_linear(tape, x, &net->fc[i]);
        if (keep) x = rg_dropout(tape, x, keep + (size_t)i * rg_tensor_size(x));
    }
    x = rg_linear(tape, x, &net->fc[2]);
    return net->scale ? rg_unit(tape, x) : x;
}

void rg_embed_draw_keep(const rg_config_t *config, int n, rg_rng_t *rng, float *keep)
{
    float p = (float)config->model.dropout;
    for (int i = 0; i < 2 * n * RG_EMBEDDER_HIDDEN; i++) keep[i] = rg_rng_uniform(rng) < p ? 0 : 1 / (1 - p);
}

rg_tensor_t *rg_query_code(rg_tape_t *tape, const rg_embedder_t *net, rg_tensor_t *code)
{
    if (!net->scale) return code;
    rg_tensor_t *means = rg_tape_tensor(tape, code->n, 1, 1, code->c);
    rg_code_components(code->data, code->n, net->attributes, net->dims, means->data);
    return means;
}
