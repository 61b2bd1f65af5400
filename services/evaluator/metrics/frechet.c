// There are two ways to compute the same number. Sets with at least as many vectors as dimensions use
// covariance matrices [d,d]. Smaller sets use products of vectors [n,n], which cost less: Inception's
// features have d = 2048, and the set of a domain often has fewer vectors.
#include "services/evaluator/metrics/metrics.h"

#include <math.h>
#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/nn/linalg.h"

// Writes the mean of x [n,d], and x without it.
static void subtract_mean(const float *x, size_t n, size_t d, double *mean, double *deviations)
{
    for (size_t j = 0; j < d; j++) mean[j] = 0;
    for (size_t i = 0; i < n * d; i++) mean[i % d] += x[i] / (double)n;
    for (size_t i = 0; i < n * d; i++) deviations[i] = x[i] - mean[i % d];
}

static int check_finite(double sum)
{
    return isfinite(sum) ? 0 : rg_fail(RG_ENUMERIC, "features of the images are not finite numbers");
}

// ---- through covariances

enum { BATCH = 256 }; // vectors that are held in double at a time

// Mean and covariance of a set. The moments of each batch are merged by the pairwise update of Chan, Golub
// and LeVeque (1979).
typedef struct {
    int d;
    size_t n;
    double *mean;    // [d], owned
    double *scatter; // [d,d] sum of the outer products of deviations; then the covariance; owned
} moments_t;

static size_t square(int d)
{
    return (size_t)d * (size_t)d;
}

static void add_batch(moments_t *moments, const float *x, size_t n, double *mean, double *deviations)
{
    size_t d = (size_t)moments->d;
    double before = (double)moments->n, count = (double)n;
    subtract_mean(x, n, d, mean, deviations);
    rg_matmul_f64(moments->scatter, 1, deviations, 1, deviations, 0, moments->d, moments->d, (int)n);
    for (size_t j = 0; j < d; j++) mean[j] -= moments->mean[j];
    for (size_t i = 0; i < d * d; i++)
        moments->scatter[i] += mean[i / d] * mean[i % d] * before * count / (before + count);
    for (size_t j = 0; j < d; j++) moments->mean[j] += mean[j] * count / (before + count);
    moments->n += n;
}

static void moments_init(moments_t *moments, const rg_vectors_t *set)
{
    size_t d = (size_t)set->d;
    double *mean = rg_alloc(d * sizeof *mean), *deviations = rg_alloc(BATCH * d * sizeof *deviations);
    *moments = (moments_t){
        .d = set->d, .mean = rg_alloc(d * sizeof(double)), .scatter = rg_alloc(d * d * sizeof(double))};
    for (size_t first = 0; first < set->n; first += BATCH)
        add_batch(moments, set->row + first * d, set->n - first < BATCH ? set->n - first : BATCH, mean,
                  deviations);
    for (size_t i = 0; i < d * d; i++) moments->scatter[i] /= (double)(set->n - 1);
    free(mean);
    free(deviations);
}

static void moments_fini(moments_t *moments)
{
    free(moments->mean);
    free(moments->scatter);
}

// tr((A^1/2 B A^1/2)^1/2). With A = V' diag(l) V (the eigenvectors are the rows of V) and F = diag(l^1/2) V,
// the matrix F B F' has the same eigenvalues and needs one product less. Overwrites a.
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

static int frechet_by_covariances(double *distance, const rg_vectors_t *a, const rg_vectors_t *b)
{
    moments_t of_a, of_b;
    double sum = 0, root = 0;
    moments_init(&of_a, a);
    moments_init(&of_b, b);
    for (int i = 0; i < a->d; i++) {
        double step = of_a.mean[i] - of_b.mean[i];
        size_t diagonal = (size_t)i * (size_t)(a->d + 1);
        sum += step * step + of_a.scatter[diagonal] + of_b.scatter[diagonal];
    }
    int err = check_finite(sum);
    if (!err) err = trace_of_root(&root, of_a.scatter, of_b.scatter, a->d);
    if (!err) *distance = fmax(sum - 2 * root, 0);
    moments_fini(&of_a);
    moments_fini(&of_b);
    return err;
}

// ---- through products of vectors

// A set without its mean, each vector divided by (n-1)^1/2: the matrix X with S = X' X.
typedef struct {
    int n, d;
    double *mean; // [d], owned
    double *root; // [n,d], owned
    double trace; // of S
} centred_t;

static void centred_init(centred_t *centred, const rg_vectors_t *set)
{
    size_t d = (size_t)set->d, n = set->n;
    *centred = (centred_t){.n = (int)n,
                           .d = set->d,
                           .mean = rg_alloc(d * sizeof(double)),
                           .root = rg_alloc(n * d * sizeof(double))};
    subtract_mean(set->row, n, d, centred->mean, centred->root);
    for (size_t i = 0; i < n * d; i++) {
        centred->root[i] /= sqrt((double)(n - 1));
        centred->trace += centred->root[i] * centred->root[i];
    }
}

static void centred_fini(centred_t *centred)
{
    free(centred->mean);
    free(centred->root);
}

// tr((S_few^1/2 S_many S_few^1/2)^1/2) is the sum of the singular values of X_few X_many'. They are the roots
// of the eigenvalues of that matrix times its transpose.
static int sum_of_roots(double *sum, const centred_t *few, const centred_t *many)
{
    int n = few->n;
    double *cross = rg_alloc((size_t)n * (size_t)many->n * sizeof *cross),
           *gram = rg_alloc(square(n) * sizeof *gram), *values = rg_alloc((size_t)n * sizeof *values);
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

static int frechet_by_products(double *distance, const rg_vectors_t *few, const rg_vectors_t *many)
{
    centred_t of_few, of_many;
    double root, apart = 0;
    centred_init(&of_few, few);
    centred_init(&of_many, many);
    for (int j = 0; j < few->d; j++) apart += pow(of_few.mean[j] - of_many.mean[j], 2);
    double sum = apart + of_few.trace + of_many.trace;
    int err = check_finite(sum);
    if (!err) err = sum_of_roots(&root, &of_few, &of_many);
    if (!err) *distance = fmax(sum - 2 * root, 0);
    centred_fini(&of_few);
    centred_fini(&of_many);
    return err;
}

int rg_frechet(double *distance, const rg_vectors_t *a, const rg_vectors_t *b)
{
    const rg_vectors_t *few = a->n < b->n ? a : b, *many = few == a ? b : a;
    if (few->n < 2) return rg_fail(RG_EINVAL, "a Frechet distance needs at least two images on each side");
    if (few->n < (size_t)few->d) return frechet_by_products(distance, few, many);
    return frechet_by_covariances(distance, a, b);
}
