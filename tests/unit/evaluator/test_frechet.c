#include "tests/unit/evaluator/cases.h"

#include <math.h>

#include "services/evaluator/metrics/metrics.h"
#include "tests/support/test.h"

static double distance(const float *a, size_t na, const float *b, size_t nb, int d)
{
    double out = -1;
    assert_ok(rg_frechet(&out, &(rg_vectors_t){a, na, d}, &(rg_vectors_t){b, nb, d}));
    return out;
}

// The same vectors with zeros appended; free() them.
static float *widen(const float *x, size_t n, int d, int wide)
{
    float *out = rg_alloc(n * (size_t)wide * sizeof *out);
    for (size_t i = 0; i < n; i++) memcpy(out + i * (size_t)wide, x + i * (size_t)d, (size_t)d * sizeof *out);
    return out;
}

// Dimensions that are zero everywhere change no distance. They make sets with fewer vectors than dimensions,
// which are computed in another way.
static void both_ways_give_the_same_number(void **state)
{
    (void)state;
    static const struct {
        size_t na, nb;
        int d, wide;
    } cases[] = {{20, 30, 16, 21},    {20, 500, 16, 48}, {500, 20, 16, 48},
                 {200, 300, 48, 256}, {48, 48, 48, 49},  {2, 2, 2, 48}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t na = cases[i].na, nb = cases[i].nb;
        int d = cases[i].d, wide = cases[i].wide;
        float *a = cases_normal(na, d, 1, 1, 0), *b = cases_normal(nb, d, 2, 2, 0.5f),
              *wide_a = widen(a, na, d, wide), *wide_b = widen(b, nb, d, wide);
        double want = distance(a, na, b, nb, d);
        assert_near(distance(wide_a, na, wide_b, nb, wide), want, 1e-6 * want);
        free(a);
        free(b);
        free(wide_a);
        free(wide_b);
    }
}

// Covariance of columns a and b in two passes, as in a textbook.
static double covariance(const float *x, size_t n, int a, int b, double mean[2])
{
    double sum = 0;
    mean[0] = mean[1] = 0;
    for (size_t i = 0; i < n; i++)
        for (int j = 0; j < 2; j++) mean[j] += x[2 * i + (size_t)j] / (double)n;
    for (size_t i = 0; i < n; i++) sum += (x[2 * i + (size_t)a] - mean[a]) * (x[2 * i + (size_t)b] - mean[b]);
    return sum / (double)(n - 1);
}

// More vectors than are read at a time. In two dimensions tr(M^1/2) = (tr M + 2 (det M)^1/2)^1/2.
static void does_not_depend_on_batches(void **state)
{
    (void)state;
    enum { N = 700 };
    float *x[2] = {cases_normal(N, 2, 1, 1, 100), cases_normal(N, 2, 2, 3, 98)};
    double s[2][3], mean[2][2], want = 0;
    for (int set = 0; set < 2; set++) {
        for (size_t i = 0; i < N; i++) x[set][2 * i + 1] += 0.5f * x[set][2 * i]; // correlated
        for (int c = 0; c < 3; c++) s[set][c] = covariance(x[set], N, c / 2, (c + 1) / 2, mean[set]);
        want += s[set][0] + s[set][2];
    }
    for (int j = 0; j < 2; j++) want += pow(mean[0][j] - mean[1][j], 2);
    double trace = s[0][0] * s[1][0] + 2 * s[0][1] * s[1][1] + s[0][2] * s[1][2],
           determinant = (s[0][0] * s[0][2] - s[0][1] * s[0][1]) * (s[1][0] * s[1][2] - s[1][1] * s[1][1]);
    want -= 2 * sqrt(trace + 2 * sqrt(determinant));
    assert_near(distance(x[0], N, x[1], N, 2), want, 1e-9 * want);
    free(x[0]);
    free(x[1]);
}

static void is_zero_to_itself(void **state)
{
    (void)state;
    float *x = cases_normal(300, 32, 1, 1, 3), *few = cases_normal(8, 64, 2, 1, 0), repeated[64 * 64];
    for (int i = 0; i < 64 * 64; i++) repeated[i] = few[i % (8 * 64)];
    assert_near(distance(x, 300, x, 300, 32), 0, 1e-9);
    assert_near(distance(few, 8, few, 8, 64), 0, 1e-6);
    assert_near(distance(repeated, 64, repeated, 64, 64), 0, 1e-6); // the covariance is singular
    free(x);
    free(few);
}

// Writes 2*d points whose mean and variances are the given ones and whose covariance is diagonal.
static void put_on_axes(float *x, int d, const double *mean, const double *variance)
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
    put_on_axes(a, D, ma, va);
    put_on_axes(b, D, mb, vb);
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
    float *a = cases_normal(700, 24, 3, 1, 0), *b = cases_normal(500, 24, 4, 2, 0.5f);
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
    const rg_vectors_t two = {x, 2, 2}, one = {x, 1, 2}, broken = {y, 2, 2},
                       wide = {(const float[6]){0, 1, 2, 3, 4, INFINITY}, 2, 3};
    double out = -1;
    assert_fails(rg_frechet(&out, &two, &one), RG_EINVAL,
                 "a Frechet distance needs at least two images on each side");
    assert_fails(rg_frechet(&out, &two, &broken), RG_ENUMERIC,
                 "features of the images are not finite numbers");
    assert_fails(rg_frechet(&out, &wide, &wide), RG_ENUMERIC, "not finite");
    assert_near(out, -1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways_give_the_same_number),
        cmocka_unit_test(does_not_depend_on_batches),
        cmocka_unit_test(is_zero_to_itself),
        cmocka_unit_test(has_the_closed_form_of_diagonal_gaussians),
        cmocka_unit_test(sees_correlation),
        cmocka_unit_test(is_symmetric),
        cmocka_unit_test(refuses_what_has_no_distance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
