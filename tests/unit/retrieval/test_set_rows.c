// The file of rows under a set. The vectors are so wide that a chunk has 128 rows.
#include "tests/unit/retrieval/wide.h"

#include <fcntl.h>

#include "services/retrieval/verify.h"

static size_t rows_in_file_of(rg_set_t *set)
{
    rg_read_view_t read = read_view_of(set);
    size_t n = rg_rows_file_count(read.view->file);
    rg_read_view_end(&read);
    return n;
}

static char *file_of(const char *path, unsigned number)
{
    return rg_format("%s/rows.%u", path, number);
}

// The set holds pictures 0..n-1 except `without`, searches find them, and nothing is wrong with it.
static void assert_whole(rg_set_t *set, int model, unsigned n, int without)
{
    rg_verify_report_t report;
    for (unsigned i = n % 9; i < n; i += 9)
        if ((int)i != without) assert_int_equal(nearest_wide(set, model, i), i);
    if (without >= 0) assert_int_not_equal(nearest_wide(set, model, (unsigned)without), without);
    assert_int_equal(count_of(set), n - (without >= 0));
    rg_read_view_t read = read_view_of(set);
    assert_ok(rg_verify(&report, &read, &GO));
    if (report.problems) fail_msg("%s", report.problem[0]);
    rg_read_view_end(&read);
}

static void full_chunks_move_to_the_file(void **state)
{
    rg_set_t *set = filled_wide(*state, 3 * CHUNK - 1);
    assert_int_equal(rows_in_file_of(set), 2 * CHUNK);
    assert_ok(add_wide(set, 0, 3 * CHUNK - 1, 2));
    assert_int_equal(rows_in_file_of(set), 3 * CHUNK);
    assert_whole(set, 0, 3 * CHUNK + 1, -1);
    rg_set_close(&set);
}

static void a_start_reads_only_what_is_not_in_the_file(void **state)
{
    rg_set_t *set = filled_wide(*state, 2 * CHUNK + 7);
    remove_one(set, 5);             // in the file
    remove_one(set, 2 * CHUNK + 2); // in memory
    rg_set_close(&set);
    set = open_wide(*state, "Flat");
    assert_int_equal(rows_in_file_of(set), 2 * CHUNK);
    rg_read_view_t read = read_view_of(set);
    assert_int_equal(read.view->rows.count, 2 * CHUNK + 6); // with the dead row in the file
    assert_int_equal(read.view->dead, 1);
    rg_read_view_end(&read);
    assert_int_equal(count_of(set), 2 * CHUNK + 5);
    assert_int_not_equal(nearest_wide(set, 0, 5), 5);
    assert_int_not_equal(nearest_wide(set, 0, 2 * CHUNK + 2), 2 * CHUNK + 2);
    assert_ok(add_wide(set, 0, 5, 1));
    assert_ok(add_wide(set, 0, 2 * CHUNK + 2, 1));
    assert_whole(set, 0, 2 * CHUNK + 7, -1);
    rg_set_close(&set);
}

static void a_dead_row_stays_dead_in_the_file(void **state)
{
    rg_set_t *set = filled_wide(*state, CHUNK - 1);
    remove_one(set, 3);
    assert_ok(add_wide(set, 0, CHUNK - 1, 3));
    for (int reopened = 0; reopened < 2; reopened++) {
        assert_int_equal(rows_in_file_of(set), CHUNK);
        assert_whole(set, 0, CHUNK + 2, 3);
        rg_set_close(&set);
        set = open_wide(*state, "Flat");
    }
    rg_set_close(&set);
}

static void a_build_without_dead_rows_gets_another_file(void **state)
{
    rg_set_t *set = filled_wide(*state, 2 * CHUNK);
    char *first = file_of(*state, 1), *second = file_of(*state, 2);
    remove_one(set, 200);
    assert_true(rg_exists(first));
    for (int from_store = 0; from_store < 2; from_store++) {
        rg_set_build_t *built = build(set, from_store);
        if (!from_store) {
            remove_one(set, 7);
            assert_ok(add_wide(set, 0, 200, 1));
        }
        assert_ok(rg_set_publish_build(set, &built));
        assert_int_equal(rows_in_file_of(set), from_store ? CHUNK : 2 * CHUNK);
        assert_whole(set, 0, 2 * CHUNK, 7);
    }
    assert_false(rg_exists(first) || rg_exists(second));
    rg_set_close(&set);
    set = open_wide(*state, "Flat");
    assert_int_equal(rows_in_file_of(set), CHUNK);
    assert_whole(set, 0, 2 * CHUNK, 7);
    rg_set_close(&set);
    free(first);
    free(second);
}

static void another_model_gets_another_file(void **state)
{
    rg_set_t *set = filled_wide(*state, CHUNK + 2);
    char *first = file_of(*state, 1);
    remove_one(set, 9);
    use_wide(set, 1);
    assert_ok(add_wide(set, 1, 0, CHUNK + 2)); // without picture 9, which is refused
    for (int reopened = 0; reopened < 2; reopened++) {
        assert_int_equal(rows_in_file_of(set), CHUNK);
        assert_whole(set, 1, CHUNK + 2, 9);
        assert_false(rg_exists(first));
        rg_set_close(&set);
        set = open_wide(*state, "Flat");
    }
    rg_set_close(&set);
    free(first);
}

// The snapshot covers rows of the file and rows in memory, of which some are removed before the next start.
static void the_snapshot_fits_the_rows_of_the_file(void **state)
{
    enum { FIRST = 2 * CHUNK };
    rg_set_t *set = filled_wide(*state, FIRST + 20);
    rg_set_close(&set);
    set = open_wide(*state, "lists");
    build_and_publish(set, 0);
    assert_ok(rg_set_save(set));
    remove_one(set, 4);
    remove_one(set, FIRST + 4);
    assert_ok(add_wide(set, 0, FIRST + 20, 2));
    for (int moved = 0; moved < 2; moved++) {
        rg_set_close(&set);
        set = open_wide(*state, "lists");
        assert_string_equal(rg_set_snapshot_problem(set), "");
        assert_int_equal(indexed_of(set), FIRST + 20);
        assert_int_equal(count_of(set), FIRST + 20);
        assert_int_not_equal(nearest_wide(set, 0, FIRST + 4), FIRST + 4);
        assert_int_equal(nearest_wide(set, 0, FIRST + 5), FIRST + 5);
        if (moved) break;
        assert_ok(add_wide(set, 0, 4, 1));
        assert_ok(add_wide(set, 0, FIRST + 4, 1));
        assert_ok(add_wide(set, 0, FIRST + 22, CHUNK)); // a chunk that the snapshot covers in part moves
        assert_int_equal(rows_in_file_of(set), FIRST + CHUNK);
        assert_int_equal(take_out(set, FIRST + 22, CHUNK), CHUNK);
        remove_one(set, 4);
        remove_one(set, FIRST + 4);
    }
    rg_set_close(&set);
}

// Lists grow by the rows behind them, are built anew without dead rows, and files that nothing needs go.
static void lists_follow_the_rows(void **state)
{
    enum { FIRST = 2 * CHUNK + 10 };
    char *first = rg_format("%s/lists.1", (char *)*state);
    rg_set_t *set = filled_wide(*state, FIRST);
    rg_set_close(&set);
    set = open_wide(*state, "lists");
    build_and_publish(set, 0);
    assert_int_equal(indexed_of(set), FIRST);
    assert_ok(add_wide(set, 0, FIRST, 30));
    build_and_publish(set, 0);
    assert_int_equal(indexed_of(set), FIRST + 30);
    assert_whole(set, 0, FIRST + 30, -1);
    assert_true(rg_exists(first));
    remove_one(set, 8);
    assert_whole(set, 0, FIRST + 30, 8);
    build_and_publish(set, 0);
    assert_int_equal(indexed_of(set), FIRST + 29);
    assert_ok(rg_set_save(set));
    assert_false(rg_exists(first));
    rg_set_close(&set);
    set = open_wide(*state, "lists");
    assert_int_equal(indexed_of(set), FIRST + 29);
    assert_whole(set, 0, FIRST + 30, 8);
    rg_set_close(&set);
    free(first);
}

// A set whose store is too large to be checked at the start serves at once, takes additions once the outline of the
// store is checked, and removals when all of it is.
static void a_large_set_is_searched_before_it_is_checked(void **state)
{
    char *data = rg_format("%s/data.mdb", (char *)*state);
    rg_set_t *set = filled_wide(*state, CHUNK + 1);
    rg_set_close(&set);
    assert_int_equal(truncate(data, RG_STORE_CHECKED_AT_ONCE + 4096), 0);
    set = open_wide(*state, "Flat");
    assert_true(rg_store_is_unchecked(rg_set_store(set)));
    assert_int_equal(nearest_wide(set, 0, 5), 5);
    assert_int_equal(nearest_wide(set, 0, CHUNK), CHUNK);
    assert_fails(add_wide(set, 0, CHUNK + 1, CHUNK), RG_EBUSY, "is still being checked");
    assert_ok(rg_set_check_outline(set));
    assert_ok(add_wide(set, 0, CHUNK + 1, CHUNK));
    assert_true(rg_store_is_unchecked(rg_set_store(set)));
    for (double share = 0; share < 1;) assert_ok(rg_set_check_step(set, &share));
    assert_ok(rg_set_check_finish(set));
    assert_false(rg_store_is_unchecked(rg_set_store(set)));
    assert_int_equal(rows_in_file_of(set), 2 * CHUNK);
    assert_whole(set, 0, 2 * CHUNK + 1, -1);
    rg_set_close(&set);
    free(data);
}

static void spoil(const char *path, off_t at, size_t n)
{
    char bytes[64];
    int fd = open(path, O_RDWR);
    memset(bytes, 0xAB, sizeof bytes);
    assert_int_equal(pwrite(fd, bytes, n, at), n);
    close(fd);
}

// The process that meets a damaged block ends, and the next one reads all rows from the store.
static void a_damaged_block_ends_the_process_once(void **state)
{
    rg_set_t *set = filled_wide(*state, 2 * CHUNK + 1);
    char *path = file_of(*state, 1);
    rg_set_close(&set);
    spoil(path, 4096 + 500000, 8);
    pid_t child = fork();
    if (child == 0) {
        set = open_wide(*state, "Flat");
        nearest_wide(set, 0, 1);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILURE);
    assert_false(rg_exists(path));
    set = open_wide(*state, "Flat");
    assert_int_equal(rows_in_file_of(set), 2 * CHUNK);
    assert_whole(set, 0, 2 * CHUNK + 1, -1);
    rg_set_close(&set);
    free(path);
}

// A file that is missing, of another format, cut short, or of an older state of the store is not used, or only
// as far as it is right.
static void a_file_that_does_not_fit_is_made_again(void **state)
{
    for (int what = 0; what < 5; what++) {
        char *folder = rg_format("%s/%d", (char *)*state, what), *rows = file_of(folder, 1);
        rg_set_t *set = filled_wide(folder, 2 * CHUNK + 1);
        rg_set_close(&set);
        if (what == 0) unlink(rows);
        if (what == 1) spoil(rows, 0, 8);
        if (what == 2) spoil(rows, 4096, 8); // the head of the first block
        if (what == 3) assert_int_equal(truncate(rows, 4096 + 5000000), 0);
        if (what == 4) { // an image too many
            unsigned char *bytes;
            size_t size;
            assert_ok(rg_file_read(rows, 1 << 26, &bytes, &size));
            set = open_wide(folder, "Flat");
            remove_one(set, 2 * CHUNK);
            remove_one(set, 2 * CHUNK - 1);
            build_and_publish(set, 0);
            rg_set_close(&set);
            free(rows);
            rows = file_of(folder, 2);
            assert_ok(rg_file_write(rows, bytes, size));
            free(bytes);
        }
        char *leftover = file_of(folder, 77);
        assert_ok(rg_file_write(leftover, "", 0));
        set = open_wide(folder, "Flat");
        assert_false(rg_exists(leftover));
        if (what < 4) assert_int_equal(rows_in_file_of(set), 2 * CHUNK);
        assert_whole(set, 0, what < 4 ? 2 * CHUNK + 1 : 2 * CHUNK - 1, -1);
        rg_set_close(&set);
        free(leftover);
        free(folder);
        free(rows);
    }
}

static void a_full_disk_leaves_rows_in_memory(void **state)
{
    rg_set_t *set = filled_wide(*state, CHUNK - 1);
    struct stat info;
    char *data = rg_format("%s/data.mdb", (char *)*state);
    assert_int_equal(stat(data, &info), 0);
    struct rlimit old = limit_files(CHUNK * WIDE); // a quarter of a block; the store has more already
    int err = add_wide(set, 0, CHUNK - 1, 1);
    lift_file_limit(old);
    if (err == 0) assert_int_equal(rows_in_file_of(set), 0);
    assert_ok(add_wide(set, 0, CHUNK - 1, 2));
    assert_int_equal(rows_in_file_of(set), CHUNK);
    assert_whole(set, 0, CHUNK + 1, -1);
    rg_set_close(&set);
    free(data);
}

enum { BATCH = 16 };

// Adds batches of pictures without end, and removes the first one of each again.
static void change_without_end(const char *path, int report)
{
    rg_set_t *set = open_wide(path, "Flat");
    use_wide(set, 0);
    rg_read_view_t read;
    CHECK(rg_read_view_begin(&read, set) == 0);
    unsigned batch = (unsigned)(rg_view_count(read.view) / (BATCH - 1));
    rg_read_view_end(&read);
    for (;; batch++) {
        unsigned first = batch * BATCH;
        rg_set_removal_t removal;
        uint8_t *ids = ids_of(&first, 1);
        CHECK(add_wide(set, 0, first, BATCH) == 0);
        CHECK(rg_set_remove(set, ids, 1, 0, &removal) == 0);
        free(ids);
        CHECK(write(report, &batch, sizeof batch) == sizeof batch);
    }
}

static void nothing_is_lost_when_it_is_killed(void **state)
{
    for (unsigned round = 1; round <= 3; round++) {
        unsigned last = kill_after(CHUNK / BATCH + round, change_without_end, *state);
        rg_set_t *set = open_wide(*state, "Flat");
        for (unsigned i = 0; i < (last + 1) * BATCH; i += i % BATCH ? 5 : 1) {
            int found = nearest_wide(set, 0, i);
            if ((found == (int)i) != (i % BATCH != 0)) fail_msg("picture %u: %d", i, found);
        }
        assert_true(rows_in_file_of(set) >= (last + 1) * BATCH / CHUNK * CHUNK);
        rg_set_close(&set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(nothing_is_lost_when_it_is_killed),
        IN_FOLDER(a_damaged_block_ends_the_process_once),
        IN_FOLDER(full_chunks_move_to_the_file),
        IN_FOLDER(a_start_reads_only_what_is_not_in_the_file),
        IN_FOLDER(a_dead_row_stays_dead_in_the_file),
        IN_FOLDER(a_build_without_dead_rows_gets_another_file),
        IN_FOLDER(another_model_gets_another_file),
        IN_FOLDER(the_snapshot_fits_the_rows_of_the_file),
        IN_FOLDER(lists_follow_the_rows),
        IN_FOLDER(a_large_set_is_searched_before_it_is_checked),
        IN_FOLDER(a_file_that_does_not_fit_is_made_again),
        IN_FOLDER(a_full_disk_leaves_rows_in_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
