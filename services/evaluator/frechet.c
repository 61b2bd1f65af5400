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
