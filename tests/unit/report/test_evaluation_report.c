#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/file.h"
#include "common/report/evaluation_report.h"
#include "tests/support/test.h"

static char path[600], history[600];

static int set_up(void **state)
{
    int failed = folder_make(state);
    snprintf(path, sizeof path, "%s/reports/x.json", (char *)*state);
    snprintf(history, sizeof history, "%s/evaluations.jsonl", (char *)*state);
    return failed;
}

static rg_report_t *new_report(const char *weights)
{
    rg_report_t *report;
    rg_report_new(&report);
    rg_report_text(report, "weights", "%s", weights);
    rg_report_integer(report, "images", 96);
    return report;
}

static void keeps_the_order_and_leaves_out_nan(void **state)
{
    (void)state;
    rg_report_t *report = new_report("ab");
    rg_report_number(report, 0.25, "p%d.%s", 10, "trained");
    rg_report_number(report, NAN, "nothing");
    char *json = rg_report_json(report);
    assert_string_equal(json, "{\n  \"weights\": \"ab\",\n  \"images\": 96,\n  \"p10.trained\": 0.25\n}");
    free(json);
    rg_report_destroy(&report);
    assert_null(report);
    rg_report_destroy(&report);
}

static void an_error_names_the_path_that_cannot_be_written(void **state)
{
    (void)state;
    rg_report_t *report = new_report("ab");
    char *under_a_file = rg_format("%s/y.json", path);
    assert_ok(rg_report_write(report, path));
    assert_fails(rg_report_write(report, under_a_file), RG_EIO, path);
    free(under_a_file);
    rg_report_destroy(&report);
}

// ---- all reports of a run

static int remove_history(void **state)
{
    (void)state;
    unlink(history);
    return 0;
}

static void append_report(const char *weights, double accuracy)
{
    rg_report_t *report = new_report(weights);
    rg_report_number(report, accuracy, "accuracy");
    assert_ok(rg_report_append(report, history));
    rg_report_destroy(&report);
}

static void recall_gives(const char *weights, const char *accuracy)
{
    rg_report_t *report = new_report(weights);
    assert_int_equal(rg_report_recall(report, history), accuracy != NULL);
    char *json = rg_report_json(report),
         *expected = rg_format("{\n  \"weights\": \"%s\",\n  \"images\": 96%s%s\n}", weights,
                               accuracy ? ",\n  \"accuracy\": " : "", accuracy ? accuracy : "");
    assert_string_equal(json, expected);
    free(json);
    free(expected);
    rg_report_destroy(&report);
}

static void recalls_the_same_protocol(void **state)
{
    (void)state;
    recall_gives("ab", NULL); // no file yet
    append_report("ab", 0.5);
    append_report("cd", 0.25);
    recall_gives("ab", "0.5");
    recall_gives("cd", "0.25");
    recall_gives("ef", NULL);
    append_report("ab", 0.75);
    recall_gives("ab", "0.75"); // the last
}

static void lines_that_cannot_be_read_are_skipped(void **state)
{
    (void)state;
    static const char spoilt[] =
        "\n[1]\n7\n{\"weights\": \"ab\"}\n\xff\xfe\n{\"weights\":\"ab\",\"images\":96,\"accu";
    append_report("ab", 0.5);
    assert_ok(rg_file_write(history, spoilt, sizeof spoilt - 1));
    recall_gives("ab", NULL);
    append_report("ab", 0.5); // on a line of its own
    recall_gives("ab", "0.5");
}

static void an_error_names_the_history_that_cannot_be_written(void **state)
{
    (void)state;
    char *under_a_file = rg_format("%s/y", history);
    rg_report_t *report = new_report("ab");
    append_report("ab", 0.5);
    assert_fails(rg_report_append(report, under_a_file), RG_EIO, history);
    rg_report_destroy(&report);
    free(under_a_file);
}

// ---- comparing

static void compares_only_equal_protocols(void **state)
{
    (void)state;
    json_t *a = json_pack("{s:s, s:i, s:s}", "split", "test", "images", 96, "weights", "ab"),
           *b = json_pack("{s:s, s:i, s:s}", "split", "test", "images", 96, "weights", "cd");
    assert_ok(rg_report_comparable(a, b));
    json_object_set_new(b, "images", json_integer(95));
    assert_fails(rg_report_comparable(a, b), RG_EMODEL,
                 "the reports cannot be compared: images is 96 in one and 95 in the other");
    json_object_del(b, "images");
    assert_fails(rg_report_comparable(a, b), RG_EMODEL,
                 "the reports cannot be compared: images is 96 in one and missing in the other");
    json_object_set_new(b, "images", json_integer(96));
    json_object_set_new(b, "inference_precision", json_string("bf16"));
    assert_fails(rg_report_comparable(a, b), RG_EMODEL,
                 "inference_precision is missing in one and \"bf16\" in the other");
    json_object_del(b, "inference_precision");
    json_object_set_new(b, "extractor", json_string("other"));
    assert_fails(rg_report_comparable(a, b), RG_EMODEL,
                 "extractor is missing in one and \"other\" in the other");
    json_object_set_new(a, "extractor", json_string("other"));
    json_object_set_new(a, "iteration", json_integer(5)); // not part of the protocol
    assert_ok(rg_report_comparable(a, b));
    assert_ok(rg_report_comparable(b, a));
    json_decref(a);
    json_decref(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(recalls_the_same_protocol, remove_history),
        cmocka_unit_test_teardown(lines_that_cannot_be_read_are_skipped, remove_history),
        cmocka_unit_test_teardown(an_error_names_the_history_that_cannot_be_written, remove_history),
        cmocka_unit_test(compares_only_equal_protocols),
        cmocka_unit_test(keeps_the_order_and_leaves_out_nan),
        cmocka_unit_test(an_error_names_the_path_that_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, set_up, folder_remove);
}
