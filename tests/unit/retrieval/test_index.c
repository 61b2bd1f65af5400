#include "tests/unit/retrieval/pictures.h"

#include "services/retrieval/exact.h"
#include "services/retrieval/index.h"
#include "tests/unit/retrieval/clouds.h"

enum { DIM = 24, N = 700, K = 5, QUERIES = 32 };

static const atomic_int GO = 0, STOP = 1;

static void indexes_find_nearly_all(void **state)
{
    (void)state;
    static const struct {
        const char *factory;
        rg_index_effort_t effort;
    } kinds[] = {{"HNSW32", {0, 64}}, {"HNSW32,Flat", {0, 64}}, {"IVF16,Flat", {8, 0}}};
    rg_rows_t rows;
    float *queries = cloud(QUERIES, DIM, 2);
    rg_hit_t exact[QUERIES * K];
    cloud_rows(&rows, N, DIM, 1);
    rg_exact_search(exact, &rows, 0, NULL, queries, QUERIES, K, NULL);
    for (size_t f = 0; f < sizeof kinds / sizeof *kinds; f++) {
        rg_index_t *index = NULL;
        int64_t found[QUERIES * K];
        int same = 0;
        assert_ok(rg_index_build(&index, kinds[f].factory, &rows, &GO));
        assert_int_equal(rg_index_count(index), N);
        assert_ok(rg_index_search(index, found, queries, QUERIES, K, kinds[f].effort));
        for (int i = 0; i < QUERIES * K; i++)
            for (int j = i / K * K; j < (i / K + 1) * K; j++) same += found[j] == exact[i].row;
        assert_true(same >= QUERIES * K * 9 / 10); // recall@5 of 0.9
        rg_index_destroy(&index);
        assert_null(index);
    }
    rg_rows_fini(&rows);
    free(queries);
}

static void missing_neighbours_are_minus_one(void **state)
{
    (void)state;
    rg_index_t *index = NULL;
    rg_rows_t rows;
    int64_t found[3];
    cloud_rows(&rows, 1, DIM, 1);
    assert_ok(rg_index_build(&index, "HNSW32", &rows, &GO));
    assert_ok(rg_index_search(index, found, rg_rows_at(&rows, 0).vector, 1, 3, (rg_index_effort_t){0}));
    assert_int_equal(found[0], 0);
    assert_int_equal(found[1], -1);
    assert_int_equal(found[2], -1);
    rg_index_destroy(&index);
    rg_rows_fini(&rows);
}

static void bad_factory_strings_are_named(void **state)
{
    (void)state;
    static const char *const bad[] = {"Nonsense", "", "IDMap,Flat"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_fails(rg_index_check(bad[i], DIM), RG_ECONFIG, bad[i]);
    }
    assert_ok(rg_index_check("IVF64,Flat", DIM)); // cannot be checked further before it is trained
    assert_ok(rg_index_check("HNSW32", DIM));
    assert_ok(rg_index_check("Flat", DIM));
    assert_true(rg_index_is_exact("Flat"));
    assert_false(rg_index_is_exact("HNSW32,Flat"));
}

// Strings that FAISS accepts, but that end the process when the index is made, trained or filled.
static void strings_that_crash_faiss_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"IVF16,PQ0",   "NSG32", "IVF0,Flat", "HNSW0",
                                      "IVF4096,PQ0", "PQ7",   "IVF16,"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_fails(rg_index_check(bad[i], DIM), RG_ECONFIG, bad[i]);
        assert_non_null(strstr(rg_error(), "retrieval.index: "));
        assert_non_null(strstr(rg_error(), "such strings work: Flat, HNSW32"));
        assert_null(strstr(rg_error(), ".cpp"));
    }
    static const char *const good[] = {"IVF4096,Flat", "IVF16,PQ8", "IVF65536_HNSW32,PQ4",
                                       "PQ8",          "SQ8",       "LSH"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_ok(rg_index_check(good[i], DIM));
}

static void too_few_rows_to_train_are_told(void **state)
{
    (void)state;
    rg_index_t *index = NULL;
    rg_rows_t rows;
    cloud_rows(&rows, 63, DIM, 1);
    assert_fails(rg_index_build(&index, "IVF64,Flat", &rows, &GO), RG_ELIMIT, "from 63 vectors");
    assert_null(index);
    rg_rows_fini(&rows);
}

static void a_build_can_be_stopped(void **state)
{
    (void)state;
    rg_index_t *index = NULL;
    rg_rows_t rows;
    cloud_rows(&rows, 70, DIM, 1);
    assert_fails(rg_index_build(&index, "HNSW32", &rows, &STOP), RG_ESTOPPED, "");
    assert_fails(rg_index_build(&index, "IVF4,Flat", &rows, &STOP), RG_ESTOPPED, "");
    assert_null(index);
    rg_rows_fini(&rows);
}

static void an_index_is_written_and_read(void **state)
{
    rg_index_t *index = NULL, *back = NULL, *wrong = NULL;
    rg_rows_t rows;
    int64_t found[QUERIES * K], again[QUERIES * K];
    float *queries = cloud(QUERIES, DIM, 2);
    char *path = rg_format("%s/index", (char *)*state);
    cloud_rows(&rows, N, DIM, 1);
    assert_ok(rg_index_build(&index, "HNSW32", &rows, &GO));
    FILE *file = fopen(path, "w+");
    assert_ok(rg_index_write(index, file));
    rewind(file);
    assert_ok(rg_index_read(&back, file, DIM, N));
    rewind(file);
    assert_fails(rg_index_read(&wrong, file, DIM, N + 1), RG_EFORMAT, "");
    rewind(file);
    assert_fails(rg_index_read(&wrong, file, DIM + 1, N), RG_EFORMAT, "");
    fclose(file);
    assert_null(wrong);
    assert_int_equal(rg_index_count(back), N);
    assert_ok(rg_index_search(index, found, queries, QUERIES, K, (rg_index_effort_t){0}));
    assert_ok(rg_index_search(back, again, queries, QUERIES, K, (rg_index_effort_t){0}));
    assert_memory_equal(found, again, sizeof found);
    rg_index_destroy(&index);
    rg_index_destroy(&back);
    rg_rows_fini(&rows);
    free(queries);
    free(path);
}

static void the_last_owner_destroys(void **state)
{
    (void)state;
    rg_index_t *index = NULL;
    rg_rows_t rows;
    int64_t found[1];
    cloud_rows(&rows, 10, DIM, 1);
    assert_ok(rg_index_build(&index, "HNSW32", &rows, &GO));
    rg_index_t *other = rg_index_retain(index);
    rg_index_destroy(&index);
    assert_ok(rg_index_search(other, found, rg_rows_at(&rows, 4).vector, 1, 1, (rg_index_effort_t){0}));
    assert_int_equal(found[0], 4);
    rg_index_destroy(&other);
    rg_rows_fini(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(indexes_find_nearly_all),
        cmocka_unit_test(missing_neighbours_are_minus_one),
        cmocka_unit_test(bad_factory_strings_are_named),
        cmocka_unit_test(too_few_rows_to_train_are_told),
        cmocka_unit_test(a_build_can_be_stopped),
        IN_FOLDER(an_index_is_written_and_read),
        cmocka_unit_test(the_last_owner_destroys),
        cmocka_unit_test(strings_that_crash_faiss_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
