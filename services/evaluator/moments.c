#include "services/evaluator/moments.h"

#include <assert.h>
#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/nn/linalg.h"

enum { BATCH = 256 };

void rg_moments_init(rg_moments_t *moments, int d)
{
    size_t width = (size_t)d;
    *moments = (rg_moments_t){.d = d,
                              .mean = rg_alloc(width * sizeof *moments->mean),
                              .scatter = rg_alloc(width * width * sizeof *moments->scatter)};
}

void rg_moments_fini(rg_moments_t *moments)
{
    free(moments->mean);
    free(moments->scatter);
}

// The mean of x [n,d], and what is left of x without it.
static void centre(const float *x, size_t n, size_t d, double *mean, double *deviations)
{
    for (size_t j = 0; j < d; j++) mean[j] = 0;
    for (size_t i = 0; i < n * d; i++) mean[i % d] += x[i] / (double)n;
    for (size_t i = 0; i < n * d; i++) deviations[i] = x[i] - mean[i % d];
}

static void add_batch(rg_moments_t *moments, const float *x, size_t n, double *mean, double *deviations)
{
    size_t d = (size_t)moments->d;
    double before = (double)moments->n, count = (double)n;
    centre(x, n, d, mean, deviations);
    rg_matmul_f64(moments->scatter, 1, deviations, 1, deviations, 0, moments->d, moments->d, (int)n);
    for (size_t j = 0; j < d; j++) mean[j] -= moments->mean[j];
    for (size_t i = 0; i < d * d; i++)
        moments->scatter[i] += mean[i / d] * mean[i % d] * before * count / (before + count);
    for (size_t j = 0; j < d; j++) moments->mean[j] += mean[j] * count / (before + count);
    moments->n += n;
}

void rg_moments_add(rg_moments_t *moments, const float *x, size_t n)
{
    size_t d = (size_t)moments->d;
    double *mean = rg_alloc(d * sizeof *mean), *deviations = rg_alloc(BATCH * d * sizeof *deviations);
    for (size_t first = 0; first < n; first += BATCH)
        add_batch(moments, x + first * d, n - first < BATCH ? n - first : BATCH, mean, deviations);
    free(mean);
    free(deviations);
}

void rg_moments_covariance(const rg_moments_t *moments, double *covariance)
{
    size_t d = (size_t)moments->d;
    assert(moments->n >= 2);
    for (size_t i = 0; i < d * d; i++) covariance[i] = moments->scatter[i] / (double)(moments->n - 1);
}
