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
    rg_tensor_t *means = rg_tape_tensor(tape, code->n, 1, 1, code->c);
    rg_code_components(code->data, code->n, net->attributes, net->dims, means->data);
    return means;
}

// ---- the triplet loss

static const double TRIPLET_EPS = 1e-6;

typedef struct {
    rg_tensor_t *e;
    int n, kinds;
    float margin, weight;
} triplet_ctx_t;

static double distance_l2(const float *a, const float *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        double d = (double)a[i] - (double)b[i] + TRIPLET_EPS;
        sum += d * d;
    }
    return sqrt(sum);
}

// de_a, de_b += g * d|a - b| / d(a, b)
static void push_apart(float *da, float *db, const float *a, const float *b, double distance, double g, int n)
{
    if (distance == 0) return;
    for (int i = 0; i < n; i++) {
        double step = g * ((double)a[i] - (double)b[i] + TRIPLET_EPS) / distance;
        da[i] += (float)step;
        db[i] -= (float)step;
    }
}

// The mean loss; its gradient is added to de (NULL: value only).
static double sum_triplets(const triplet_ctx_t *op, float *de)
{
    int width = op->e->c;
    double sum = 0, each = (double)op->weight / (op->n * op->kinds);
    for (int kind = 0; kind < op->kinds; kind++)
        for (int i = 0; i < op->n; i++) {
            size_t a = (size_t)i * (size_t)width, p = (size_t)(op->n + i) * (size_t)width;
            size_t m = (size_t)((2 + kind) * op->n + i) * (size_t)width;
            const float *e = op->e->data;
            double near = distance_l2(e + a, e + p, width), far = distance_l2(e + a, e + m, width);
            double loss = near - far + (double)op->margin;
            if (loss <= 0) continue;
            sum += loss;
            if (!de) continue;
            push_apart(de + a, de + p, e + a, e + p, near, each, width);
            push_apart(de + a, de + m, e + a, e + m, far, -each, width);
        }
    return sum / (op->n * op->kinds);
}

static void triplet_backward(rg_tape_t *tape, void *ctx)
{
    triplet_ctx_t *op = ctx;
    int add = 0;
    float *de = rg_tape_grad(tape, op->e, &add);
    if (!add) memset(de, 0, rg_tensor_size(op->e) * sizeof *de);
    sum_triplets(op, de);
}

double rg_loss_triplet(rg_tape_t *tape, rg_tensor_t *e, int n, int kinds, float margin, float weight)
{
    rg_tape_op(tape, "losses");
    assert(e->n == n * (2 + kinds));
    triplet_ctx_t *op = rg_tape_alloc(tape, sizeof *op);
    *op = (triplet_ctx_t){e, n, kinds, margin, weight};
    if (rg_tape_wants(tape, e->needs_grad)) rg_tape_record(tape, NULL, triplet_backward, op);
    return sum_triplets(op, NULL);
}

// ---- the ranking loss

typedef struct {
    rg_tensor_t *e;
    rg_param_t *scale;
    const float *relevance;
    float *score, *probability; // [N,N], probability 0 on the diagonal
    float weight;
} ranking_ctx_t;

// Softmax of a query's scores, without its own image. Returns the logarithm of the sum of exponentials.
static double rank_images(float *probability, const float *score, int n, int own)
{
    double most = -INFINITY, sum = 0;
    for (int j = 0; j < n; j++)
        if (j != own) most = fmax(most, (double)score[j]);
    for (int j = 0; j < n; j++) {
        probability[j] = j == own ? 0 : (float)exp((double)score[j] - most);
        sum += (double)probability[j];
    }
    for (int j = 0; j < n; j++) probability[j] = (float)((double)probability[j] / sum);
    return most + log(sum);
}

static double rank_all(const ranking_ctx_t *op)
{
    int n = op->e->n / 2;
    double sum = 0;
    for (int i = 0; i < n; i++) {
        const float *score = op->score + (size_t)i * (size_t)n,
                    *relevance = op->relevance + (size_t)i * (size_t)n;
        double log_sum = rank_images(op->probability + (size_t)i * (size_t)n, score, n, i);
        for (int j = 0; j < n; j++)
            if (j != i) sum += (double)relevance[j] * (log_sum - (double)score[j]);
    }
    return sum / n;
}

// Gradients of the scores are written over op->probability, which is not read again.
static void ranking_backward(rg_tape_t *tape, void *ctx)
{
    ranking_ctx_t *op = ctx;
    const rg_backend_t *backend = rg_tape_backend(tape);
    int n = op->e->n / 2, d = op->e->c, add = 0;
    size_t half = (size_t)n * (size_t)d, pairs = (size_t)n * (size_t)n;
    float sharp = expf(*op->scale->value), *slope = op->probability;
    float *de = rg_tape_grad(tape, op->e, &add);
    double dscale = 0;
    for (size_t i = 0; i < pairs; i++) {
        slope[i] = (slope[i] - op->relevance[i]) * op->weight / (float)n;
        dscale += (double)slope[i] * (double)op->score[i];
    }
    if (!op->scale->set->frozen) *op->scale->grad += (float)dscale;
    if (!de) return;
    backend->gemm(0, 0, n, d, n, sharp, slope, op->e->data + half, (float)add, de);
    backend->gemm(1, 0, n, d, n, sharp, slope, op->e->data, (float)add, de + half);
}

double rg_loss_ranking(rg_tape_t *tape, rg_tensor_t *e, rg_param_t *scale, const float *relevance,
                       float weight)
{
    rg_tape_op(tape, "losses");
    int n = e->n / 2, d = e->c;
    assert(e->n % 2 == 0 && n >= 2);
    size_t pairs = (size_t)n * (size_t)n * sizeof(float);
    ranking_ctx_t *op = rg_tape_alloc(tape, sizeof *op);
    *op =
        (ranking_ctx_t){e, scale, relevance, rg_tape_alloc(tape, pairs), rg_tape_alloc(tape, pairs), weight};
    rg_tape_backend(tape)->gemm(0, 1, n, n, d, expf(*scale->value), e->data, e->data + (size_t)n * (size_t)d,
                                0, op->score);
    if (rg_tape_wants(tape, e->needs_grad || !scale->set->frozen))
        rg_tape_record(tape, NULL, ranking_backward, op);
    return rank_all(op);
}
