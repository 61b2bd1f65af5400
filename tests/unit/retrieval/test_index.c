#include "tests/unit/retrieval/pictures.h"

#include <math.h>

#include "common/core/rng.h"
#include "services/retrieval/index.h"

enum { DIM = 24, N = 700, K = 5 };

static void draw(float *x, size_t n, uint64_t seed)
{
    rg_rng_t rng;
    rg_rng_init(&rng, seed, RG_RNG_EVALUATE, 0);
    for (size_t i = 0; i < n; i++) x[i] = rg_rng_normal(&rng);
}

static double dist2(const float *a, const float *b)
{
    double sum = 0;
    for (int i = 0; i < DIM; i++) sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    return sum;
}

// Position of the nearest vector that is farther than the one before.
static int nearest(const float *base, size_t n, const float *query, double beyond)
{
    int best = -1;
    double least = INFINITY;
    for (size_t i = 0; i < n; i++) {
        double d = dist2(base + i * DIM, query);
        if (d > beyond && d < least) {
            least = d;
            best = (int)i;
        }
    }
    return best;
}

static int64_t label_of(size_t position)
{
    return 1000 + 3 * (int64_t)position;
}

static rg_index_t *filled(const char *factory, const float *base)
{
    rg_index_t *index = NULL;
    int64_t labels[N];
    for (size_t i = 0; i < N; i++) labels[i] = label_of(i);
    assert_ok(rg_index_new(&index, factory, DIM));
    assert_int_equal(rg_index_count(index), 0);
    assert_ok(rg_index_add(index, base, labels, N / 2)); // in two pieces
    assert_ok(rg_index_add(index, base + N / 2 * DIM, labels + N / 2, N - N / 2));
    assert_int_equal(rg_index_count(index), N);
    return index;
}

// Both ways FAISS computes distances: one by one for few queries, by BLAS for many.
static void flat_agrees_with_brute_force(void **state)
{
    (void)state;
    static float base[N * DIM], queries[32 * DIM];
    draw(base, N * DIM, 1);
    draw(queries, 32 * DIM, 2);
    rg_index_t *index = filled("Flat", base);
    for (size_t n = 1; n <= 32; n += 31) {
        int64_t labels[32 * K];
        float dists[32 * K];
        assert_ok(rg_index_search(index, labels, dists, queries, n, K));
        for (size_t i = 0; i < n; i++) {
            double last = -1;
            for (size_t j = 0; j < K; j++) {
                int want = nearest(base, N, queries + i * DIM, last);
                last = dist2(base + want * DIM, queries + i * DIM);
                assert_int_equal(labels[i * K + j], label_of((size_t)want));
                assert_true(fabs(dists[i * K + j] - last) < 1e-4 * (1 + last));
            }
        }
    }
    rg_index_destroy(&index);
}

static void hnsw_finds_nearly_all(void **state)
{
    (void)state;
    static float base[N * DIM], queries[32 * DIM];
    int64_t labels[32];
    float dists[32];
    int right = 0;
    draw(base, N * DIM, 1);
    draw(queries, 32 * DIM, 2);
    rg_index_t *index = filled("HNSW32,Flat", base);
    assert_ok(rg_index_search(index, labels, dists, queries, 32, 1));
    for (size_t i = 0; i < 32; i++)
        right += labels[i] == label_of((size_t)nearest(base, N, queries + i * DIM, -1));
    assert_true(right >= 29); // recall@1 of 0.9
    assert_fails(rg_index_remove(index, labels, 1), RG_EINVAL);
    assert_int_equal(rg_index_count(index), N);
    rg_index_destroy(&index);
}

static void removed_labels_are_not_found(void **state)
{
    (void)state;
    static float base[N * DIM];
    float dists[2];
    draw(base, N * DIM, 1);
    rg_index_t *index = filled("Flat", base);
    const int64_t gone[] = {label_of(3), label_of(699), 5}; // 5 was never there
    int64_t labels[2];
    assert_ok(rg_index_remove(index, gone, 3));
    assert_int_equal(rg_index_count(index), N - 2);
    assert_ok(rg_index_search(index, labels, dists, base + 3 * DIM, 1, 2));
    assert_true(labels[0] != label_of(3) && labels[1] != label_of(3));
    assert_ok(rg_index_search(index, labels, dists, base + 4 * DIM, 1, 1)); // others keep their labels
    assert_int_equal(labels[0], label_of(4));
    rg_index_destroy(&index);
}

static void missing_neighbours_are_minus_one(void **state)
{
    (void)state;
    static const char *const factories[] = {"Flat", "HNSW32,Flat"};
    const float x[DIM] = {1};
    for (int f = 0; f < 2; f++) {
        rg_index_t *index = NULL;
        int64_t labels[3];
        float dists[3];
        assert_ok(rg_index_new(&index, factories[f], DIM));
        assert_ok(rg_index_search(index, labels, dists, x, 1, 3));
        assert_int_equal(labels[0], -1);
        assert_ok(rg_index_add(index, x, (const int64_t[]){42}, 1));
        assert_ok(rg_index_search(index, labels, dists, x, 1, 3));
        assert_int_equal(labels[0], 42);
        assert_int_equal(labels[1], -1);
        assert_int_equal(labels[2], -1);
        rg_index_destroy(&index);
        assert_null(index);
    }
}

static void bad_factory_strings_are_named(void **state)
{
    (void)state;
    static const char *const bad[] = {"Nonsense", "", "IVF64,Flat", "PQ4", "IDMap,Flat"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        rg_index_t *index = NULL;
        assert_fails(rg_index_new(&index, bad[i], DIM), RG_ECONFIG);
        assert_says(bad[i]);
        assert_null(index);
    }
    rg_index_t *index = NULL;
    assert_fails(rg_index_new(&index, "IVF64,Flat", DIM), RG_ECONFIG);
    assert_says("needs training");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flat_agrees_with_brute_force),  cmocka_unit_test(hnsw_finds_nearly_all),
        cmocka_unit_test(removed_labels_are_not_found),  cmocka_unit_test(missing_neighbours_are_minus_one),
        cmocka_unit_test(bad_factory_strings_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
