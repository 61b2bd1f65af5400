#include "tests/unit/evaluator/cases.h"

#include <math.h>

#include "services/evaluator/metrics/metrics.h"
#include "tests/support/test.h"

static void counts_right_labels(void **state)
{
    (void)state;
    uint8_t labels[] = {
        // x  R  P  Q  y
        1, 0, 1, 0, 0, // the query: P
        1, 0, 0, 1, 0, // all attributes, all of the content
        0, 0, 0, 1, 0, // all attributes, half of the content
        0, 1, 1, 0, 1, // no attribute, no content
    };
    const uint32_t found[] = {1, 2, 3}, second[] = {3, 3, 3};
    rg_config_t config;
    rg_labelled_t data;
    uint32_t images[4];
    cases_config(&config);
    cases_labelled(&data, labels, images, 4);
    const rg_target_t target = {.image = 0, .asked = 1, .source = {1, 0, 0}, .wanted = {0, 1, 0}};
    rg_precision_at_k_t precision = {0};
    rg_precision_at_k_add(&precision, &data, &config, &target, found, 3);
    rg_precision_means_t at = rg_precision_at_k_means(&precision);
    assert_near(at.attributes, 2.0 / 3, 1e-12);
    assert_near(at.content, 0.5, 1e-12);
    assert_near(at.average, 7.0 / 12, 1e-12);
    assert_near(at.strict, 2.0 / 3, 1e-12);
    rg_precision_at_k_add(&precision, &data, &config, &target, second, 3); // a query that finds nothing right
    at = rg_precision_at_k_means(&precision);
    assert_near(at.attributes, 1.0 / 3, 1e-12);
    assert_near(at.content, 0.25, 1e-12);
    assert_near(at.strict, 1.0 / 3, 1e-12);
}

static void content_needs_labels_that_are_not_edited(void **state)
{
    (void)state;
    uint8_t labels[] = {1, 0, 0, 0, 1, 0};
    const uint32_t found[] = {1};
    rg_config_t config;
    rg_labelled_t data = {.column = {0, 1, 2}};
    cases_config(&config);
    data.set.labels = labels;
    data.set.attributes.count = 3;
    const rg_target_t target = {.source = {1, 0, 0}, .wanted = {0, 1, 1}};
    rg_precision_at_k_t precision = {0};
    rg_precision_at_k_add(&precision, &data, &config, &target, found, 1);
    rg_precision_means_t at = rg_precision_at_k_means(&precision);
    assert_near(at.attributes, 2.0 / 3, 1e-12);
    assert_near(at.strict, 0, 0);
    assert_true(isnan(at.content) && isnan(at.average));
}

// ---- exact search

static void finds_the_nearest(void **state)
{
    (void)state;
    const float base[] = {0, 0, 5, 0, 1, 1, 0, 0}, queries[] = {0, 0, 4, 0};
    const uint32_t want[] = {0, 3, 2, 1, 2, 0}; // of equally near vectors the first
    uint32_t found[6];
    rg_search_exact(found, &(rg_vectors_t){queries, 2, 2}, &(rg_vectors_t){base, 4, 2}, 3);
    assert_memory_equal(found, want, sizeof want);
}

static double squared(const float *a, const float *b, int d)
{
    double sum = 0;
    for (int i = 0; i < d; i++) sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    return sum;
}

// There is more than one block of queries and of vectors.
static void agrees_with_a_plain_scan(void **state)
{
    (void)state;
    enum { NQ = 70, N = 2100, D = 7, K = 5 };
    float *base = cases_normal(N, D, 5, 1, 0), *queries = cases_normal(NQ, D, 6, 1, 0);
    uint32_t found[NQ * K];
    rg_search_exact(found, &(rg_vectors_t){queries, NQ, D}, &(rg_vectors_t){base, N, D}, K);
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
        cmocka_unit_test(finds_the_nearest),
        cmocka_unit_test(agrees_with_a_plain_scan),
        cmocka_unit_test(counts_right_labels),
        cmocka_unit_test(content_needs_labels_that_are_not_edited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
