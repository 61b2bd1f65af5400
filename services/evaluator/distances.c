#include "services/evaluator/distances.h"

#include <math.h>
#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/nn/linalg.h"

rg_vectors_t rg_vectors_part(const rg_vectors_t *vectors, size_t first, size_t count)
{
    return (rg_vectors_t){vectors->row + first * (size_t)vectors->d, count, vectors->d};
}

static double *widen(const rg_vectors_t *vectors)
{
    size_t count = vectors->n * (size_t)vectors->d;
    double *wide = rg_alloc(count * sizeof *wide);
    for (size_t i = 0; i < count; i++) wide[i] = vectors->row[i];
    return wide;
}

static double squared_length(const double *x, int d)
{
    double sum = 0;
    for (int i = 0; i < d; i++) sum += x[i] * x[i];
    return sum;
}

static double *squared_lengths(const double *rows, size_t n, int d)
{
    double *lengths = rg_alloc(n * sizeof *lengths);
    for (size_t i = 0; i < n; i++) lengths[i] = squared_length(rows + i * (size_t)d, d);
    return lengths;
}

void rg_products(double *out, const rg_vectors_t *a, const rg_vectors_t *b)
{
    double *wide_a = widen(a), *wide_b = widen(b);
    rg_matmul_f64(out, 0, wide_a, 0, wide_b, 1, (int)a->n, (int)b->n, a->d);
    free(wide_a);
    free(wide_b);
}

void rg_distances(double *out, const rg_vectors_t *a, const rg_vectors_t *b)
{
    double *wide_a = widen(a), *wide_b = widen(b);
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
