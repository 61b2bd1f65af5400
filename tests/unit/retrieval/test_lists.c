#include "services/retrieval/lists.h"

#include <fcntl.h>

#include "common/core/hash.h"
#include "services/retrieval/exact.h"
#include "services/retrieval/lists_private.h"
#include "tests/unit/retrieval/pictures.h"
#include "tests/unit/retrieval/clouds.h"
#include "tests/unit/retrieval/process.h"

enum { DIM = 23, N = 2000, K = 5, WIDE = 2 * K + 32, QUERIES = 32, ALL = 1 << 20 };

static rg_work_t GO, STOP = {.is_stopped = 1};

// The first `n` rows of the cloud.
static rg_lists_t *lists_of(size_t n, rg_lists_t *old, const char *folder)
{
    rg_rows_t rows;
    rg_lists_t *lists = NULL;
    cloud_rows(&rows, n, DIM, 1);
    assert_ok(rg_lists_build(&lists, old, &rows, folder, &GO));
    assert_int_equal(rg_lists_count(lists), n);
    rg_rows_fini(&rows);
    return lists;
}

// The share of the K exact neighbours among the alive rows that are candidates. No row is found twice.
static double recall_of(const rg_lists_t *lists, uint32_t nprobe, const rg_bitset_t *alive)
{
    int64_t found[QUERIES * WIDE];
    rg_hit_t exact[QUERIES * K];
    rg_rows_t rows;
    float *queries = cloud(QUERIES, DIM, 2);
    int same = 0;
    cloud_rows(&rows, rg_lists_count(lists), DIM, 1);
    rg_exact_search(exact, &rows, 0, alive, queries, QUERIES, K, NULL);
    rg_lists_search(lists, found, queries, QUERIES, WIDE, nprobe, alive, NULL);
    for (int i = 0; i < QUERIES * WIDE; i++) {
        for (int j = i / WIDE * WIDE; j < i; j++)
            if (found[i] >= 0) assert_int_not_equal(found[i], found[j]);
        if (found[i] >= 0 && alive) assert_true(rg_bitset_get(alive, (size_t)found[i]));
        for (int j = i / WIDE * K; j < (i / WIDE + 1) * K; j++) same += found[i] == exact[j].row;
    }
    rg_rows_fini(&rows);
    free(queries);
    return same / (double)(QUERIES * K);
}

static size_t files_in(const char *folder)
{
    char **names;
    size_t n;
    assert_ok(rg_list_dir(folder, &names, &n));
    rg_list_free(&names, n);
    return n;
}

static void all_lists_hold_the_exact_neighbours(void **state)
{
    rg_lists_t *lists = lists_of(N, NULL, *state);
    assert_true(recall_of(lists, ALL, NULL) == 1);
    rg_lists_release(&lists);
    assert_null(lists);
}

static void the_tuned_lists_hold_nearly_all(void **state)
{
    rg_lists_t *lists = lists_of(N, NULL, *state);
    assert_in_range(rg_lists_nprobe(lists), 8, 64);
    assert_true(recall_of(lists, 0, NULL) >= 0.9);
    assert_true(recall_of(lists, 1, NULL) < recall_of(lists, 0, NULL));
    rg_lists_release(&lists);
}

static void dead_rows_are_not_found(void **state)
{
    rg_lists_t *lists = lists_of(N, NULL, *state);
    rg_bitset_t alive;
    rg_bitset_init(&alive, N, 1);
    for (size_t i = 0; i < N; i++)
        if (i % 3) rg_bitset_clear(&alive, i);
    assert_true(recall_of(lists, ALL, &alive) == 1);
    rg_bitset_fini(&alive);
    rg_lists_release(&lists);
}

static void missing_rows_are_minus_one(void **state)
{
    int64_t found[N + 1];
    rg_lists_t *lists = lists_of(RG_LISTS_ROWS_MIN, NULL, *state);
    float *query = cloud(1, DIM, 3);
    rg_lists_search(lists, found, query, 1, N + 1, ALL, NULL, NULL);
    assert_true(found[RG_LISTS_ROWS_MIN - 1] >= 0);
    assert_int_equal(found[RG_LISTS_ROWS_MIN], -1);
    free(query);
    rg_lists_release(&lists);
}

static void threads_find_the_same(void **state)
{
    enum { MANY = 100 };
    static int64_t one[MANY * K], shared[MANY * K];
    rg_lists_t *lists = lists_of(N, NULL, *state);
    rg_thread_pool_t *pool = NULL;
    float *queries = cloud(MANY, DIM, 4);
    assert_ok(rg_thread_pool_new(&pool, 3));
    for (size_t n = 1; n <= MANY; n += 33) {
        rg_lists_search(lists, one, queries, n, K, 0, NULL, NULL);
        rg_lists_search(lists, shared, queries, n, K, 0, NULL, pool);
        assert_memory_equal(one, shared, n * K * sizeof *one);
    }
    rg_thread_pool_destroy(&pool);
    free(queries);
    rg_lists_release(&lists);
}

// Segments of a growing index hold the rows of an index over all, and are few.
static void lists_grow_by_segments(void **state)
{
    uint64_t numbers[RG_LISTS_SEGMENTS_MAX];
    rg_lists_t *lists = lists_of(600, NULL, *state);
    size_t most = 0;
    for (size_t n = 650; n <= N; n += 50) {
        rg_lists_t *grown = lists_of(n, lists, *state);
        size_t segments = rg_lists_numbers(grown, numbers);
        if (segments > most) most = segments;
        rg_lists_release(&lists);
        lists = grown;
    }
    assert_in_range(most, 2, 6);
    assert_true(recall_of(lists, ALL, NULL) == 1);
    assert_true(recall_of(lists, 0, NULL) >= 0.9);
    rg_lists_t *same = lists_of(N, lists, *state); // no row is new
    assert_ptr_equal(same, lists);
    rg_lists_release(&same);
    rg_lists_remove_others((const rg_lists_t *const[]){lists}, 1, *state);
    assert_int_equal(files_in(*state), rg_lists_numbers(lists, numbers));
    assert_true(recall_of(lists, ALL, NULL) == 1);
    rg_lists_remove_others(NULL, 0, *state);
    assert_int_equal(files_in(*state), 0);
    assert_true(recall_of(lists, ALL, NULL) == 1); // files that are gone stay mapped
    rg_lists_release(&lists);
}

// Lists over rows four times as many as when their cells were found are found anew.
static void outgrown_lists_are_found_anew(void **state)
{
    uint64_t numbers[RG_LISTS_SEGMENTS_MAX];
    rg_lists_t *lists = lists_of(400, NULL, *state);
    rg_lists_t *more = lists_of(4 * 400 - 1, lists, *state), *most = lists_of(4 * 400, lists, *state);
    assert_int_equal(rg_lists_numbers(more, numbers), 1); // it took in the first segment
    assert_int_equal(more->segments[0]->head.trained, 400);
    assert_int_equal(most->segments[0]->head.trained, 4 * 400);
    rg_lists_release(&lists);
    rg_lists_release(&more);
    rg_lists_release(&most);
}

static void opened_lists_find_the_same(void **state)
{
    uint64_t numbers[RG_LISTS_SEGMENTS_MAX];
    int64_t found[QUERIES * K], again[QUERIES * K];
    rg_lists_t *small = lists_of(1000, NULL, *state), *lists = lists_of(1100, small, *state), *opened = NULL;
    float *queries = cloud(QUERIES, DIM, 2);
    size_t n = rg_lists_numbers(lists, numbers);
    assert_int_equal(n, 2);
    assert_ok(rg_lists_open(&opened, *state, numbers, n, DIM, 1100));
    assert_int_equal(rg_lists_nprobe(opened), rg_lists_nprobe(lists));
    rg_lists_search(lists, found, queries, QUERIES, K, 0, NULL, NULL);
    rg_lists_search(opened, again, queries, QUERIES, K, 0, NULL, NULL);
    assert_memory_equal(found, again, sizeof found);
    rg_lists_release(&opened);
    assert_fails(rg_lists_open(&opened, *state, numbers, n, DIM, 1101), RG_EFORMAT, "do not hold 1101 rows");
    assert_fails(rg_lists_open(&opened, *state, numbers, n, DIM + 1, 1100), RG_EFORMAT, "");
    assert_fails(rg_lists_open(&opened, *state, numbers, 0, DIM, 0), RG_EFORMAT, "");
    assert_fails(rg_lists_open(&opened, *state, numbers + 1, 1, DIM, 1100), RG_EFORMAT, "another index");
    assert_fails(rg_lists_open(&opened, *state, &(uint64_t){99}, 1, DIM, 1100), RG_EFORMAT, "lists.99");
    free(queries);
    rg_lists_release(&small);
    rg_lists_release(&lists);
}

static void flip(const char *path, uint64_t bit)
{
    unsigned char byte;
    int fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, (off_t)(bit / 8)), 1);
    byte ^= (unsigned char)(1 << bit % 8);
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)(bit / 8)), 1);
    close(fd);
}

// Every bit of the head, and others up to the first list.
static void damage_in_front_of_the_lists_is_noticed(void **state)
{
    rg_lists_t *lists = lists_of(RG_LISTS_ROWS_MIN, NULL, *state), *opened = NULL;
    const uint64_t number = lists->segments[0]->number;
    const size_t head = 8 * sizeof(rg__lists_head_t),
                 front = 8 * rg__lists_front_bytes(&lists->segments[0]->head);
    char *path = rg__lists_path(*state, number);
    for (size_t bit = 0; bit < front; bit += bit < head ? 1 : 401) {
        flip(path, bit);
        int err = rg_lists_open(&opened, *state, &number, 1, DIM, RG_LISTS_ROWS_MIN);
        if (err != RG_EFORMAT && err != RG_EVERSION) fail_msg("bit %zu: %d", bit, err);
        flip(path, bit);
    }
    for (off_t size = 0; size < 4000; size += 64) {
        unsigned char *bytes;
        size_t all;
        assert_ok(rg_file_read(path, 1 << 24, &bytes, &all));
        assert_int_equal(truncate(path, size), 0);
        assert_fails(rg_lists_open(&opened, *state, &number, 1, DIM, RG_LISTS_ROWS_MIN), RG_EFORMAT, path);
        assert_ok(rg_file_write(path, bytes, all));
        free(bytes);
    }
    assert_ok(rg_lists_open(&opened, *state, &number, 1, DIM, RG_LISTS_ROWS_MIN));
    rg_lists_release(&opened);
    rg_lists_release(&lists);
    free(path);
}

// A file of lists in memory, to be changed and written with checksums that fit.
typedef struct {
    char *path;
    unsigned char *bytes;
    size_t size;
    rg__lists_head_t *head;
    rg__list_t *table;
} forgery_t;

static forgery_t forgery_of(const char *folder, uint64_t number)
{
    forgery_t forgery = {.path = rg__lists_path(folder, number)};
    assert_ok(rg_file_read(forgery.path, 1 << 24, &forgery.bytes, &forgery.size));
    forgery.head = (rg__lists_head_t *)forgery.bytes;
    forgery.table = (rg__list_t *)(forgery.bytes + rg__lists_table_offset(forgery.head));
    return forgery;
}

static void write_forgery(forgery_t *forgery)
{
    forgery->head->checksum = rg__lists_checksum((const char *)forgery->bytes);
    assert_ok(rg_file_write(forgery->path, forgery->bytes, forgery->size));
    free(forgery->bytes);
    free(forgery->path);
}

// What a search could not stand is refused although the checksums are right.
static void forged_fronts_are_refused(void **state)
{
    rg_lists_t *lists = lists_of(1000, NULL, *state), *other = lists_of(300, NULL, *state), *opened = NULL;
    const uint64_t numbers[] = {lists->segments[0]->number, other->segments[0]->number};
    const uint64_t cells = lists->segments[0]->head.cells;
    rg_lists_release(&lists);
    rg_lists_release(&other);
    forgery_t forgery = forgery_of(*state, numbers[1]); // a segment with fewer lists than the first one
    forgery.head->first += 1000;
    forgery.head->end += 1000;
    forgery.head->cells = cells;
    write_forgery(&forgery);
    assert_fails(rg_lists_open(&opened, *state, numbers, 2, DIM, 1300), RG_EFORMAT, "another index");
    forgery = forgery_of(*state, numbers[0]);
    const uint32_t nprobe = forgery.head->nprobe;
    forgery.head->nprobe = 0;
    write_forgery(&forgery);
    assert_fails(rg_lists_open(&opened, *state, numbers, 1, DIM, 1000), RG_EFORMAT, "the head");
    forgery = forgery_of(*state, numbers[0]);
    forgery.head->nprobe = nprobe;
    forgery.table[0].offset -= 2;
    write_forgery(&forgery);
    assert_fails(rg_lists_open(&opened, *state, numbers, 1, DIM, 1000), RG_EFORMAT, "a list lies outside");
}

// Damages a list, or gives it a row that is not there and the right checksums.
static void spoil_list(const char *folder, uint64_t number, int is_forged)
{
    forgery_t forgery = forgery_of(folder, number);
    rg__list_t *list = forgery.table;
    while (!list->rows) list++;
    uint32_t *positions = (uint32_t *)(forgery.bytes + list->offset);
    positions[list->rows - 1] = RG_LISTS_ROWS_MIN;
    const size_t bytes = rg__lists_bytes(list->rows, forgery.head->width);
    if (is_forged) list->checksum = rg_hash(positions, bytes, (uint64_t)(list - forgery.table));
    write_forgery(&forgery);
}

// The process that visits a damaged list ends, and takes the file away.
static void a_damaged_list_ends_the_process_if(void **state, int is_forged)
{
    rg_lists_t *lists = lists_of(RG_LISTS_ROWS_MIN, NULL, *state);
    const uint64_t number = lists->segments[0]->number;
    char *path = rg__lists_path(*state, number);
    rg_lists_release(&lists);
    spoil_list(*state, number, is_forged);
    pid_t child = fork();
    if (child == 0) {
        CHECK(rg_lists_open(&lists, *state, &number, 1, DIM, RG_LISTS_ROWS_MIN) == 0);
        recall_of(lists, ALL, NULL);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILURE);
    assert_false(rg_exists(path));
    free(path);
}

static void a_damaged_list_ends_the_process(void **state)
{
    for (int is_forged = 0; is_forged < 2; is_forged++) a_damaged_list_ends_the_process_if(state, is_forged);
}

static void what_fails_leaves_no_file(void **state)
{
    rg_rows_t rows;
    rg_lists_t *lists = NULL;
    cloud_rows(&rows, RG_LISTS_ROWS_MIN - 1, DIM, 1);
    assert_fails(rg_lists_build(&lists, NULL, &rows, *state, &GO), RG_ELIMIT, "need 256 vectors, not 255");
    rg_rows_fini(&rows);
    cloud_rows(&rows, N, DIM, 1);
    assert_fails(rg_lists_build(&lists, NULL, &rows, *state, &STOP), RG_ESTOPPED, "");
    assert_string_equal(STOP.phase, "finding cells"); // where it was stopped
    assert_true(STOP.total > 0);
    struct rlimit old = limit_files(20000);
    int err = rg_lists_build(&lists, NULL, &rows, *state, &GO);
    lift_file_limit(old);
    assert_int_equal(err, RG_EFULL);
    assert_null(lists);
    assert_int_equal(files_in(*state), 0);
    rg_rows_fini(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_damaged_list_ends_the_process), // first: it forks
        IN_FOLDER(all_lists_hold_the_exact_neighbours),
        IN_FOLDER(the_tuned_lists_hold_nearly_all),
        IN_FOLDER(dead_rows_are_not_found),
        IN_FOLDER(missing_rows_are_minus_one),
        IN_FOLDER(threads_find_the_same),
        IN_FOLDER(lists_grow_by_segments),
        IN_FOLDER(outgrown_lists_are_found_anew),
        IN_FOLDER(opened_lists_find_the_same),
        IN_FOLDER(damage_in_front_of_the_lists_is_noticed),
        IN_FOLDER(forged_fronts_are_refused),
        IN_FOLDER(what_fails_leaves_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
