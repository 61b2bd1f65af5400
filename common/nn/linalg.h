// Dense linear algebra in double precision on BLAS and LAPACK, for numbers that are measured rather than
// trained. Matrices are row-major and contiguous. Uses as many threads as OpenMP gives the caller.
#ifndef RG_NN_LINALG_H
#define RG_NN_LINALG_H

// c [m,n] = op(a) op(b), op(a) [m,k] and op(b) [k,n], plus what is in c where `add` is nonzero.
void rg_matmul_f64(double *c, int add, const double *a, int transpose_a, const double *b, int transpose_b,
                   int m, int n, int k);

// Eigenvalues of the symmetric a [n,n], ascending, into values [n]. a is overwritten: by the unit
// eigenvectors, one per row, where `vectors` is nonzero. RG_ENUMERIC if a holds a value that is not finite or
// LAPACK does not converge.
int rg_eigen_symmetric(double *values, double *a, int n, int vectors);

#endif
