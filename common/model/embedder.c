// What the losses keep for their backward pass. The triplet loss keeps nothing and computes its distances
// again. The ranking loss keeps two [N,N] matrices: the scores, and the probabilities, which become the
// gradients of the scores in place. The gradients of the embeddings are then two matrix products.
#include "common/model/embedder.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/model/encoders.h"

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
    rg_tensor_t *x = content; // others may read it later, so the first convolution is not its last reader
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
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_tensor_t *components = rg_tape_tensor(tape, code->n, 1, 1, code->c);
    backend->signs(backend, components->data, code->data, (size_t)(code->n * net->attributes),
                   (size_t)net->dims);
    return components;
}

// ---- the triplet loss

// |a - b|, with PyTorch's 1e-6 added to each difference
static rg_tensor_t *distance_l2(rg_tape_t *tape, rg_tensor_t *a, rg_tensor_t *b, rg_tensor_t *eps)
{
    rg_tensor_t *difference = rg_broadcast(tape, RG_MINUS, a, b);
    return rg_length(tape, rg_broadcast(tape, RG_PLUS, difference, eps));
}

static rg_tensor_t *constant(rg_tape_t *tape, int n, float value)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_tensor_t *x = rg_tape_tensor(tape, n, 1, 1, 1);
    backend->fill(backend, x->data, value, (size_t)n);
    return x;
}

void rg_loss_triplet(rg_tape_t *tape, rg_tensor_t *e, int n, int kinds, float margin, float weight,
                     double *sum)
{
    assert(e->n == n * (2 + kinds));
    rg_tensor_t *eps = constant(tape, n, 1e-6f), *slack = constant(tape, n, margin),
                *anchor = rg_rows(tape, e, 0, n),
                *near = distance_l2(tape, anchor, rg_rows(tape, e, n, n), eps), *all = NULL;
    for (int kind = 0; kind < kinds; kind++) {
        rg_tensor_t *far = distance_l2(tape, anchor, rg_rows(tape, e, (2 + kind) * n, n), eps),
                    *gap = rg_add(tape, rg_broadcast(tape, RG_MINUS, near, far), slack);
        all = all ? rg_stack(tape, all, gap) : gap;
    }
    rg_loss_product(tape, rg_act(tape, all, RG_ACT_RELU), 1, weight, sum);
}

// ---- the ranking loss

typedef struct {
    rg_tensor_t *e;
    rg_param_t *scale;
    const float *relevance;
    float *cosine; // [N,N]
    float weight;
} ranking_ctx_t;

static void ranking_backward(rg_tape_t *tape, void *ctx)
{
    ranking_ctx_t *op = ctx;
    rg_backend_t *backend = rg_tape_backend(tape);
    int n = op->e->n / 2, d = op->e->c, add = 0;
    size_t half = (size_t)n * (size_t)d;
    float *slope = rg_tape_alloc(tape, (size_t)n * (size_t)n * sizeof *slope),
          *de = rg_tape_grad(tape, op->e, &add), *dscale = op->scale->set->frozen ? NULL : op->scale->grad;
    backend->rank(backend, NULL, slope, dscale, op->cosine, op->relevance, op->scale->value, op->weight, n);
    if (!de) return;
    backend->gemm(backend, 0, 0, n, d, n, 1, slope, op->e->data + half, (float)add, de);
    backend->gemm(backend, 1, 0, n, d, n, 1, slope, op->e->data, (float)add, de + half);
}

void rg_loss_ranking(rg_tape_t *tape, rg_tensor_t *e, rg_param_t *scale, const rg_tensor_t *relevance,
                     float weight, double *sum)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_tape_op(tape, "losses");
    int n = e->n / 2, d = e->c;
    assert(e->n % 2 == 0 && n >= 2);
    size_t size = (size_t)n * (size_t)n * sizeof(float);
    ranking_ctx_t *op = rg_tape_alloc(tape, sizeof *op);
    *op = (ranking_ctx_t){e, scale, relevance->data, rg_tape_alloc(tape, size), weight};
    rg_params_use(scale->set, backend);
    backend->gemm(backend, 0, 1, n, n, d, 1, e->data, e->data + (size_t)n * (size_t)d, 0, op->cosine);
    backend->rank(backend, sum, NULL, NULL, op->cosine, op->relevance, scale->value, 0, n);
    if (rg_tape_wants(tape, e->needs_grad || !scale->set->frozen))
        rg_tape_record(tape, NULL, ranking_backward, op);
}
