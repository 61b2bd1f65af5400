#include "common/nn/linalg.h"

#include <math.h>
#include <stdlib.h>

#include <cblas.h>

#include "common/core/alloc.h"
#include "common/core/err.h"

// LAPACK's own entry point: OpenBLAS carries it, the C interface LAPACKE is a library of its own.
extern void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w,
                    double *work, const int *lwork, int *iwork, const int *liwork, int *info);

void rg_matmul_f64(double *c, int add, const double *a, int transpose_a, const double *b, int transpose_b,
                   int m, int n, int k)
{
    cblas_dgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
                transpose_b ? CblasTrans : CblasNoTrans, m, n, k, 1, a, transpose_a ? m : k, b,
                transpose_b ? k : n, add, c, n);
}

int rg_eigen_symmetric(double *values, double *a, int n, int vectors)
{
    for (int i = 0; i < n * n; i++)
        if (!isfinite(a[i]))
            return rg_fail(RG_ENUMERIC, "a matrix of %d x %d holds a value that is not finite", n, n);
    const char *job = vectors ? "V" : "N"; // LAPACK's columns are our rows
    double room;
    int info, whole, ask = -1;
    dsyevd_(job, "U", &n, a, &n, values, &room, &ask, &whole, &ask, &info);
    int size = (int)room;
    double *work = rg_alloc((size_t)size * sizeof *work);
    int *iwork = rg_alloc((size_t)whole * sizeof *iwork);
    dsyevd_(job, "U", &n, a, &n, values, work, &size, iwork, &whole, &info);
    free(iwork);
    free(work);
    return info ? rg_fail(RG_ENUMERIC, "the eigenvalues of a matrix of %d x %d do not converge", n, n) : 0;
}
