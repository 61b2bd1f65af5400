#include "services/evaluator/metrics/metrics.h"

#include <math.h>
#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/nn/linalg.h"

rg_vectors_t rg_vectors_part(const rg_vectors_t *vectors, size_t first, size_t count)
{
    return (rg_vectors_t){vectors->row + first * (size_t)vectors->d, count, vectors->d};
}

// ---- all pairs

static double *to_double(const rg_vectors_t *vectors)
{
    size_t count = vectors->n * (size_t)vectors->d;
    double *wide = rg_alloc(count * sizeof *wide);
    for (size_t i = 0; i < count; i++) wide[i] = vectors->row[i];
    return wide;
}

static double *squared_lengths(const double *rows, size_t n, int d)
{
    double *lengths = rg_alloc(n * sizeof *lengths);
    for (size_t i = 0; i < n * (size_t)d; i++) lengths[i / (size_t)d] += rows[i] * rows[i];
    return lengths;
}

void rg_vectors_products(double *out, const rg_vectors_t *a, const rg_vectors_t *b)
{
    double *wide_a = to_double(a), *wide_b = to_double(b);
    rg_matmul_f64(out, 0, wide_a, 0, wide_b, 1, (int)a->n, (int)b->n, a->d);
    free(wide_a);
    free(wide_b);
}

// |x - y|^2 = |x|^2 + |y|^2 - 2 x.y
void rg_vectors_distances(double *out, const rg_vectors_t *a, const rg_vectors_t *b)
{
    double *wide_a = to_double(a), *wide_b = to_double(b);
    double *lengths_a = squared_lengths(wide_a, a->n, a->d), *lengths_b = squared_lengths(wide_b, b->n, b->d);
    rg_matmul_f64(out, 0, wide_a, 0, wide_b, 1, (int)a->n, (int)b->n, a->d);
    for (size_t i = 0; i < a->n; i++)
        for (size_t j = 0; j < b->n; j++)
            out[i * b->n + j] = fmax(lengths_a[i] + lengths_b[j] - 2 * out[i * b->n + j], 0);
    free(wide_a);
    free(wide_b);
    free(lengths_a);
    free(lengths_b);
}

// ---- small parts that several measures share

double rg_absolute_difference(const float *a, const float *b, int n, size_t size)
{
    double sum = 0;
    for (size_t i = 0; i < (size_t)n * size; i++) sum += fabs((double)a[i] - (double)b[i]);
    return sum / (double)size;
}

rg_estimate_t rg_estimate(double sum, double squares, int n)
{
    double mean = sum / n;
    return (rg_estimate_t){mean, sqrt(fmax(squares / n - mean * mean, 0))};
}

void rg_nearest_offer(double *distance, uint32_t *position, int k, double offered, uint32_t offered_position)
{
    if (!(offered < distance[k - 1])) return;
    int place = k - 1;
    for (; place > 0 && distance[place - 1] > offered; place--) {
        distance[place] = distance[place - 1];
        if (position) position[place] = position[place - 1];
    }
    distance[place] = offered;
    if (position) position[place] = offered_position;
}
