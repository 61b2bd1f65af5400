// The files of runs: which runs are found, parts of journals, and pictures.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "common/core/file.h"
#include "services/gateway/run_files.h"
#include "tests/support/test.h"

// ---- runs

// Makes a run in base; without metrics it is only a folder.
static void make_run(void *base, const char *name, int with_metrics)
{
    char path[700];
    snprintf(path, sizeof path, "%s/%s", (char *)base, name);
    assert_ok(rg_mkdirs(path));
    strcat(path, "/metrics.jsonl");
    if (with_metrics) assert_ok(rg_file_write(path, "{}\n", 3));
}

static int has_run(const rg_runs_t *runs, const char *name)
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

static void runs_are_found_beside_the_served_one_and_in_experiments(void **state)
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
    assert_true(has_run(&runs, "served/experiment/table2/seed1") &&
                has_run(&runs, "served/experiment/a/b/c/d"));
    assert_true(has_run(&runs, "beside") && has_run(&runs, "beside/experiment/t"));
    rg_runs_close(&runs);
}

static void links_to_runs_are_not_followed(void **state)
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

static void the_number_of_runs_is_bounded(void **state)
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

static void a_run_that_is_not_a_folder_is_an_error(void **state)
{
    rg_runs_t runs;
    char path[700];
    snprintf(path, sizeof path, "%s/nothing", (char *)*state);
    assert_ok(rg_file_write(path, "{}\n", 3));
    assert_fails(rg_runs_open(&runs, path), RG_EIO, path);
}

static void the_served_run_may_appear_later(void **state)
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

// ---- journals

static void journal_put(void *folder, const char *mode, const char *text)
{
    char path[600];
    snprintf(path, sizeof path, "%s/metrics.jsonl", (char *)folder);
    FILE *file = fopen(path, mode);
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static json_t *journal_view(void *folder, uint64_t from)
{
    char path[600], *text;
    snprintf(path, sizeof path, "%s/metrics.jsonl", (char *)folder);
    assert_ok(rg_journal_read_part(path, from, &text));
    json_t *object = json_loads(text, 0, NULL);
    if (!object) fail_msg("no JSON: %s", text);
    free(text);
    return object;
}

static void assert_part(void *folder, uint64_t from, json_int_t next, int more, int restarted, size_t lines)
{
    json_t *object = journal_view(folder, from);
    assert_int_equal(json_integer_value(json_object_get(object, "next")), next);
    assert_int_equal(json_is_true(json_object_get(object, "more")), more);
    assert_int_equal(json_is_true(json_object_get(object, "restarted")), restarted);
    assert_int_equal(json_array_size(json_object_get(object, "lines")), lines);
    json_decref(object);
}

static void a_missing_journal_is_empty(void **state)
{
    assert_part(*state, 0, 0, 0, 0, 0);
    assert_part(*state, 5, 0, 0, 1, 0);
}

static void complete_lines_are_sent_once(void **state)
{
    journal_put(*state, "w", "{\"a\":1}\n{\"a\":2}\n");
    assert_part(*state, 0, 16, 0, 0, 2);
    assert_part(*state, 16, 16, 0, 0, 0);
    journal_put(*state, "a", "{\"a\":3}\n");
    assert_part(*state, 16, 24, 0, 0, 1);
}

static void a_torn_line_waits_for_its_end(void **state)
{
    journal_put(*state, "w", "{\"a\":1}\n{\"a\":");
    assert_part(*state, 0, 8, 0, 0, 1);
    assert_part(*state, 8, 8, 0, 0, 0);
    journal_put(*state, "a", "2}\n");
    assert_part(*state, 8, 16, 0, 0, 1);
}

static void broken_lines_are_left_out(void **state)
{
    journal_put(*state, "w", "{\"a\":1}\n{\"a\":\nnonsense\n[1]\n\n7\n{\"a\":\xff}\n{\"a\":2}\n");
    json_t *object = journal_view(*state, 0), *lines = json_object_get(object, "lines");
    assert_int_equal(json_array_size(lines), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(lines, 1), "a")), 2);
    json_decref(object);
}

static void a_shorter_file_is_sent_from_its_beginning(void **state)
{
    journal_put(*state, "w", "{\"a\":1}\n{\"a\":2}\n");
    assert_part(*state, 16, 16, 0, 0, 0);
    journal_put(*state, "w", "{\"b\":1}\n");
    assert_part(*state, 16, 8, 0, 1, 1);
}

static void an_offset_within_a_line_continues_with_the_next_line(void **state)
{
    journal_put(*state, "w", "{\"a\":1}\n{\"a\":2}\n");
    assert_part(*state, 3, 16, 0, 0, 1);
}

static void large_journals_come_in_parts(void **state)
{
    char line[200];
    journal_put(*state, "w", "");
    for (int i = 0; i < 10000; i++) {
        snprintf(line, sizeof line, "{\"iteration\":%d,\"text\":\"%0100d\"}\n", i, i);
        journal_put(*state, "a", line);
    }
    uint64_t from = 0;
    size_t lines = 0;
    for (int more = 1; more;) {
        json_t *object = journal_view(*state, from);
        uint64_t next = (uint64_t)json_integer_value(json_object_get(object, "next"));
        assert_in_range(next - from, 1, RG_JOURNAL_PART);
        lines += json_array_size(json_object_get(object, "lines"));
        more = json_is_true(json_object_get(object, "more"));
        from = next;
        json_decref(object);
    }
    assert_int_equal(lines, 10000);
}

static void a_line_longer_than_a_part_is_skipped(void **state)
{
    journal_put(*state, "w", "{\"a\":\"");
    for (int i = 0; i < 3 * RG_JOURNAL_PART / 64; i++)
        journal_put(*state, "a", "0123456789012345678901234567890123456789012345678901234567890123");
    journal_put(*state, "a", "\"}\n{\"b\":1}\n");
    uint64_t from = 0;
    size_t lines = 0;
    for (int i = 0; i < 5; i++) {
        json_t *object = journal_view(*state, from);
        from = (uint64_t)json_integer_value(json_object_get(object, "next"));
        lines += json_array_size(json_object_get(object, "lines"));
        json_decref(object);
    }
    assert_int_equal(lines, 1);
}

static void links_to_journals_are_not_followed(void **state)
{
    char path[600], *text;
    snprintf(path, sizeof path, "%s/metrics.jsonl", (char *)*state);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_fails(rg_journal_read_part(path, 0, &text), RG_EIO, path);
}

// ---- samples

static void names_of_samples_are_parsed(void **state)
{
    (void)state;
    static const struct {
        const char *name, *stage;
        int64_t iteration;
    } cases[] = {{"stage1-0000400.png", "stage1", 400},
                 {"eval-stage3.png", "stage3", -1},
                 {"eval-stage3-Black_Hair.png", "stage3", -1},
                 {"other.png", "other", -1},
                 {"a-b-7.png", "a-b", 7},
                 {"a-99999999999999999999.png", "a-99999999999999999999", -1}};
    rg_sample_t sample;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(rg_sample_parse(cases[i].name, &sample));
        assert_int_equal(sample.stage_size, strlen(cases[i].stage));
        assert_memory_equal(sample.stage, cases[i].stage, strlen(cases[i].stage));
        assert_true(sample.iteration == cases[i].iteration);
    }
}

static void other_names_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",           ".png",        "..png", "../x.png", "a/b.png",
                                      "/etc/x.png", ".hidden.png", "x.jpg", "x.png ",   "x"};
    rg_sample_t sample;
    char longest[RG_SAMPLES_NAME + 10];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(rg_sample_parse(bad[i], &sample));
    memset(longest, 'a', sizeof longest);
    strcpy(longest + RG_SAMPLES_NAME, ".png");
    assert_false(rg_sample_parse(longest, &sample));
}

static void sample_put(void *folder, const char *name)
{
    char path[700];
    snprintf(path, sizeof path, "%s/%s", (char *)folder, name);
    assert_ok(rg_file_write(path, "png", 3));
}

static void samples_are_listed_in_order(void **state)
{
    static const char *const want[] = {"stage1-0000400.png", "stage1-0001200.png",   "eval-stage1.png",
                                       "stage3-0000010.png", "eval-stage3-Male.png", "eval-stage3.png"};
    for (size_t i = 6; i-- > 0;) sample_put(*state, want[i]);
    sample_put(*state, "notes.txt");
    char path[700];
    snprintf(path, sizeof path, "%s/link.png", (char *)*state);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    json_t *object = rg_samples_json(*state), *samples = json_object_get(object, "samples");
    assert_int_equal(json_array_size(samples), 6);
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(json_string_value(json_object_get(json_array_get(samples, i), "name")), want[i]);
    assert_true(json_is_null(json_object_get(json_array_get(samples, 2), "iteration")));
    json_decref(object);
    object = rg_samples_json("/nowhere");
    assert_int_equal(json_array_size(json_object_get(object, "samples")), 0);
    json_decref(object);
}

static void only_regular_files_are_opened(void **state)
{
    int fd = -1;
    size_t size = 0;
    int64_t modified;
    char path[700];
    sample_put(*state, "stage1-1.png");
    assert_ok(rg_sample_open(*state, "stage1-1.png", &fd, &size, &modified));
    assert_int_equal(size, 3);
    close(fd);
    snprintf(path, sizeof path, "%s/link.png", (char *)*state);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    snprintf(path, sizeof path, "%s/folder.png", (char *)*state);
    assert_ok(rg_mkdirs(path));
    snprintf(path, sizeof path, "%s/pipe.png", (char *)*state);
    assert_int_equal(mkfifo(path, 0600), 0);
    static const char *const bad[] = {"link.png", "folder.png", "pipe.png", "nothing.png", "../stage1-1.png"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_fails(rg_sample_open(*state, bad[i], &fd, &size, &modified), RG_ENOENT, "no such picture");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(runs_are_found_beside_the_served_one_and_in_experiments),
        IN_FOLDER(links_to_runs_are_not_followed),
        IN_FOLDER(only_listed_names_have_a_path),
        IN_FOLDER(the_number_of_runs_is_bounded),
        IN_FOLDER(the_served_run_may_appear_later),
        IN_FOLDER(a_run_that_is_not_a_folder_is_an_error),
        IN_FOLDER(a_missing_journal_is_empty),
        IN_FOLDER(complete_lines_are_sent_once),
        IN_FOLDER(a_torn_line_waits_for_its_end),
        IN_FOLDER(broken_lines_are_left_out),
        IN_FOLDER(a_shorter_file_is_sent_from_its_beginning),
        IN_FOLDER(an_offset_within_a_line_continues_with_the_next_line),
        IN_FOLDER(large_journals_come_in_parts),
        IN_FOLDER(a_line_longer_than_a_part_is_skipped),
        IN_FOLDER(links_to_journals_are_not_followed),
        cmocka_unit_test(names_of_samples_are_parsed),
        cmocka_unit_test(other_names_are_refused),
        IN_FOLDER(samples_are_listed_in_order),
        IN_FOLDER(only_regular_files_are_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
