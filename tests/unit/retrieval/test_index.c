#include "tests/unit/retrieval/pictures.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "services/retrieval/exact.h"
#include "services/retrieval/index.h"
#include "tests/unit/retrieval/clouds.h"

enum { DIM = 24, N = 700, K = 5, QUERIES = 32 };

static rg_work_t GO, STOP = {.is_stopped = 1};

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
        assert_ok(
            rg_index_build(&index, &(rg_index_plan_t){.factory = kinds[f].factory, .work = &GO}, &rows));
        assert_int_equal(rg_index_count(index), N);
        assert_ok(rg_index_search(
            index, found,
            &(rg_index_query_t){.queries = queries, .n = QUERIES, .k = K, .effort = kinds[f].effort}));
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
    assert_ok(rg_index_build(&index, &(rg_index_plan_t){.factory = "HNSW32", .work = &GO}, &rows));
    assert_ok(rg_index_search(
        index, found,
        &(rg_index_query_t){.queries = rg_rows_at(&rows, 0).vector, .n = 1, .k = 3, .effort = {0}}));
    assert_int_equal(found[0], 0);
    assert_int_equal(found[1], -1);
    assert_int_equal(found[2], -1);
    rg_index_destroy(&index);
    rg_rows_fini(&rows);
}

static int check(const char *factory, uint32_t dim)
{
    return rg_index_check("/proc/self/exe", factory, dim);
}

static void bad_factory_strings_are_named(void **state)
{
    (void)state;
    static const char *const bad[] = {"Nonsense", "", "IDMap,Flat"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_fails(check(bad[i], DIM), RG_ECONFIG, bad[i]);
    }
    assert_ok(check("IVF64,Flat", DIM)); // cannot be checked further before it is trained
    assert_ok(check("HNSW32", DIM));
    assert_ok(check("Flat", DIM));
    assert_true(rg_index_is_exact("Flat", 1 << 30));
    assert_false(rg_index_is_exact("HNSW32,Flat", 1));
}

// Strings that FAISS accepts, but that end the process when the index is made, trained or filled.
static void strings_that_crash_faiss_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"IVF16,PQ0",   "NSG32", "IVF0,Flat", "HNSW0",
                                      "IVF4096,PQ0", "PQ7",   "IVF16,"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_fails(check(bad[i], DIM), RG_ECONFIG, bad[i]);
        assert_non_null(strstr(rg_error(), "retrieval.index: "));
        assert_non_null(strstr(rg_error(), "such strings work: Flat, auto, lists"));
        assert_null(strstr(rg_error(), ".cpp"));
    }
    static const char *const good[] = {"IVF4096,Flat", "IVF16,PQ8", "IVF65536_HNSW32,PQ4",
                                       "PQ8",          "SQ8",       "LSH"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_ok(check(good[i], DIM));
}

// What a process does that tries these strings (main).
static void end_badly(const char *factory)
{
    const struct rlimit second = {1, 1};
    if (strcmp(factory, "crash") == 0 && signal(SIGSEGV, SIG_DFL) != SIG_ERR) raise(SIGSEGV);
    if (strcmp(factory, "spin") == 0 && setrlimit(RLIMIT_CPU, &second) == 0)
        for (volatile int i = 0;; i = 1 - i) continue;
}

static void a_trial_that_ends_badly_is_told(void **state)
{
    (void)state;
    assert_fails(check("crash", DIM), RG_ECONFIG, "it crashes with SIGSEGV");
    assert_fails(check("spin", DIM), RG_ECONFIG, "512 vectors take more than 60 s");
    assert_fails(rg_index_check("/nowhere/rg-retrieval", "HNSW32", DIM), RG_EIO,
                 "/nowhere/rg-retrieval: cannot be run to try retrieval.index");
    assert_fails(rg_index_check("/bin/false", "HNSW32", DIM), RG_ECONFIG, "it crashes");
}

// A service tries the string on one of several threads. What other threads hold does not reach the trial.
static void *allocate(void *stop)
{
    while (!atomic_load((atomic_int *)stop)) free(rg_alloc(100));
    return NULL;
}

static void trials_among_threads_end(void **state)
{
    (void)state;
    atomic_int stop = 0;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, allocate, &stop), 0);
    for (int i = 0; i < 10; i++) assert_fails(check("Nonsense", DIM), RG_ECONFIG, "Nonsense");
    atomic_store(&stop, 1);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
}

static void too_few_rows_to_train_are_told(void **state)
{
    (void)state;
    rg_index_t *index = NULL;
    rg_rows_t rows;
    cloud_rows(&rows, 63, DIM, 1);
    assert_fails(rg_index_build(&index, &(rg_index_plan_t){.factory = "IVF64,Flat", .work = &GO}, &rows),
                 RG_ELIMIT, "from 63 vectors");
    assert_null(index);
    rg_rows_fini(&rows);
}

static void a_build_can_be_stopped(void **state)
{
    (void)state;
    rg_index_t *index = NULL;
    rg_rows_t rows;
    cloud_rows(&rows, 70, DIM, 1);
    assert_fails(rg_index_build(&index, &(rg_index_plan_t){.factory = "HNSW32", .work = &STOP}, &rows),
                 RG_ESTOPPED, "");
    assert_fails(rg_index_build(&index, &(rg_index_plan_t){.factory = "IVF4,Flat", .work = &STOP}, &rows),
                 RG_ESTOPPED, "");
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
    assert_ok(rg_index_build(&index, &(rg_index_plan_t){.factory = "HNSW32", .work = &GO}, &rows));
    FILE *file = fopen(path, "w+");
    assert_ok(rg_index_write(index, file));
    rewind(file);
    assert_ok(rg_index_read(&back, file, DIM, N, NULL));
    rewind(file);
    assert_fails(rg_index_read(&wrong, file, DIM, N + 1, NULL), RG_EFORMAT, "");
    rewind(file);
    assert_fails(rg_index_read(&wrong, file, DIM + 1, N, NULL), RG_EFORMAT, "");
    fclose(file);
    assert_null(wrong);
    assert_int_equal(rg_index_count(back), N);
    assert_ok(rg_index_search(index, found,
                              &(rg_index_query_t){.queries = queries, .n = QUERIES, .k = K, .effort = {0}}));
    assert_ok(rg_index_search(back, again,
                              &(rg_index_query_t){.queries = queries, .n = QUERIES, .k = K, .effort = {0}}));
    assert_memory_equal(found, again, sizeof found);
    rg_index_destroy(&index);
    rg_index_destroy(&back);
    rg_rows_fini(&rows);
    free(queries);
    free(path);
}

// Fills `rows` up to n with vectors of a cloud of this spread.
static void append_cloud(rg_rows_t *rows, size_t n, float spread)
{
    const size_t from = rows->count;
    float *x = cloud(n, DIM, 1);
    for (size_t i = from * DIM; i < n * DIM; i++) x[i] *= spread;
    for (size_t i = from; i < n; i++)
        rg_rows_append(rows, &(rg_image_row_t){.label = cloud_label(i), .vector = x + i * DIM});
    free(x);
}

// Images of another kind than those the index was built for, far outside the range of its codes.
static void lists_find_images_of_another_kind(void **state)
{
    enum { WIDE = 2 * K + 32, ALL = 1 << 20 };
    rg_index_t *first = NULL, *index = NULL;
    rg_rows_t rows;
    int64_t found[QUERIES * WIDE];
    rg_hit_t exact[QUERIES * K];
    rg_index_plan_t plan = {.factory = "lists", .folder = *state, .work = &GO};
    float *queries = cloud(QUERIES, DIM, 2);
    int same = 0;
    rg_rows_init(&rows, DIM);
    append_cloud(&rows, 300, 0.02F);
    assert_ok(rg_index_build(&first, &plan, &rows));
    append_cloud(&rows, N, 1);
    plan.old = first;
    assert_ok(rg_index_build(&index, &plan, &rows));
    rg_exact_search(exact, &rows, 0, NULL, queries, QUERIES, K, NULL);
    assert_ok(rg_index_search(
        index, found,
        &(rg_index_query_t){.queries = queries, .n = QUERIES, .k = WIDE, .effort = {.nprobe = ALL}}));
    for (int i = 0; i < QUERIES * WIDE; i++)
        for (int j = i / WIDE * K; j < (i / WIDE + 1) * K; j++) same += found[i] == exact[j].row;
    assert_int_equal(same, QUERIES * K);
    rg_index_destroy(&first);
    rg_index_destroy(&index);
    rg_rows_fini(&rows);
    free(queries);
}

static void the_last_owner_destroys(void **state)
{
    (void)state;
    rg_index_t *index = NULL;
    rg_rows_t rows;
    int64_t found[1];
    cloud_rows(&rows, 10, DIM, 1);
    assert_ok(rg_index_build(&index, &(rg_index_plan_t){.factory = "HNSW32", .work = &GO}, &rows));
    rg_index_t *other = rg_index_retain(index);
    rg_index_destroy(&index);
    assert_ok(rg_index_search(
        other, found,
        &(rg_index_query_t){.queries = rg_rows_at(&rows, 4).vector, .n = 1, .k = 1, .effort = {0}}));
    assert_int_equal(found[0], 4);
    rg_index_destroy(&other);
    rg_rows_fini(&rows);
}

int main(int argc, char **argv)
{
    if (argc == 4) end_badly(argv[2]);
    rg_index_trial(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(indexes_find_nearly_all),
        cmocka_unit_test(missing_neighbours_are_minus_one),
        cmocka_unit_test(bad_factory_strings_are_named),
        cmocka_unit_test(too_few_rows_to_train_are_told),
        cmocka_unit_test(a_build_can_be_stopped),
        IN_FOLDER(an_index_is_written_and_read),
        IN_FOLDER(lists_find_images_of_another_kind),
        cmocka_unit_test(the_last_owner_destroys),
        cmocka_unit_test(strings_that_crash_faiss_are_refused),
        cmocka_unit_test(a_trial_that_ends_badly_is_told),
        cmocka_unit_test(trials_among_threads_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
