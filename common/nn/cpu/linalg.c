#include "common/nn/linalg.h"

#include <math.h>
#include <stdlib.h>

#include <cblas.h>
#include <omp.h>

#include "common/core/alloc.h"
#include "common/core/err.h"

// The entry point of LAPACK itself, which OpenBLAS contains. The C interface LAPACKE is a separate library.
extern void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w,
                    double *work, const int *lwork, int *iwork, const int *liwork, int *info);

int rg_linalg_threads(int n)
{
    int before = omp_get_max_threads();
    omp_set_num_threads(n);
    return before;
}

void rg_matmul_nt_f32(float *c, size_t stride_c, const float *a, const float *b, size_t m, size_t n, size_t k)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)m, (int)n, (int)k, 1, a, (int)k, b, (int)k, 0,
                c, (int)stride_c);
}

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
    const char *job = vectors ? "V" : "N"; // LAPACK is column-major: its columns are our rows
    double work_size;
    int info, iwork_size, query = -1; // the first call only asks for the sizes of the scratch memory
    dsyevd_(job, "U", &n, a, &n, values, &work_size, &query, &iwork_size, &query, &info);
    int size = (int)work_size;
    double *work = rg_alloc((size_t)size * sizeof *work);
    int *iwork = rg_alloc((size_t)iwork_size * sizeof *iwork);
    dsyevd_(job, "U", &n, a, &n, values, work, &size, iwork, &iwork_size, &info);
    free(iwork);
    free(work);
    return info ? rg_fail(RG_ENUMERIC, "the eigenvalues of a matrix of %d x %d do not converge", n, n) : 0;
}
