// A set in a folder that cannot be written. The tests run in a child without root's rights, because root may
// write everywhere.
#include "tests/unit/retrieval/sets.h"

#include <grp.h>
#include <sys/stat.h>

#include "services/retrieval/verify.h"
#include "tests/unit/retrieval/process.h"

enum { N = 30, NOBODY = 65534 };

static void allow_writing(const char *path, int allow)
{
    static const char *const files[] = {"data.mdb", "lock.mdb", "owner.lock", "index.snapshot"};
    for (int i = 0; i < 4; i++) {
        char *file = rg_format("%s/%s", path, files[i]);
        chmod(file, allow ? 0644 : 0444);
        free(file);
    }
    chmod(path, allow ? 0755 : 0555);
}

static void run_as_nobody(void (*run)(const char *path), const char *path)
{
    pid_t child = fork();
    if (child == 0) {
        if (getuid() == 0) CHECK(setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
        run(path);
        _exit(0);
    }
    wait_for_success(child);
}

static rg_set_t *open_readable(const char *path, const char *index)
{
    rg_set_t *set = NULL;
    const rg_set_options_t options = {.path = path, .index = index, .map_bytes = MAP_BYTES};
    CHECK(rg_set_open(&set, &options) == 0);
    CHECK(rg_store_read_only(rg_set_store(set)));
    return set;
}

static void search_all(const char *path)
{
    rg_set_t *set = open_readable(path, "HNSW16"), *other = open_readable(path, "Flat"); // several may read
    rg_read_view_t read;
    rg_verify_report_t report;
    rg_store_image_t images[N];
    size_t n;
    uint64_t next;
    CHECK(rg_read_view_begin(&read, set) == 0);
    CHECK(rg_view_count(read.view) == N && rg_view_indexed(read.view) == N);
    for (unsigned i = 0; i < N; i++) {
        picture_t p;
        rg_hit_t hit;
        picture(&p, i);
        const rg_search_t search = {.queries = p.embedding, .n = 1, .k = 1};
        CHECK(rg_search_run(&hit, read.view, &search) == 0);
        CHECK(hit.dist_l2sq == 0 && hit.row == row_of(&read, i));
    }
    CHECK(rg_read_view_list(&read, 0, 0, images, N, &n, &next) == 0 && n == N);
    CHECK(rg_verify(&report, &read, &GO) == 0 && report.problems == 0);
    rg_read_view_end(&read);
    rg_set_close(&set);
    rg_set_close(&other);
}

static void change_nothing(const char *path)
{
    rg_set_t *set = open_readable(path, "HNSW16");
    const rg_store_model_t current = model_of("m"), other = model_of("n");
    rg_set_build_t *build = NULL;
    picture_t p;
    uint64_t missing;
    rg_set_removal_t removal = {0};
    picture(&p, 3);
    CHECK(add(set, "m", N, 1, NULL) == RG_EIO && strstr(rg_error(), "read-only"));
    CHECK(rg_set_remove(set, p.id, 1, 0, &removal) == RG_EIO && strstr(rg_error(), "read-only"));
    CHECK(rg_set_use_model(set, &other, &missing) == RG_EIO && strstr(rg_error(), "read-only"));
    CHECK(rg_set_use_model(set, &current, &missing) == 0 && missing == 0); // it is current already
    CHECK(rg_set_save(set) == RG_EIO);
    CHECK(rg_set_build(set, 1, &GO, &build) == 0); // in memory
    assert_ok(rg_set_publish_build(set, &build));
    CHECK(rg_set_restore(set) == 0);
    CHECK(rg_store_copy(rg_set_store(set)) != 0);
    CHECK(removal.removed == 0 && rg_set_generation(set) == 2);
    rg_set_close(&set);
}

static int make_set(void **state)
{
    if (folder_make(state) != 0) return -1;
    rg_set_t *set = filled_set(*state, "HNSW16", "m", N);
    build_and_publish(set, 0);
    assert_ok(rg_set_save(set));
    rg_set_close(&set);
    allow_writing(*state, 0);
    return 0;
}

static int remove_set(void **state)
{
    allow_writing(*state, 1);
    return folder_remove(state);
}

static void searches_work(void **state)
{
    run_as_nobody(search_all, *state);
}

static void changes_are_refused(void **state)
{
    run_as_nobody(change_nothing, *state);
    allow_writing(*state, 1);
    rg_set_t *set = open_indexed(*state, "HNSW16");
    assert_int_equal(count_of(set), N);
    assert_ok(add(set, "m", N, 1, NULL));
    rg_set_close(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(searches_work, make_set, remove_set),
        cmocka_unit_test_setup_teardown(changes_are_refused, make_set, remove_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
