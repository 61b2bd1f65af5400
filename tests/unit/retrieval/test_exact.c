#include "tests/unit/retrieval/pictures.h"

#include <math.h>

#include "services/retrieval/exact.h"
#include "tests/unit/retrieval/clouds.h"

enum { QUERIES = 200 };

static double dist2(const float *a, const float *b, size_t dim)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++) sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    return sum;
}

typedef struct {
    double dist;
    ptrdiff_t row;
} reference_t;

static int compare(const void *a, const void *b)
{
    const reference_t *x = a, *y = b;
    if (x->dist != y->dist) return x->dist < y->dist ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static int is_wanted(size_t from, const rg_bitset_t *allowed, size_t row)
{
    return row >= from && (!allowed || rg_bitset_get(allowed, row));
}

// Writes all rows that may be found, nearest first, by the plain formula. Returns how many.
static size_t brute_force(reference_t *all, const rg_rows_t *rows, size_t from, const rg_bitset_t *allowed,
                          const float *query)
{
    size_t n = 0;
    for (size_t row = 0; row < rows->count; row++)
        if (is_wanted(from, allowed, row))
            all[n++] = (reference_t){dist2(rg_rows_at(rows, row).vector, query, rows->dim), (ptrdiff_t)row};
    qsort(all, n, sizeof *all, compare);
    return n;
}

// The j-th hit has the distance of the j-th nearest row, and no row occurs twice.
static void check_hits(const rg_hit_t *hits, size_t k, const reference_t *all, size_t n,
                       const rg_rows_t *rows, const float *query)
{
    for (size_t j = 0; j < k; j++) {
        if (j >= n) {
            assert_int_equal(hits[j].row, -1);
            assert_true(hits[j].dist_l2sq == INFINITY);
            continue;
        }
        assert_in_range(hits[j].row, 0, rows->count - 1);
        double dist = dist2(rg_rows_at(rows, (size_t)hits[j].row).vector, query, rows->dim);
        assert_true(fabs(hits[j].dist_l2sq - dist) <= 1e-5 * dist);
        assert_true(fabs(dist - all[j].dist) <= 1e-5 * (1 + dist));
        if (j) assert_true(hits[j - 1].dist_l2sq <= hits[j].dist_l2sq);
        for (size_t l = 0; l < j; l++) assert_int_not_equal(hits[l].row, hits[j].row);
    }
}

static void compare_with_brute_force(const rg_rows_t *rows, size_t from, const rg_bitset_t *allowed,
                                     const float *queries, size_t n, size_t k)
{
    rg_hit_t *hits = rg_alloc(n * k * sizeof *hits);
    reference_t *all = rg_alloc((rows->count + 1) * sizeof *all);
    rg_exact_search(hits, rows, from, allowed, queries, n, k, NULL);
    for (size_t i = 0; i < n; i++) {
        const float *query = queries + i * rows->dim;
        size_t left = brute_force(all, rows, from, allowed, query);
        for (size_t j = 0; j < k && j < left; j++)
            assert_true(is_wanted(from, allowed, (size_t)hits[i * k + j].row));
        check_hits(hits + i * k, k, all, left, rows, query);
    }
    free(hits);
    free(all);
}

// With few queries (one by one), with more (matrix products), and with more than one product holds.
static void agrees_with_brute_force(void **state)
{
    (void)state;
    static const size_t ns[] = {1, 3, 4, 64, 65, QUERIES}, ks[] = {1, 2, 10, 700, 705};
    rg_rows_t rows;
    float *queries = cloud(QUERIES, 20, 2);
    cloud_rows(&rows, 700, 20, 1);
    for (size_t i = 0; i < sizeof ns / sizeof *ns; i++)
        for (size_t j = 0; j < sizeof ks / sizeof *ks; j++)
            if (ns[i] * ks[j] <= 14000) compare_with_brute_force(&rows, 0, NULL, queries, ns[i], ks[j]);
    rg_rows_fini(&rows);
    free(queries);
}

static void finds_in_several_chunks_and_slabs(void **state)
{
    (void)state;
    static const struct {
        size_t count;
        uint32_t dim, n, k;
    } cases[] = {{300, 8192, 5, 7}, {5000, 250, 3, 9}, {5000, 250, 66, 3}, {2049, 3, 65, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rg_rows_t rows;
        float *queries = cloud(cases[i].n, cases[i].dim, 2);
        cloud_rows(&rows, cases[i].count, cases[i].dim, 1);
        compare_with_brute_force(&rows, 0, NULL, queries, cases[i].n, cases[i].k);
        rg_rows_fini(&rows);
        free(queries);
    }
}

static void searches_from_a_row_on(void **state)
{
    (void)state;
    rg_rows_t rows;
    float *queries = cloud(5, 4096, 2);
    cloud_rows(&rows, 700, 4096, 1); // chunks of 256
    static const size_t froms[] = {0, 1, 255, 256, 257, 511, 512, 699, 700, 900};
    for (size_t i = 0; i < sizeof froms / sizeof *froms; i++) {
        compare_with_brute_force(&rows, froms[i], NULL, queries, 1, 3);
        compare_with_brute_force(&rows, froms[i], NULL, queries, 5, 3);
    }
    rg_rows_fini(&rows);
    free(queries);
}

static void searches_among_chosen_rows(void **state)
{
    (void)state;
    rg_rows_t rows;
    rg_bitset_t allowed;
    float *queries = cloud(5, 20, 2);
    cloud_rows(&rows, 700, 20, 1);
    for (int chosen = 0; chosen < 3; chosen++) { // none, every seventh, all
        rg_bitset_init(&allowed, rows.count, chosen == 2);
        for (size_t i = 0; i < rows.count && chosen == 1; i += 7) rg_bitset_set(&allowed, i);
        compare_with_brute_force(&rows, 0, &allowed, queries, 1, 10);
        compare_with_brute_force(&rows, 0, &allowed, queries, 5, 110);
        compare_with_brute_force(&rows, 350, &allowed, queries, 5, 60);
        compare_with_brute_force(&rows, 350, &allowed, queries, 2, 60);
        rg_bitset_fini(&allowed);
    }
    rg_rows_fini(&rows);
    free(queries);
}

static void no_rows_are_no_hits(void **state)
{
    (void)state;
    rg_rows_t rows;
    float *queries = cloud(5, 20, 2);
    rg_rows_init(&rows, 20);
    compare_with_brute_force(&rows, 0, NULL, queries, 5, 3);
    rg_rows_fini(&rows);
    free(queries);
}

static void equal_vectors_are_at_distance_zero_in_order(void **state)
{
    (void)state;
    enum { DIM = 40, SAME = 5 };
    float *vectors = cloud(60, DIM, 1);
    rg_rows_t rows;
    rg_hit_t hits[8 * (SAME + 1)];
    rg_rows_init(&rows, DIM);
    for (size_t i = 0; i < 60 * SAME; i++) // each vector SAME times, not next to each other
        rg_rows_append(&rows, &(rg_image_row_t){.label = (int64_t)i, .vector = vectors + i % 60 * DIM});
    for (size_t n = 1; n <= 8; n += 7) {
        rg_exact_search(hits, &rows, 0, NULL, vectors, n, SAME + 1, NULL);
        for (size_t i = 0; i < n; i++) {
            const rg_hit_t *own = hits + i * (SAME + 1);
            for (size_t j = 0; j < SAME; j++) {
                assert_true(own[j].dist_l2sq == 0);
                assert_int_equal(own[j].row, i + 60 * j);
            }
            assert_true(own[SAME].dist_l2sq > 0);
        }
    }
    rg_rows_fini(&rows);
    free(vectors);
}

// Distances are small and vectors large: products alone would lose the differences.
static void distances_are_computed_from_differences(void **state)
{
    (void)state;
    enum { DIM = 16 };
    rg_rows_t rows;
    rg_hit_t hits[4];
    float vector[DIM];
    rg_rows_init(&rows, DIM);
    for (int i = 0; i < 4; i++) {
        for (int d = 0; d < DIM; d++) vector[d] = 1000;
        vector[3] += (float)i / 8;
        rg_rows_append(&rows, &(rg_image_row_t){.label = i, .vector = vector});
    }
    rg_exact_search(hits, &rows, 0, NULL, vector, 1, 4, NULL); // the query is the last row
    for (int i = 0; i < 4; i++) {
        assert_int_equal(hits[i].row, 3 - i);
        assert_true(hits[i].dist_l2sq == (float)(i * i) / 64);
    }
    rg_rows_fini(&rows);
}

static void threads_find_the_same(void **state)
{
    (void)state;
    enum { N = 20000, DIM = 128, K = 20, MANY = 70 };
    rg_rows_t rows;
    float *queries = cloud(MANY, DIM, 2);
    rg_hit_t *one = rg_alloc(MANY * K * sizeof *one), *two = rg_alloc(MANY * K * sizeof *two);
    cloud_rows(&rows, N, DIM, 1); // enough rows for several threads
    for (int threads = 2; threads <= 3; threads++) {
        rg_exact_search(one, &rows, 0, NULL, queries, MANY, K, NULL);
        rg_thread_pool_t *pool;
        assert_ok(rg_thread_pool_new(&pool, threads));
        rg_exact_search(two, &rows, 0, NULL, queries, MANY, K, pool);
        rg_thread_pool_destroy(&pool);
        for (size_t i = 0; i < MANY * K; i++) {
            assert_int_equal(one[i].row, two[i].row);
            assert_true(one[i].dist_l2sq == two[i].dist_l2sq);
        }
    }
    rg_rows_fini(&rows);
    free(queries);
    free(one);
    free(two);
}

static void hits_are_sorted_with_the_missing_last(void **state)
{
    (void)state;
    rg_hit_t hits[] = {{INFINITY, -1}, {2, 5}, {1, 9}, {2, 4}, {INFINITY, -1}, {0, 7}};
    static const ptrdiff_t want[] = {7, 9, 4, 5, -1, -1};
    rg_hits_sort(hits, 6);
    for (int i = 0; i < 6; i++) assert_int_equal(hits[i].row, want[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_brute_force),
        cmocka_unit_test(finds_in_several_chunks_and_slabs),
        cmocka_unit_test(searches_from_a_row_on),
        cmocka_unit_test(searches_among_chosen_rows),
        cmocka_unit_test(no_rows_are_no_hits),
        cmocka_unit_test(equal_vectors_are_at_distance_zero_in_order),
        cmocka_unit_test(distances_are_computed_from_differences),
        cmocka_unit_test(threads_find_the_same),
        cmocka_unit_test(hits_are_sorted_with_the_missing_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
