#include "services/evaluator/frechet.h"

#include <math.h>
#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/nn/linalg.h"

static size_t square(int d)
{
    return (size_t)d * (size_t)d;
}

// tr((A^1/2 B A^1/2)^1/2). With A = V' diag(l) V (eigenvectors are V's rows) and F = diag(l^1/2) V, the
// matrix F B F' has the same eigenvalues and needs one product less. Overwrites a.
static int trace_of_root(double *trace, double *a, const double *b, int d)
{
    double *values = rg_alloc((size_t)d * sizeof *values), *half = rg_alloc(square(d) * sizeof *half);
    int err = rg_eigen_symmetric(values, a, d, 1);
    if (!err) {
        for (size_t i = 0; i < square(d); i++) a[i] *= sqrt(fmax(values[i / (size_t)d], 0));
        rg_matmul_f64(half, 0, a, 0, b, 0, d, d, d);
        double *product = rg_alloc(square(d) * sizeof *product);
        rg_matmul_f64(product, 0, half, 0, a, 1, d, d, d);
        err = rg_eigen_symmetric(values, product, d, 0);
        free(product);
    }
    double sum = 0;
    for (int i = 0; i < d; i++) sum += sqrt(fmax(values[i], 0));
    if (!err) *trace = sum;
    free(half);
    free(values);
    return err;
}

int rg_frechet(double *distance, const rg_moments_t *a, const rg_moments_t *b)
{
    if (a->n < 2 || b->n < 2)
        return rg_fail(RG_EINVAL, "a Frechet distance needs at least two images on each side");
    int d = a->d;
    double *of_a = rg_alloc(square(d) * sizeof *of_a), *of_b = rg_alloc(square(d) * sizeof *of_b);
    double sum = 0, root = 0;
    rg_moments_covariance(a, of_a);
    rg_moments_covariance(b, of_b);
    for (int i = 0; i < d; i++) {
        double step = a->mean[i] - b->mean[i];
        size_t diagonal = (size_t)i * (size_t)(d + 1);
        sum += step * step + of_a[diagonal] + of_b[diagonal];
    }
    int err = isfinite(sum) ? trace_of_root(&root, of_a, of_b, d)
                            : rg_fail(RG_ENUMERIC, "features of the images are not finite numbers");
    if (!err) *distance = fmax(sum - 2 * root, 0);
    free(of_a);
    free(of_b);
    return err;
}

// ------------------------------------------------------------------ of vectors
static int by_moments(double *distance, const rg_vectors_t *a, const rg_vectors_t *b)
{
    rg_moments_t of_a, of_b;
    rg_moments_init(&of_a, a->d);
    rg_moments_init(&of_b, b->d);
    rg_moments_add(&of_a, a->row, a->n);
    rg_moments_add(&of_b, b->row, b->n);
    int err = rg_frechet(distance, &of_a, &of_b);
    rg_moments_fini(&of_a);
    rg_moments_fini(&of_b);
    return err;
}

// A set without its mean, each vector divided by (n-1)^1/2: X with S = X' X.
typedef struct {
    int n, d;
    double *mean; // [d], owned
    double *root; // [n,d], owned
    double trace; // of S
} centred_t;

static void centre(centred_t *centred, const rg_vectors_t *set)
{
    size_t d = (size_t)set->d, n = set->n;
    *centred = (centred_t){.n = (int)n,
                           .d = set->d,
                           .mean = rg_alloc(d * sizeof(double)),
                           .root = rg_alloc(n * d * sizeof(double))};
    for (size_t i = 0; i < n * d; i++) centred->mean[i % d] += set->row[i] / (double)n;
    for (size_t i = 0; i < n * d; i++) {
        centred->root[i] = (set->row[i] - centred->mean[i % d]) / sqrt((double)(n - 1));
        centred->trace += centred->root[i] * centred->root[i];
    }
}

static void centred_fini(centred_t *centred)
{
    free(centred->mean);
    free(centred->root);
}

// tr((S_few^1/2 S_many S_few^1/2)^1/2) is the sum of the singular values of X_few X_many', which are the
// roots of the eigenvalues of its product with its transpose.
static int sum_of_roots(double *sum, const centred_t *few, const centred_t *many)
{
    int n = few->n;
    double *cross = rg_alloc((size_t)n * (size_t)many->n * sizeof *cross),
           *gram = rg_alloc((size_t)n * (size_t)n * sizeof *gram),
           *values = rg_alloc((size_t)n * sizeof *values);
    rg_matmul_f64(cross, 0, few->root, 0, many->root, 1, n, many->n, few->d);
    rg_matmul_f64(gram, 0, cross, 0, cross, 1, n, n, many->n);
    int err = rg_eigen_symmetric(values, gram, n, 0);
    *sum = 0;
    for (int i = 0; i < n && !err; i++) *sum += sqrt(fmax(values[i], 0));
    free(cross);
    free(gram);
    free(values);
    return err;
}

static int by_products(double *distance, const rg_vectors_t *few, const rg_vectors_t *many)
{
    centred_t of_few, of_many;
    double root, apart = 0;
    centre(&of_few, few);
    centre(&of_many, many);
    for (int j = 0; j < few->d; j++) apart += pow(of_few.mean[j] - of_many.mean[j], 2);
    int err = sum_of_roots(&root, &of_few, &of_many);
    if (!err) *distance = fmax(apart + of_few.trace + of_many.trace - 2 * root, 0);
    centred_fini(&of_few);
    centred_fini(&of_many);
    return err;
}

int rg_frechet_of_vectors(double *distance, const rg_vectors_t *a, const rg_vectors_t *b)
{
    const rg_vectors_t *few = a->n < b->n ? a : b, *many = few == a ? b : a;
    if (few->n < 2 || few->n >= (size_t)few->d) return by_moments(distance, a, b);
    return by_products(distance, few, many);
}
