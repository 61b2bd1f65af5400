#include "services/evaluator/frechet.h"

#include <math.h>
#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/nn/linalg.h"

enum { CHUNK = 256 };

typedef struct {
    double *mean, *covariance; // [d], [d,d], owned
} moments_t;

static size_t square(int d)
{
    return (size_t)d * (size_t)d;
}

static void moments_init(moments_t *moments, const float *x, size_t n, int d)
{
    size_t width = (size_t)d;
    double *centred = rg_alloc(CHUNK * width * sizeof *centred);
    moments->mean = rg_alloc(width * sizeof *moments->mean);
    moments->covariance = rg_alloc(square(d) * sizeof *moments->covariance);
    for (size_t i = 0; i < n * width; i++) moments->mean[i % width] += x[i] / (double)n;
    for (size_t first = 0; first < n; first += CHUNK) {
        size_t rows = n - first < CHUNK ? n - first : CHUNK;
        for (size_t i = 0; i < rows * width; i++)
            centred[i] = x[first * width + i] - moments->mean[i % width];
        rg_matmul_f64(moments->covariance, 1, centred, 1, centred, 0, d, d, (int)rows);
    }
    for (size_t i = 0; i < square(d); i++) moments->covariance[i] /= (double)(n - 1);
    free(centred);
}

static void moments_fini(moments_t *moments)
{
    free(moments->mean);
    free(moments->covariance);
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

int rg_frechet(double *distance, const float *a, size_t na, const float *b, size_t nb, int d)
{
    if (na < 2 || nb < 2)
        return rg_fail(RG_EINVAL, "a Frechet distance needs at least two images on each side");
    moments_t ma, mb;
    double sum = 0, root = 0;
    moments_init(&ma, a, na, d);
    moments_init(&mb, b, nb, d);
    for (int i = 0; i < d; i++) {
        double step = ma.mean[i] - mb.mean[i];
        size_t diagonal = (size_t)i * (size_t)(d + 1);
        sum += step * step + ma.covariance[diagonal] + mb.covariance[diagonal];
    }
    int err = isfinite(sum) ? trace_of_root(&root, ma.covariance, mb.covariance, d)
                            : rg_fail(RG_ENUMERIC, "features of the images are not finite numbers");
    if (!err) *distance = fmax(sum - 2 * root, 0);
    moments_fini(&ma);
    moments_fini(&mb);
    return err;
}
