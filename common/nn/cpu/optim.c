// Optimiser updates over whole blocks.
#include <math.h>

#include "common/nn/cpu/cpu.h"

enum { CHUNK = 16384 }; // floats a thread takes at a time

static inline size_t chunk_end(size_t start, size_t n)
{
    return start + CHUNK < n ? start + CHUNK : n;
}

RG_HOT static double sum_squares_range(const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
    return sum;
}

// Partial sums are added in order of position, so that the result does not depend on timing.
static double sum_squares(const float *x, size_t n)
{
    double total = 0;
    for (size_t start = 0; start < n; start += CHUNK)
        total += sum_squares_range(x + start, chunk_end(start, n) - start);
    return total;
}

typedef struct {
    float gscale, lr, beta1, beta2, decay, correct1, correct2;
    int decoupled;
} adam_t;

RG_HOT static void adam_range(float *w, float *m, float *v, const float *g, const adam_t *a, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float gradient = g[i] * a->gscale, value = w[i];
        if (a->decoupled)
            value -= a->lr * a->decay * value;
        else
            gradient += a->decay * value;
        m[i] = a->beta1 * m[i] + (1 - a->beta1) * gradient;
        v[i] = a->beta2 * v[i] + (1 - a->beta2) * gradient * gradient;
        w[i] = value - a->lr * (m[i] * a->correct1) / (sqrtf(v[i] * a->correct2) + 1e-8f);
    }
}

static void adam(float *w, float *m, float *v, const float *g, float gscale, float lr, float beta1,
                 float beta2, float decay, int decoupled, uint64_t t, size_t n)
{
    adam_t a = {gscale,
                lr,
                beta1,
                beta2,
                decay,
                (float)(1 / (1 - pow(beta1, (double)t))),
                (float)(1 / (1 - pow(beta2, (double)t))),
                decoupled};
#pragma omp parallel for schedule(static)
    for (size_t start = 0; start < n; start += CHUNK)
        adam_range(w + start, m + start, v + start, g + start, &a, chunk_end(start, n) - start);
}

RG_HOT static void sgd_range(float *w, float *m, const float *g, float gscale, float lr, float momentum,
                             float decay, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        m[i] = momentum * m[i] + g[i] * gscale + decay * w[i];
        w[i] -= lr * m[i];
    }
}

static void sgd(float *w, float *m, const float *g, float gscale, float lr, float momentum, float decay,
                size_t n)
{
#pragma omp parallel for schedule(static)
    for (size_t start = 0; start < n; start += CHUNK)
        sgd_range(w + start, m + start, g + start, gscale, lr, momentum, decay, chunk_end(start, n) - start);
}

RG_HOT static void lerp_range(float *ema, const float *w, float beta, size_t n)
{
    for (size_t i = 0; i < n; i++) ema[i] = beta * ema[i] + (1 - beta) * w[i];
}

static void lerp(float *ema, const float *w, float beta, size_t n)
{
#pragma omp parallel for schedule(static)
    for (size_t start = 0; start < n; start += CHUNK)
        lerp_range(ema + start, w + start, beta, chunk_end(start, n) - start);
}

void rg__cpu_optim_table(rg_backend_t *table)
{
    table->sum_squares = sum_squares;
    table->adam = adam;
    table->sgd = sgd;
    table->lerp = lerp;
}
