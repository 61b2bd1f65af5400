// Dense linear algebra on OpenBLAS: matrix products and eigenvalues.
//
// A library of its own (rg-linalg) without oneDNN, for exact search and for the evaluator's measures. All
// matrices are row-major. A call uses as many threads as OpenMP gives to the calling thread.
#ifndef RG_NN_LINALG_H
#define RG_NN_LINALG_H

#include <stddef.h>

// Sets how many OpenMP threads the calling thread may use from now on, in OpenBLAS and in every other library
// that is built on OpenMP. Returns the number that was set before.
int rg_linalg_threads(int n);

// c [m,n] = a b^T in single precision, with a [m,k] and b [n,k] contiguous. stride_c >= n: floats from one
// row of c to the next. One call of sgemm.
void rg_matmul_nt_f32(float *c, size_t stride_c, const float *a, const float *b, size_t m, size_t n,
                      size_t k);

// c [m,n] = op(a) op(b) in double precision, all contiguous, with op(a) [m,k] and op(b) [k,n]. A nonzero
// `add` adds the product to what c holds.
void rg_matmul_f64(double *c, int add, const double *a, int transpose_a, const double *b, int transpose_b,
                   int m, int n, int k);

// Writes the eigenvalues of the symmetric matrix a [n,n] to values [n] in ascending order. Overwrites a; a
// nonzero `vectors` leaves the unit eigenvectors there, one per row. RG_ENUMERIC if a holds a value that is
// not finite or if LAPACK does not converge.
int rg_eigen_symmetric(double *values, double *a, int n, int vectors);

#endif
