// Which runs are found, and which names are one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/core/file.h"
#include "services/gateway/runs.h"
#include "tests/support/folder.h"
#include "tests/support/result.h"

// A run in base, or only its folder.
static void make_run(void *base, const char *name, int with_metrics)
{
    char path[700];
    snprintf(path, sizeof path, "%s/%s", (char *)base, name);
    assert_ok(rg_mkdirs(path));
    strcat(path, "/metrics.jsonl");
    if (with_metrics) assert_ok(rg_file_write(path, "{}\n", 3));
}

static int has(const rg_runs_t *runs, const char *name)
{
    for (int i = 0; i < runs->n; i++)
        if (strcmp(runs->entry[i].name, name) == 0) return 1;
    return 0;
}

static void open_runs(void *base, rg_runs_t *runs)
{
    char path[700];
    snprintf(path, sizeof path, "%s/served/", (char *)base);
    assert_ok(rg_runs_open(runs, path));
}

static void runs_are_found_where_they_may_lie(void **state)
{
    rg_runs_t runs;
    make_run(*state, "served", 0);
    make_run(*state, "served/experiment/table2/seed1", 1);
    make_run(*state, "served/experiment/a/b/c/d", 1);
    make_run(*state, "served/experiment/a/b/c/d/e", 1);
    make_run(*state, "served/elsewhere/x", 1);
    make_run(*state, "beside", 1);
    make_run(*state, "beside/experiment/t", 1);
    make_run(*state, "no-run", 0);
    make_run(*state, "no-run/experiment/t", 1);
    make_run(*state, ".hidden", 1);
    open_runs(*state, &runs);
    assert_string_equal(runs.entry[0].name, "served");
    assert_true(runs.entry[0].served && runs.entry[0].modified_ms == 0);
    assert_int_equal(runs.n, 5);
    assert_true(has(&runs, "served/experiment/table2/seed1") && has(&runs, "served/experiment/a/b/c/d"));
    assert_true(has(&runs, "beside") && has(&runs, "beside/experiment/t"));
    rg_runs_close(&runs);
}

static void links_are_not_followed(void **state)
{
    rg_runs_t runs;
    char to[700], from[700];
    make_run(*state, "served", 1);
    make_run(*state, "outside/run", 1);
    snprintf(to, sizeof to, "%s/outside/run", (char *)*state);
    snprintf(from, sizeof from, "%s/link", (char *)*state);
    assert_int_equal(symlink(to, from), 0);
    make_run(*state, "served/experiment", 0);
    snprintf(from, sizeof from, "%s/served/experiment/link", (char *)*state);
    assert_int_equal(symlink(to, from), 0);
    make_run(*state, "linked-metrics", 0);
    snprintf(from, sizeof from, "%s/linked-metrics/metrics.jsonl", (char *)*state);
    assert_int_equal(symlink("/etc/passwd", from), 0);
    open_runs(*state, &runs);
    assert_int_equal(runs.n, 1);
    rg_runs_close(&runs);
}

static void only_listed_names_have_a_path(void **state)
{
    rg_runs_t runs;
    char *path = NULL, want[700];
    static const char *const bad[] = {"",
                                      ".",
                                      "..",
                                      "../served",
                                      "served/",
                                      "./served",
                                      "served/../served",
                                      "/etc",
                                      "Served",
                                      "beside/experiment",
                                      "served/experiment/../../beside"};
    make_run(*state, "served", 1);
    make_run(*state, "beside", 1);
    open_runs(*state, &runs);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_fails(rg_runs_path(&runs, bad[i], "metrics.jsonl", &path), RG_ENOENT, "no such run");
    assert_ok(rg_runs_path(&runs, NULL, "samples", &path));
    snprintf(want, sizeof want, "%s/served/samples", runs.base);
    assert_string_equal(path, want);
    free(path);
    assert_ok(rg_runs_path(&runs, "beside", "samples", &path));
    free(path);
    rg_runs_close(&runs);
}

static void there_are_not_too_many(void **state)
{
    rg_runs_t runs;
    char name[40];
    make_run(*state, "served", 1);
    for (int i = 0; i < RG_RUNS_MAX + 20; i++) {
        snprintf(name, sizeof name, "beside-%d", i);
        make_run(*state, name, 1);
    }
    open_runs(*state, &runs);
    assert_int_equal(runs.n, RG_RUNS_MAX);
    for (int i = 2; i < runs.n; i++) assert_true(runs.entry[i - 1].modified_ms >= runs.entry[i].modified_ms);
    rg_runs_close(&runs);
}

static void a_run_that_is_no_folder_is_told(void **state)
{
    rg_runs_t runs;
    char path[700];
    snprintf(path, sizeof path, "%s/nothing", (char *)*state);
    assert_ok(rg_file_write(path, "{}\n", 3));
    assert_fails(rg_runs_open(&runs, path), RG_EIO, path);
}

static void a_run_may_come_later(void **state)
{
    rg_runs_t runs;
    char path[700];
    make_run(*state, "beside", 1);
    snprintf(path, sizeof path, "%s/later/", (char *)*state);
    assert_ok(rg_runs_open(&runs, path));
    assert_int_equal(runs.n, 2);
    assert_string_equal(runs.entry[0].name, "later");
    assert_true(runs.entry[0].served && runs.entry[0].modified_ms == 0);
    rg_runs_close(&runs);
    make_run(*state, "later", 1);
    assert_ok(rg_runs_open(&runs, path));
    assert_int_equal(runs.n, 2);
    assert_true(runs.entry[0].modified_ms > 0);
    rg_runs_close(&runs);
    assert_ok(rg_runs_open(&runs, "nowhere/later"));
    assert_string_equal(runs.entry[0].name, "later");
    rg_runs_close(&runs);
    assert_ok(rg_runs_open(&runs, "later"));
    assert_string_equal(runs.base, ".");
    rg_runs_close(&runs);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_make, folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(runs_are_found_where_they_may_lie),
        IN_FOLDER(links_are_not_followed),
        IN_FOLDER(only_listed_names_have_a_path),
        IN_FOLDER(there_are_not_too_many),
        IN_FOLDER(a_run_may_come_later),
        IN_FOLDER(a_run_that_is_no_folder_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
