#include "services/retrieval/snapshot.h"

#include <fcntl.h>

#include "common/core/hash.h"
#include "tests/unit/retrieval/sets.h"
#include "tests/unit/retrieval/clouds.h"
#include "tests/unit/retrieval/process.h"

enum { N = 60 };

static const char HNSW[] = "HNSW8";

// A view of n rows with an index over them, and one more row behind the index.
static rg_view_t *view_of(const char *model, size_t n)
{
    const rg_store_model_t known = model_of(model);
    rg_view_t *view = rg_view_new(&known, 1);
    float *x = cloud(n + 1, D, 1);
    for (size_t i = 0; i < n; i++)
        rg_view_append(view, &(rg_image_row_t){.label = cloud_label(i), .vector = x + i * D});
    assert_ok(rg_index_build(&view->index, &(rg_index_plan_t){.factory = HNSW, .work = &GO}, &view->rows));
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
    assert_ok(rg_index_search(view->index, found,
                              &(rg_index_query_t){.queries = queries, .n = N, .k = 5, .effort = {0}}));
    assert_ok(rg_index_search(snapshot.index, again,
                              &(rg_index_query_t){.queries = queries, .n = N, .k = 5, .effort = {0}}));
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
    assert_fails(read_as(path, "m", HNSW), RG_ENOENT, "");
    assert_ok(rg_file_write(path, "", 0));
    assert_fails(read_as(path, "m", HNSW), RG_EFORMAT, "damaged");
    free(path);
    assert_fails(read_as(*state, "m", HNSW), RG_EFORMAT, ""); // a folder is not a snapshot
}

static void another_kind_is_not_used(void **state)
{
    char *path = write_one(*state);
    assert_ok(read_as(path, "m", HNSW));
    assert_fails(read_as(path, "n", HNSW), RG_EMODEL, "the snapshot belongs to model m, not to n");
    assert_fails(read_as(path, "m", "HNSW16"), RG_EMODEL,
                 "an index 'HNSW8', but retrieval.index is 'HNSW16'");
    assert_fails(read_as(path, "m", "Flat"), RG_EMODEL, "");
    rg_store_model_t wide = model_of("m");
    wide.embed_dim++;
    rg_snapshot_t snapshot = {0};
    assert_fails(rg_snapshot_read(&snapshot, path, &wide, HNSW), RG_EMODEL, "");
    free(path);
}

// Reads a copy of the file in which the bytes from `at` on are replaced.
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
    assert_fails(read_changed(path, 0, "X", 1), RG_EFORMAT, "not a snapshot of an index");
    assert_fails(read_changed(path, 8, &(uint32_t){3}, 4), RG_EVERSION, "");
    assert_fails(read_changed(path, 12, &(uint32_t){D + 1}, 4), RG_EFORMAT, "its checksum is wrong"); // dim
    for (size_t at = 16; at <= 20; at += 4) { // lengths of the texts
        assert_fails(read_changed(path, at, &(uint32_t){UINT32_MAX}, 4), RG_EFORMAT, "");
        assert_fails(read_changed(path, at, &(uint32_t){1 << 10}, 4), RG_EFORMAT, "");
    }
    assert_fails(read_changed(path, 24, &(uint64_t){1}, 8), RG_EFORMAT, "");     // number of the file of rows
    assert_fails(read_changed(path, 32, &(uint64_t){N + 1}, 8), RG_EFORMAT, ""); // rows in it
    assert_fails(read_changed(path, 32, &(uint64_t){1}, 8), RG_EFORMAT, "");
    assert_fails(read_changed(path, 40, &(uint64_t){UINT64_MAX / 8}, 8), RG_EFORMAT, ""); // rows
    assert_fails(read_changed(path, 40, &(uint64_t){1 << 20}, 8), RG_EFORMAT, "");
    assert_fails(read_changed(path, 48, &(uint64_t){64}, 8), RG_EFORMAT, "");                     // size
    assert_fails(read_changed(path, 56, &(uint64_t){0}, 8), RG_EFORMAT, "its checksum is wrong"); // checksum
    free(path);
}

static void every_byte_counts(void **state)
{
    char *path = write_one(*state);
    unsigned char *file;
    size_t size;
    assert_ok(rg_file_read(path, 1 << 24, &file, &size));
    for (size_t at = 64; at < size; at += 97) {
        unsigned char flipped = file[at] ^ 4;
        assert_fails(read_changed(path, at, &flipped, 1), RG_EFORMAT, "");
    }
    free(file);
    free(path);
}

static void a_truncated_one_is_refused_whatever_its_length(void **state)
{
    char *path = write_one(*state), *truncated = rg_format("%s.truncated", path);
    unsigned char *file;
    size_t size;
    assert_ok(rg_file_read(path, 1 << 24, &file, &size));
    for (size_t length = 0; length < size; length += 64) {
        assert_ok(rg_file_write(truncated, file, length));
        assert_fails(read_as(truncated, "m", HNSW), RG_EFORMAT, truncated);
    }
    assert_ok(rg_file_write(truncated, file, size - 1));
    assert_fails(read_as(truncated, "m", HNSW), RG_EFORMAT, "");
    free(file);
    free(truncated);
    free(path);
}

static void a_full_disk_leaves_the_old_one(void **state)
{
    char *path = write_one(*state);
    rg_view_t *larger = view_of("m", 10 * N);
    for (uint64_t bytes = 0; bytes < 40000; bytes += 13000) {
        struct rlimit old = limit_files(bytes);
        int err = rg_snapshot_write(path, larger, HNSW);
        lift_file_limit(old);
        assert_true(err == RG_EFULL || err == RG_EIO);
        assert_ok(read_as(path, "m", HNSW));
    }
    char **names;
    size_t n;
    assert_ok(rg_list_dir(*state, &names, &n)); // no temporary file is left
    assert_int_equal(n, 1);
    rg_list_free(&names, n);
    rg_view_destroy(&larger);
    free(path);
}

// Writes snapshots of two sizes in turn without end and reports each one.
static void write_without_end(const char *path, int report)
{
    rg_linalg_threads(1);
    rg_view_t *views[] = {view_of("m", N), view_of("m", 10 * N)};
    for (unsigned i = 0;; i++) {
        CHECK(rg_snapshot_write(path, views[i % 2], HNSW) == 0);
        CHECK(write(report, &i, sizeof i) == sizeof i);
    }
}

static void a_kill_leaves_a_whole_one(void **state)
{
    char *path = rg_format("%s/index.snapshot", (char *)*state);
    for (unsigned round = 1; round <= 4; round++) {
        kill_after(3 * round, write_without_end, path);
        assert_ok(read_as(path, "m", HNSW));
    }
    free(path);
}

// Every bit of the head, and others all over the file.
static void every_flipped_bit_is_noticed(void **state)
{
    enum { HEAD_BITS = 64 * 8, FLIPS = 1000 };
    char *path = write_one(*state);
    unsigned char *bytes;
    size_t size;
    assert_ok(rg_file_read(path, 1 << 20, &bytes, &size));
    for (size_t i = 0; i < HEAD_BITS + FLIPS; i++) {
        const size_t bit = i < HEAD_BITS ? i : rg_hash(&i, sizeof i, 0) % (8 * size);
        int fd = open(path, O_WRONLY);
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        assert_int_equal(pwrite(fd, &bytes[bit / 8], 1, (off_t)(bit / 8)), 1);
        if (read_as(path, "m", HNSW) == 0) fail_msg("bit %zu", bit);
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        assert_int_equal(pwrite(fd, &bytes[bit / 8], 1, (off_t)(bit / 8)), 1);
        close(fd);
    }
    assert_ok(read_as(path, "m", HNSW));
    free(bytes);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_kill_leaves_a_whole_one), // first: it forks before FAISS has threads
        IN_FOLDER(what_is_written_is_read),
        IN_FOLDER(a_view_without_index_is_written_and_read),
        IN_FOLDER(none_is_told_from_a_bad_one),
        IN_FOLDER(another_kind_is_not_used),
        IN_FOLDER(the_head_is_checked),
        IN_FOLDER(every_byte_counts),
        IN_FOLDER(a_truncated_one_is_refused_whatever_its_length),
        IN_FOLDER(a_full_disk_leaves_the_old_one),
        IN_FOLDER(every_flipped_bit_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
