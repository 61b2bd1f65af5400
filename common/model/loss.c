#include "common/model/loss.h"

#include <assert.h>
#include <math.h>
#include <string.h>

// ---- E_a's Gaussian and the component of its labels

// One dimension's distance and its two derivatives; away = mean - m.
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

// ---- triplet

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
static double triplets(const triplet_ctx_t *op, float *de)
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
    triplets(op, de);
}

double rg_loss_triplet(rg_tape_t *tape, rg_tensor_t *e, int n, int kinds, float margin, float weight)
{
    rg_tape_op(tape, "losses");
    assert(e->n == n * (2 + kinds));
    triplet_ctx_t *op = rg_tape_alloc(tape, sizeof *op);
    *op = (triplet_ctx_t){e, n, kinds, margin, weight};
    if (rg_tape_wants(tape, e->needs_grad)) rg_tape_record(tape, NULL, triplet_backward, op);
    return triplets(op, NULL);
}

// ---- ranking

typedef struct {
    rg_tensor_t *e;
    rg_param_t *scale;
    const float *relevance;
    float *score, *chance; // [N,N], 0 chance on the diagonal
    float weight;
} ranking_ctx_t;

// Chances of a query's images from their scores, but for `own`; the log of their sum.
static double rank(float *chance, const float *score, int n, int own)
{
    double most = -INFINITY, sum = 0;
    for (int j = 0; j < n; j++)
        if (j != own) most = fmax(most, (double)score[j]);
    for (int j = 0; j < n; j++) {
        chance[j] = j == own ? 0 : (float)exp((double)score[j] - most);
        sum += (double)chance[j];
    }
    for (int j = 0; j < n; j++) chance[j] = (float)((double)chance[j] / sum);
    return most + log(sum);
}

static double rank_all(const ranking_ctx_t *op)
{
    int n = op->e->n / 2;
    double sum = 0;
    for (int i = 0; i < n; i++) {
        const float *score = op->score + (size_t)i * (size_t)n,
                    *relevance = op->relevance + (size_t)i * (size_t)n;
        double log_sum = rank(op->chance + (size_t)i * (size_t)n, score, n, i);
        for (int j = 0; j < n; j++)
            if (j != i) sum += (double)relevance[j] * (log_sum - (double)score[j]);
    }
    return sum / n;
}

// Gradients of scores into op->chance, whose values are not needed any more.
static void ranking_backward(rg_tape_t *tape, void *ctx)
{
    ranking_ctx_t *op = ctx;
    const rg_backend_t *backend = rg_tape_backend(tape);
    int n = op->e->n / 2, d = op->e->c, add = 0;
    size_t half = (size_t)n * (size_t)d, pairs = (size_t)n * (size_t)n;
    float sharp = expf(*op->scale->value), *slope = op->chance;
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
