#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/core/alloc.h"
#include "common/core/rng.h"
#include "services/evaluator/search.h"

static rg_backend_t *backend;

static int set_up(void **state)
{
    (void)state;
    return rg_cpu_backend_new(&backend, 0);
}

static int tear_down(void **state)
{
    (void)state;
    rg_backend_destroy(&backend);
    return 0;
}

static void finds_by_hand(void **state)
{
    (void)state;
    const float base[] = {0, 0, 5, 0, 1, 1, 0, 0}, queries[] = {0, 0, 4, 0};
    const uint32_t want[] = {0, 3, 2, 1, 2, 0}; // equally near: the first comes first
    uint32_t found[6];
    rg_search_exact(backend, found, queries, 2, base, 4, 2, 3);
    assert_memory_equal(found, want, sizeof want);
}

static double squared(const float *a, const float *b, int d)
{
    double sum = 0;
    for (int i = 0; i < d; i++) sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    return sum;
}

// Across more than one block of either kind.
static void agrees_with_a_plain_scan(void **state)
{
    (void)state;
    enum { NQ = 70, N = 2100, D = 7, K = 5 };
    float *base = rg_alloc(N * D * sizeof *base), *queries = rg_alloc(NQ * D * sizeof *queries);
    uint32_t found[NQ * K];
    rg_rng_t rng;
    rg_rng_init(&rng, 5, RG_RNG_EVALUATE, 0);
    for (int i = 0; i < N * D; i++) base[i] = rg_rng_normal(&rng);
    for (int i = 0; i < NQ * D; i++) queries[i] = rg_rng_normal(&rng);
    rg_search_exact(backend, found, queries, NQ, base, N, D, K);
    for (int q = 0; q < NQ; q++) {
        double last = squared(queries + q * D, base + found[q * K + K - 1] * D, D);
        int nearer = 0;
        for (int i = 0; i < N; i++) nearer += squared(queries + q * D, base + i * D, D) < last - 1e-4;
        assert_true(nearer < K);
        for (int i = 1; i < K; i++)
            assert_true(squared(queries + q * D, base + found[q * K + i - 1] * D, D) <=
                        squared(queries + q * D, base + found[q * K + i] * D, D) + 1e-4);
    }
    free(base);
    free(queries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_by_hand),
        cmocka_unit_test(agrees_with_a_plain_scan),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
