#include "common/nn/linalg.h"
#include "tests/unit/retrieval/pictures.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "services/retrieval/snapshot.h"
#include "tests/unit/retrieval/clouds.h"

enum { N = 60 };

static const atomic_int GO = 0;
static const char HNSW[] = "HNSW8";

// n rows with an index over them, and one row behind it.
static rg_view_t *view_of(const char *model, size_t n)
{
    const rg_store_model_t known = model_of(model);
    rg_view_t *view = rg_view_new(&known, 1);
    float *x = cloud(n + 1, D, 1);
    for (size_t i = 0; i < n; i++)
        rg_view_append(view, &(rg_image_row_t){.label = cloud_label(i), .vector = x + i * D});
    assert_ok(rg_index_build(&view->index, HNSW, &view->rows, &GO));
    rg_view_append(view, &(rg_image_row_t){.label = cloud_label(n), .vector = x + n * D});
    free(x);
    return view;
}

static char *write_one(void *folder)
{
    char *path = rg_format("%s/index.snapshot", (char *)folder);
    rg_view_t *view = view_of("m", N);
    assert_ok(rg_snapshot_write(path, view, HNSW));
    rg_view_destroy(&view);
    return path;
}

static int read_as(const char *path, const char *model, const char *factory)
{
    const rg_store_model_t known = model_of(model);
    rg_snapshot_t snapshot = {0};
    int err = rg_snapshot_read(&snapshot, path, &known, factory);
    if (err) assert_null(snapshot.labels);
    rg_snapshot_fini(&snapshot);
    return err;
}

static void what_is_written_is_read(void **state)
{
    char *path = write_one(*state);
    rg_view_t *view = view_of("m", N);
    rg_snapshot_t snapshot = {0};
    int64_t found[N * 5], again[N * 5];
    float *queries = cloud(N, D, 2);
    assert_ok(rg_snapshot_read(&snapshot, path, &view->model, HNSW));
    assert_int_equal(snapshot.rows, N);
    for (size_t i = 0; i < N; i++) assert_int_equal(snapshot.labels[i], cloud_label(i));
    assert_int_equal(rg_index_count(snapshot.index), N);
    assert_ok(rg_index_search(view->index, found, queries, N, 5, (rg_index_effort_t){0}));
    assert_ok(rg_index_search(snapshot.index, again, queries, N, 5, (rg_index_effort_t){0}));
    assert_memory_equal(found, again, sizeof found);
    rg_snapshot_fini(&snapshot);
    rg_view_destroy(&view);
    free(queries);
    free(path);
}

static void a_view_without_index_is_written_and_read(void **state)
{
    char *path = rg_format("%s/index.snapshot", (char *)*state);
    const rg_store_model_t models[] = {model_of("m"), {{0}}};
    for (int i = 0; i < 2; i++) {
        rg_view_t *view = rg_view_new(&models[i], 1);
        rg_snapshot_t snapshot = {0};
        assert_ok(rg_snapshot_write(path, view, "Flat"));
        assert_ok(rg_snapshot_read(&snapshot, path, &models[i], "Flat"));
        assert_int_equal(snapshot.rows, 0);
        assert_null(snapshot.index);
        rg_snapshot_fini(&snapshot);
        rg_view_destroy(&view);
    }
    free(path);
}

static void none_is_told_from_a_bad_one(void **state)
{
    char *path = rg_format("%s/index.snapshot", (char *)*state);
    assert_fails(read_as(path, "m", HNSW), RG_ENOENT);
    assert_ok(rg_file_write(path, "", 0));
    assert_fails(read_as(path, "m", HNSW), RG_EFORMAT);
    assert_says("damaged");
    free(path);
    assert_fails(read_as(*state, "m", HNSW), RG_EFORMAT); // a folder
}

static void another_kind_is_left_aside(void **state)
{
    char *path = write_one(*state);
    assert_ok(read_as(path, "m", HNSW));
    assert_fails(read_as(path, "n", HNSW), RG_EMODEL);
    assert_says("the snapshot belongs to model m, not to n");
    assert_fails(read_as(path, "m", "HNSW16"), RG_EMODEL);
    assert_says("an index 'HNSW8', but retrieval.index is 'HNSW16'");
    assert_fails(read_as(path, "m", "Flat"), RG_EMODEL);
    rg_store_model_t wide = model_of("m");
    wide.embed_dim++;
    rg_snapshot_t snapshot = {0};
    assert_fails(rg_snapshot_read(&snapshot, path, &wide, HNSW), RG_EMODEL);
    free(path);
}

// Rewrites the file with some bytes from `at` on changed, and reads it.
static int read_changed(const char *path, size_t at, const void *bytes, size_t n)
{
    unsigned char *file;
    size_t size;
    assert_ok(rg_file_read(path, 1 << 24, &file, &size));
    assert_true(at + n <= size);
    char *changed = rg_format("%s.changed", path);
    memcpy(file + at, bytes, n);
    assert_ok(rg_file_write(changed, file, size));
    int err = read_as(changed, "m", HNSW);
    unlink(changed);
    free(changed);
    free(file);
    return err;
}

static void the_head_is_checked(void **state)
{
    char *path = write_one(*state);
    assert_fails(read_changed(path, 0, "X", 1), RG_EFORMAT);
    assert_says("not a snapshot of an index");
    assert_fails(read_changed(path, 8, &(uint32_t){2}, 4), RG_EVERSION);
    assert_fails(read_changed(path, 12, &(uint32_t){D + 1}, 4), RG_EMODEL); // dim
    for (size_t at = 16; at <= 20; at += 4) {                               // lengths of the texts
        assert_fails(read_changed(path, at, &(uint32_t){UINT32_MAX}, 4), RG_EFORMAT);
        assert_fails(read_changed(path, at, &(uint32_t){1 << 10}, 4), at == 16 ? RG_EFORMAT : RG_EMODEL);
    }
    assert_fails(read_changed(path, 24, &(uint64_t){UINT64_MAX / 8}, 8), RG_EFORMAT); // rows
    assert_fails(read_changed(path, 24, &(uint64_t){1 << 20}, 8), RG_EFORMAT);
    assert_fails(read_changed(path, 32, &(uint64_t){48}, 8), RG_EFORMAT); // size
    assert_fails(read_changed(path, 40, &(uint64_t){0}, 8), RG_EFORMAT);  // checksum
    assert_says("its checksum is wrong");
    free(path);
}

static void every_byte_counts(void **state)
{
    char *path = write_one(*state);
    unsigned char *file;
    size_t size;
    assert_ok(rg_file_read(path, 1 << 24, &file, &size));
    for (size_t at = 48; at < size; at += 97) {
        unsigned char flipped = file[at] ^ 4;
        assert_fails(read_changed(path, at, &flipped, 1), RG_EFORMAT);
    }
    free(file);
    free(path);
}

static void a_torn_one_is_refused_wherever_it_is_torn(void **state)
{
    char *path = write_one(*state), *torn = rg_format("%s.torn", path);
    unsigned char *file;
    size_t size;
    assert_ok(rg_file_read(path, 1 << 24, &file, &size));
    for (size_t length = 0; length < size; length += 64) {
        assert_ok(rg_file_write(torn, file, length));
        assert_fails(read_as(torn, "m", HNSW), RG_EFORMAT);
        assert_says(torn);
    }
    assert_ok(rg_file_write(torn, file, size - 1));
    assert_fails(read_as(torn, "m", HNSW), RG_EFORMAT);
    free(file);
    free(torn);
    free(path);
}

static void a_full_disk_leaves_the_old_one(void **state)
{
    char *path = write_one(*state);
    rg_view_t *larger = view_of("m", 10 * N);
    struct rlimit old, limit;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    for (rlim_t room = 0; room < 40000; room += 13000) {
        limit = old;
        limit.rlim_cur = room;
        setrlimit(RLIMIT_FSIZE, &limit);
        int err = rg_snapshot_write(path, larger, HNSW);
        setrlimit(RLIMIT_FSIZE, &old);
        assert_true(err == RG_EFULL || err == RG_EIO);
        assert_ok(read_as(path, "m", HNSW));
    }
    signal(SIGXFSZ, SIG_DFL);
    char **names;
    size_t n;
    assert_ok(rg_list_dir(*state, &names, &n)); // and nothing else
    assert_int_equal(n, 1);
    rg_names_free(&names, n);
    rg_view_destroy(&larger);
    free(path);
}

// The child writes snapshots of two sizes in turn without end and tells of each.
static void write_until_killed(const char *path, int tell)
{
    rg_linalg_threads(1);
    rg_view_t *views[] = {view_of("m", N), view_of("m", 10 * N)};
    for (unsigned i = 0;; i++) {
        if (rg_snapshot_write(path, views[i % 2], HNSW) != 0) _exit(1);
        if (write(tell, &i, sizeof i) != sizeof i) _exit(1);
    }
}

static void a_kill_leaves_a_whole_one(void **state)
{
    char *path = rg_format("%s/index.snapshot", (char *)*state);
    for (unsigned round = 1; round <= 4; round++) {
        int ends[2];
        unsigned told;
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0) {
            close(ends[0]);
            write_until_killed(path, ends[1]);
        }
        close(ends[1]);
        for (unsigned i = 0; i < 3 * round; i++)
            assert_int_equal(read(ends[0], &told, sizeof told), sizeof told);
        kill(child, SIGKILL); // somewhere in a later one
        assert_int_equal(waitpid(child, NULL, 0), child);
        close(ends[0]);
        assert_ok(read_as(path, "m", HNSW));
    }
    free(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_make, folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_kill_leaves_a_whole_one), // first: it forks before FAISS has threads
        TEST(what_is_written_is_read),
        TEST(a_view_without_index_is_written_and_read),
        TEST(none_is_told_from_a_bad_one),
        TEST(another_kind_is_left_aside),
        TEST(the_head_is_checked),
        TEST(every_byte_counts),
        TEST(a_torn_one_is_refused_wherever_it_is_torn),
        TEST(a_full_disk_leaves_the_old_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
