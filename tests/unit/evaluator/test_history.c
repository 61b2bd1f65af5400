#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/core/alloc.h"
#include "common/core/file.h"
#include "services/evaluator/history.h"
#include "tests/support/folder.h"
#include "tests/support/result.h"

static char path[600];

static int make_folder(void **state)
{
    int failed = folder_make(state);
    snprintf(path, sizeof path, "%s/evaluations.jsonl", (char *)*state);
    return failed;
}

static int forget(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

static rg_report_t *protocol(const char *weights)
{
    rg_report_t *report;
    rg_report_new(&report);
    rg_report_text(report, "weights", "%s", weights);
    rg_report_integer(report, "images", 96);
    return report;
}

static void append(const char *weights, double accuracy)
{
    rg_report_t *report = protocol(weights);
    rg_report_number(report, accuracy, "accuracy");
    assert_ok(rg_history_append(report, path));
    rg_report_destroy(&report);
}

static void recalls(const char *weights, const char *accuracy)
{
    rg_report_t *report = protocol(weights);
    assert_int_equal(rg_history_recall(report, path), accuracy != NULL);
    char *line = rg_report_json_line(report),
         *expected = rg_format("{\"weights\":\"%s\",\"images\":96%s%s}", weights,
                               accuracy ? ",\"accuracy\":" : "", accuracy ? accuracy : "");
    assert_string_equal(line, expected);
    free(line);
    free(expected);
    rg_report_destroy(&report);
}

static void recalls_the_same_protocol(void **state)
{
    (void)state;
    recalls("ab", NULL); // no file yet
    append("ab", 0.5);
    append("cd", 0.25);
    recalls("ab", "0.5");
    recalls("cd", "0.25");
    recalls("ef", NULL);
    append("ab", 0.75);
    recalls("ab", "0.75"); // the last
}

static void lines_that_cannot_be_read_are_none(void **state)
{
    (void)state;
    static const char spoilt[] =
        "\n[1]\n7\n{\"weights\": \"ab\"}\n\xff\xfe\n{\"weights\":\"ab\",\"images\":96,\"accu";
    append("ab", 0.5);
    assert_ok(rg_file_write(path, spoilt, sizeof spoilt - 1));
    recalls("ab", NULL);
    append("ab", 0.5); // on a line of its own
    recalls("ab", "0.5");
}

static void says_where_it_cannot_write(void **state)
{
    (void)state;
    char *under_a_file = rg_format("%s/y", path);
    rg_report_t *report = protocol("ab");
    append("ab", 0.5);
    assert_fails(rg_history_append(report, under_a_file), RG_EIO, path);
    rg_report_destroy(&report);
    free(under_a_file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(recalls_the_same_protocol, forget),
        cmocka_unit_test_teardown(lines_that_cannot_be_read_are_none, forget),
        cmocka_unit_test_teardown(says_where_it_cannot_write, forget),
    };
    return cmocka_run_group_tests(tests, make_folder, folder_remove);
}
