#include "services/retrieval/hnsw.h"

#include <faiss/c_api/index_factory_c.h>

#include "common/nn/linalg.h"
#include "services/retrieval/exact.h"
#include "tests/support/test.h"
#include "tests/unit/retrieval/clouds.h"

enum { DIM = 24, N = 700, K = 5, QUERIES = 32 };

static size_t computed;

static float counted_l2sq(const float *a, const float *b, size_t dim)
{
    computed++;
    return rg_exact_l2sq(a, b, dim);
}

static FaissIndex *make_index(const char *factory)
{
    FaissIndex *index;
    assert_int_equal(faiss_index_factory(&index, DIM, factory, METRIC_L2), 0);
    return index;
}

static void fill_and_search(FaissIndex *index, idx_t found[QUERIES * K])
{
    float distances[QUERIES * K], *vectors = cloud(N, DIM, 1), *queries = cloud(QUERIES, DIM, 2);
    assert_int_equal(faiss_Index_add(index, N, vectors), 0);
    assert_int_equal(faiss_Index_search(index, QUERIES, queries, K, distances, found), 0);
    free(vectors);
    free(queries);
}

static void a_graph_with_our_distances_finds_what_faiss_finds(void **state)
{
    (void)state;
    static const char *const factories[] = {"HNSW32", "HNSW32,Flat"};
    for (size_t i = 0; i < 2; i++) {
        FaissIndex *own = make_index(factories[i]), *peer = make_index(factories[i]);
        idx_t found[QUERIES * K], want[QUERIES * K];
        computed = 0;
        rg__hnsw_use_distance(own, counted_l2sq);
        fill_and_search(own, found);
        fill_and_search(peer, want);
        assert_true(computed > N);
        int same = 0;
        for (int j = 0; j < QUERIES * K; j++) same += found[j] == want[j];
        assert_true(same >= QUERIES * K * 95 / 100); // equal but for rounding
        faiss_Index_free(own);
        faiss_Index_free(peer);
    }
}

static void other_indexes_stay_as_they_are(void **state)
{
    (void)state;
    static const char *const factories[] = {"Flat", "HNSW32_SQ8", "PCA8,HNSW32"};
    for (size_t i = 0; i < 3; i++) {
        FaissIndex *index = make_index(factories[i]);
        rg__hnsw_use_distance(index, counted_l2sq);
        faiss_Index_free(index);
    }
}

// One thread builds a graph, because several that build at once make another one each time.
int main(void)
{
    rg_linalg_threads(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_graph_with_our_distances_finds_what_faiss_finds),
        cmocka_unit_test(other_indexes_stay_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
