// Optimiser updates of whole blocks in one pass over memory.
#include <math.h>
#include <string.h>

#include "common/nn/cpu/cpu.h"

enum {
    CHUNK = 4096, // floats that stay in the cache from one loop to the next
    PARTS = 64    // partial sums
};

static inline size_t part_start(size_t n, int part)
{
    return n / PARTS * (size_t)part + n % PARTS * (size_t)part / PARTS;
}

RG_HOT static double sum_squares_range(const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
    return sum;
}

// The partial sums do not depend on the number of threads and are added in a fixed order.
static void sum_squares(rg_backend_t *self, double *sum, const float *x, size_t n)
{
    double part[PARTS];
#pragma omp parallel for schedule(static)
    for (int p = 0; p < PARTS; p++)
        part[p] = sum_squares_range(x + part_start(n, p), part_start(n, p + 1) - part_start(n, p));
    for (int p = 0; p < PARTS; p++) *sum += part[p];
}

typedef void range_fn(const rg_block_t *block, const rg_update_t *update);

RG_HOT static void lerp_range(float *ema, const float *w, float beta, size_t n)
{
    for (size_t i = 0; i < n; i++) ema[i] = beta * ema[i] + (1 - beta) * w[i];
}

static void update_block(range_fn *range, const rg_block_t *b, const rg_update_t *update)
{
#pragma omp parallel for schedule(static)
    for (size_t start = 0; start < b->n; start += CHUNK) {
        rg_block_t chunk = {.value = b->value + start,
                            .grad = b->grad + start,
                            .m = b->m + start,
                            .v = b->v ? b->v + start : NULL,
                            .ema = b->ema ? b->ema + start : NULL,
                            .n = start + CHUNK < b->n ? CHUNK : b->n - start};
        range(&chunk, update);
        if (chunk.ema) lerp_range(chunk.ema, chunk.value, update->ema, chunk.n);
        memset(chunk.grad, 0, chunk.n * sizeof *chunk.grad);
    }
}

RG_HOT static void adam_range(const rg_block_t *block, const rg_update_t *u)
{
    float *w = block->value, *m = block->m, *v = block->v;
    const float *g = block->grad;
    float correct1 = (float)(1 / (1 - pow(u->beta1, (double)u->t))),
          correct2 = (float)(1 / (1 - pow(u->beta2, (double)u->t)));
    float shrink = u->decoupled ? u->lr * u->decay : 0, decay = u->decoupled ? 0 : u->decay;
    for (size_t i = 0; i < block->n; i++) {
        float gradient = g[i] * u->gscale + decay * w[i];
        m[i] = u->beta1 * m[i] + (1 - u->beta1) * gradient;
        v[i] = u->beta2 * v[i] + (1 - u->beta2) * gradient * gradient;
        w[i] = w[i] - shrink * w[i] - u->lr * (m[i] * correct1) / (sqrtf(v[i] * correct2) + 1e-8f);
    }
}

static void adam(rg_backend_t *self, const rg_block_t *block, const rg_update_t *update)
{
    update_block(adam_range, block, update);
}

RG_HOT static void sgd_range(const rg_block_t *block, const rg_update_t *u)
{
    float *w = block->value, *m = block->m;
    for (size_t i = 0; i < block->n; i++) {
        m[i] = u->momentum * m[i] + block->grad[i] * u->gscale + u->decay * w[i];
        w[i] -= u->lr * m[i];
    }
}

static void sgd(rg_backend_t *self, const rg_block_t *block, const rg_update_t *update)
{
    update_block(sgd_range, block, update);
}

void rg__cpu_optim_table(rg_backend_t *table)
{
    table->sum_squares = sum_squares;
    table->adam = adam;
    table->sgd = sgd;
}
