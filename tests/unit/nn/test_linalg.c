#include <math.h>

#include "common/core/err.h"
#include "common/nn/linalg.h"
#include "tests/support/test.h"

static void check(const double *have, const double *want, int n)
{
    for (int i = 0; i < n; i++) assert_near(have[i], want[i], 1e-12);
}

static void multiplies(void **state)
{
    (void)state;
    const double a[] = {1, 2, 3, 4, 5, 6}, b[] = {1, 0, 2, -1, 1, 1};
    const double ab[] = {8, 1, 20, 1}, atb[] = {9, 4, 4, 12, 5, 5, 15, 6, 6}, abt[] = {7, 4, 16, 7};
    double c[9] = {1, 1, 1, 1};
    rg_matmul_f64(c, 0, a, 0, b, 0, 2, 2, 3); // [2,3] [3,2]
    check(c, ab, 4);
    rg_matmul_f64(c, 1, a, 0, b, 0, 2, 2, 3);
    for (int i = 0; i < 4; i++) assert_near(c[i], 2 * ab[i], 1e-12);
    const double tall[] = {1, 0, 0, 2, 1, 1}; // [2,3]
    rg_matmul_f64(c, 0, a, 1, tall, 0, 3, 3, 2);
    check(c, atb, 9);
    rg_matmul_f64(c, 0, a, 0, b, 1, 2, 2, 3); // b as [2,3]
    check(c, abt, 4);
}

static void multiplies_rows_with_rows_into_a_wider_matrix(void **state)
{
    (void)state;
    const float a[] = {1, 2, 3, 4, 5, 6}, b[] = {1, 0, 2, -1, 1, 1}; // both [2,3]
    float c[] = {9, 9, 9, 9, 9, 9};
    const float want[] = {7, 4, 9, 16, 7, 9};
    rg_matmul_nt_f32(c, 3, a, b, 2, 2, 3);
    for (int i = 0; i < 6; i++) assert_near(c[i], want[i], 1e-6);
}

static void restores_the_number_of_threads(void **state)
{
    (void)state;
    int before = rg_linalg_threads(3);
    assert_int_equal(rg_linalg_threads(before), 3);
    assert_int_equal(rg_linalg_threads(before), before);
}

static void finds_eigenvalues(void **state)
{
    (void)state;
    double a[] = {2, 1, 0, 1, 2, 0, 0, 0, -1}, values[3];
    const double want[] = {-1, 1, 3};
    assert_int_equal(rg_eigen_symmetric(values, a, 3, 0), 0);
    check(values, want, 3);
}

static void rebuilds_from_eigenvectors(void **state)
{
    (void)state;
    enum { N = 20 };
    double a[N * N], v[N * N], values[N];
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) a[i * N + j] = v[i * N + j] = sin(1 + i * j + i + j);
    assert_int_equal(rg_eigen_symmetric(values, v, N, 1), 0);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double sum = 0, dot = 0;
            for (int e = 0; e < N; e++) {
                sum += values[e] * v[e * N + i] * v[e * N + j];
                dot += v[i * N + e] * v[j * N + e];
            }
            assert_near(sum, a[i * N + j], 1e-10);
            assert_near(dot, i == j, 1e-10);
        }
    for (int i = 1; i < N; i++) assert_true(values[i - 1] <= values[i]);
}

static void refuses_what_is_not_finite(void **state)
{
    (void)state;
    double a[] = {1, NAN, NAN, 1}, values[2];
    assert_int_equal(rg_eigen_symmetric(values, a, 2, 1), RG_ENUMERIC);
    assert_string_equal(rg_error(), "a matrix of 2 x 2 holds a value that is not finite");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(multiplies),
        cmocka_unit_test(multiplies_rows_with_rows_into_a_wider_matrix),
        cmocka_unit_test(restores_the_number_of_threads),
        cmocka_unit_test(finds_eigenvalues),
        cmocka_unit_test(rebuilds_from_eigenvectors),
        cmocka_unit_test(refuses_what_is_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
