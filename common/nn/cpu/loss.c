// Losses, and their gradients.
#include <math.h>

#include "common/nn/cpu/cpu.h"

// The value of one element and its derivatives by a and by b.
typedef struct {
    double value, a, b;
} slopes_t;

static inline slopes_t distance(double value, double slope)
{
    return (slopes_t){value, slope, -slope};
}

static inline slopes_t divergence(double away, double logvar, double std)
{
    double variance = std * std, spread = exp(logvar) / variance;
    return (slopes_t){.value = 0.5 * (log(variance) - logvar + spread + away * away / variance - 1),
                      .a = away / variance,
                      .b = 0.5 * (spread - 1)};
}

static inline slopes_t transport(double away, double logvar, double std)
{
    double sigma = exp(logvar / 2), wider = sigma - std;
    return (slopes_t){.value = away * away + wider * wider, .a = 2 * away, .b = wider * sigma};
}

// c: of loss->c, or 0.
static inline slopes_t loss_at(enum rg_loss_kind kind, double a, double b, double c, double std)
{
    switch (kind) {
    case RG_LOSS_L1:
        return distance(fabs(a - b), (a > b) - (a < b));
    case RG_LOSS_L2:
        return distance((a - b) * (a - b), 2 * (a - b));
    case RG_LOSS_BCE: // no overflow for any logit
        return (slopes_t){(a > 0 ? a : 0) - a * b + log1p(exp(-fabs(a))), 1 / (1 + exp(-a)) - b, 0};
    case RG_LOSS_PRODUCT:
        return (slopes_t){a * b, b, a};
    case RG_LOSS_KL:
        return divergence(a - c, b, std);
    case RG_LOSS_EARTH_MOVER:
        return transport(a - c, b, std);
    }
    return (slopes_t){0};
}

static inline void put_gradient(float *d, int add_to, size_t i, double gradient)
{
    if (d) d[i] = (add_to ? d[i] : 0) + (float)gradient;
}

static inline double loss_loop(enum rg_loss_kind kind, const rg_loss_t *l)
{
    double sum = 0, each = (double)l->weight / (double)l->count, target = (double)l->target;
    for (size_t i = 0; i < l->n; i++) {
        slopes_t at = loss_at(kind, (double)l->a[i], l->b ? (double)l->b[i] : target,
                              l->c ? (double)l->c[i] : 0, target);
        sum += at.value;
        put_gradient(l->da, l->add_a, i, each * at.a);
        put_gradient(l->db, l->add_b, i, each * at.b);
    }
    return sum / (double)l->count;
}

// Each inlined copy switches on a constant, so its loop has no switch.
static void loss(rg_backend_t *self, double *sum, const rg_loss_t *l)
{
    double value = 0;
    switch (l->kind) {
    case RG_LOSS_L1:
        value = loss_loop(RG_LOSS_L1, l);
        break;
    case RG_LOSS_L2:
        value = loss_loop(RG_LOSS_L2, l);
        break;
    case RG_LOSS_BCE:
        value = loss_loop(RG_LOSS_BCE, l);
        break;
    case RG_LOSS_PRODUCT:
        value = loss_loop(RG_LOSS_PRODUCT, l);
        break;
    case RG_LOSS_KL:
        value = loss_loop(RG_LOSS_KL, l);
        break;
    case RG_LOSS_EARTH_MOVER:
        value = loss_loop(RG_LOSS_EARTH_MOVER, l);
        break;
    }
    if (sum) *sum += value;
}

// ---- ranking

// The chance of image j to be ranked first for query i is exp(score[j] - log_sum).
static double log_of_sum(const float *cosine, double sharp, int n, int i)
{
    double most = -INFINITY, sum = 0;
    for (int j = 0; j < n; j++)
        if (j != i) most = fmax(most, sharp * (double)cosine[j]);
    for (int j = 0; j < n; j++)
        if (j != i) sum += exp(sharp * (double)cosine[j] - most);
    return most + log(sum);
}

static void rank(rg_backend_t *self, double *sum, float *slope, float *dscale, const float *cosine,
                 const float *relevance, const float *scale, float weight, int n)
{
    double sharp = exp((double)*scale), each = (double)weight / n, value = 0, by_scale = 0;
    for (int i = 0; i < n; i++, cosine += n, relevance += n) {
        double log_sum = log_of_sum(cosine, sharp, n, i);
        for (int j = 0; j < n; j++) {
            double score = sharp * (double)cosine[j], wanted = (double)relevance[j];
            double g = j == i ? 0 : (exp(score - log_sum) - wanted) * each;
            if (j != i) value += wanted * (log_sum - score);
            by_scale += g * score;
            if (slope) slope[i * n + j] = (float)(g * sharp);
        }
    }
    if (sum) *sum += value / n;
    if (slope && dscale) *dscale += (float)by_scale;
}

void rg__cpu_loss_table(rg_backend_t *table)
{
    table->loss = loss;
    table->rank = rank;
}
