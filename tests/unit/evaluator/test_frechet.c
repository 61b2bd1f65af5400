#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/core/alloc.h"
#include "common/core/rng.h"
#include "services/evaluator/frechet.h"
#include "tests/support/near.h"
#include "tests/support/result.h"

static float *normal(size_t n, int d, uint64_t seed, float scale, float shift)
{
    float *x = rg_alloc(n * (size_t)d * sizeof *x);
    rg_rng_t rng;
    rg_rng_init(&rng, seed, RG_RNG_EVALUATE, 0);
    for (size_t i = 0; i < n * (size_t)d; i++) x[i] = scale * rg_rng_normal(&rng) + shift;
    return x;
}

static void moments_of(rg_moments_t *moments, const float *x, size_t n, int d)
{
    rg_moments_init(moments, d);
    rg_moments_add(moments, x, n);
}

static double distance(const float *a, size_t na, const float *b, size_t nb, int d)
{
    double out = -1;
    rg_moments_t of_a, of_b;
    moments_of(&of_a, a, na, d);
    moments_of(&of_b, b, nb, d);
    assert_ok(rg_frechet(&out, &of_a, &of_b));
    rg_moments_fini(&of_a);
    rg_moments_fini(&of_b);
    return out;
}

// Few or many vectors: the same number as from moments.
static void vectors_give_what_their_moments_give(void **state)
{
    (void)state;
    enum { D = 48 };
    static const size_t counts[][2] = {{20, 30}, {20, 500}, {500, 20}, {200, 300}, {D, D}, {2, 2}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        size_t na = counts[i][0], nb = counts[i][1];
        float *a = normal(na, D, 1, 1, 0), *b = normal(nb, D, 2, 2, 0.5f);
        const rg_vectors_t of_a = {a, na, D}, of_b = {b, nb, D};
        double want = distance(a, na, b, nb, D), have = -1;
        assert_ok(rg_frechet_of_vectors(&have, &of_a, &of_b));
        assert_near(have, want, 1e-6 * want);
        free(a);
        free(b);
    }
    const float one[D] = {0};
    const rg_vectors_t alone = {one, 1, D};
    double unset;
    assert_int_equal(rg_frechet_of_vectors(&unset, &alone, &alone), RG_EINVAL);
}

static void is_zero_to_itself(void **state)
{
    (void)state;
    float *x = normal(300, 32, 1, 1, 3), *few = normal(8, 64, 2, 1, 0);
    assert_near(distance(x, 300, x, 300, 32), 0, 1e-9);
    assert_near(distance(few, 8, few, 8, 64), 0, 1e-6); // fewer vectors than dims: a singular covariance
    free(x);
    free(few);
}

// Points at +-s per axis have mean m and unbiased variances s^2 * n/(n-1) on a diagonal covariance.
static void axes(float *x, int d, const double *mean, const double *variance)
{
    int n = 2 * d;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < d; j++) {
            double reach = sqrt(variance[j] * (n - 1) / 2);
            x[i * d + j] = (float)(mean[j] + (i / 2 == j ? (i % 2 ? reach : -reach) : 0));
        }
}

static void has_the_closed_form_of_diagonal_gaussians(void **state)
{
    (void)state;
    enum { D = 4 };
    const double ma[D] = {0, 1, 2, 3}, mb[D] = {1, 1, 0, 3}, va[D] = {1, 4, 9, 0.25}, vb[D] = {4, 4, 1, 1};
    float a[2 * D * D], b[2 * D * D];
    double want = 0;
    axes(a, D, ma, va);
    axes(b, D, mb, vb);
    for (int j = 0; j < D; j++) want += pow(ma[j] - mb[j], 2) + pow(sqrt(va[j]) - sqrt(vb[j]), 2);
    assert_near(distance(a, 2 * D, b, 2 * D, D), want, 1e-5);
}

// S_a = [2 1; 1 2], S_b = [2 -1; -1 2] commute: eigenvalues 3,1 and 1,3 on the same axes.
static void sees_correlation(void **state)
{
    (void)state;
    float a[8], b[8];
    const double scale = sqrt(1.5 / 2), u = sqrt(3) * scale, v = scale;
    const double p[4][2] = {{u, u}, {-u, -u}, {v, -v}, {-v, v}};
    for (int i = 0; i < 4; i++) {
        a[2 * i] = (float)p[i][0];
        a[2 * i + 1] = (float)p[i][1];
        b[2 * i] = (float)p[i][0];
        b[2 * i + 1] = (float)-p[i][1];
    }
    assert_near(distance(a, 4, b, 4, 2), 2 * pow(sqrt(3) - 1, 2), 1e-5);
}

static void is_symmetric(void **state)
{
    (void)state;
    float *a = normal(700, 24, 3, 1, 0), *b = normal(500, 24, 4, 2, 0.5f);
    for (size_t i = 0; i + 1 < 700 * 24; i++) a[i + 1] += 0.5f * a[i]; // correlated
    double ab = distance(a, 700, b, 500, 24), ba = distance(b, 500, a, 700, 24);
    assert_true(ab > 1);
    assert_near(ab, ba, 1e-8 * ab);
    free(a);
    free(b);
}

static void refuses_what_has_no_distance(void **state)
{
    (void)state;
    const float x[4] = {0, 1, 2, 3}, y[4] = {0, NAN, 2, 3};
    rg_moments_t two, one, broken;
    double out = -1;
    moments_of(&two, x, 2, 2);
    moments_of(&one, x, 1, 2);
    moments_of(&broken, y, 2, 2);
    assert_fails(rg_frechet(&out, &two, &one), RG_EINVAL,
                 "a Frechet distance needs at least two images on each side");
    assert_fails(rg_frechet(&out, &two, &broken), RG_ENUMERIC,
                 "features of the images are not finite numbers");
    assert_near(out, -1, 0);
    rg_moments_fini(&two);
    rg_moments_fini(&one);
    rg_moments_fini(&broken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_give_what_their_moments_give),
        cmocka_unit_test(is_zero_to_itself),
        cmocka_unit_test(has_the_closed_form_of_diagonal_gaussians),
        cmocka_unit_test(sees_correlation),
        cmocka_unit_test(is_symmetric),
        cmocka_unit_test(refuses_what_has_no_distance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
