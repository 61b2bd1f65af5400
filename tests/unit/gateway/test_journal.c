// Journals as readers see them who come back.
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

#include <jansson.h>

#include "services/gateway/journal.h"
#include "tests/support/folder.h"
#include "tests/support/result.h"

static void put(void *folder, const char *mode, const char *text)
{
    char path[600];
    snprintf(path, sizeof path, "%s/metrics.jsonl", (char *)folder);
    FILE *file = fopen(path, mode);
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static json_t *view(void *folder, uint64_t from)
{
    char path[600], *text;
    snprintf(path, sizeof path, "%s/metrics.jsonl", (char *)folder);
    assert_ok(rg_journal_view(path, from, &text));
    json_t *object = json_loads(text, 0, NULL);
    if (!object) fail_msg("no JSON: %s", text);
    free(text);
    return object;
}

static void assert_view(void *folder, uint64_t from, json_int_t next, int more, int anew, size_t lines)
{
    json_t *object = view(folder, from);
    assert_int_equal(json_integer_value(json_object_get(object, "next")), next);
    assert_int_equal(json_is_true(json_object_get(object, "more")), more);
    assert_int_equal(json_is_true(json_object_get(object, "anew")), anew);
    assert_int_equal(json_array_size(json_object_get(object, "lines")), lines);
    json_decref(object);
}

static void what_is_not_there_is_empty(void **state)
{
    assert_view(*state, 0, 0, 0, 0, 0);
    assert_view(*state, 5, 0, 0, 1, 0);
}

static void whole_lines_are_told_once(void **state)
{
    put(*state, "w", "{\"a\":1}\n{\"a\":2}\n");
    assert_view(*state, 0, 16, 0, 0, 2);
    assert_view(*state, 16, 16, 0, 0, 0);
    put(*state, "a", "{\"a\":3}\n");
    assert_view(*state, 16, 24, 0, 0, 1);
}

static void a_torn_line_waits_for_its_end(void **state)
{
    put(*state, "w", "{\"a\":1}\n{\"a\":");
    assert_view(*state, 0, 8, 0, 0, 1);
    assert_view(*state, 8, 8, 0, 0, 0);
    put(*state, "a", "2}\n");
    assert_view(*state, 8, 16, 0, 0, 1);
}

static void broken_lines_are_left_out(void **state)
{
    put(*state, "w", "{\"a\":1}\n{\"a\":\nnonsense\n[1]\n\n7\n{\"a\":\xff}\n{\"a\":2}\n");
    json_t *object = view(*state, 0), *lines = json_object_get(object, "lines");
    assert_int_equal(json_array_size(lines), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(lines, 1), "a")), 2);
    json_decref(object);
}

static void a_shorter_file_is_told_anew(void **state)
{
    put(*state, "w", "{\"a\":1}\n{\"a\":2}\n");
    assert_view(*state, 16, 16, 0, 0, 0);
    put(*state, "w", "{\"b\":1}\n");
    assert_view(*state, 16, 8, 0, 1, 1);
}

static void from_within_a_line_goes_on_with_the_next(void **state)
{
    put(*state, "w", "{\"a\":1}\n{\"a\":2}\n");
    assert_view(*state, 3, 16, 0, 0, 1);
}

static void large_ones_come_in_parts(void **state)
{
    char line[200];
    put(*state, "w", "");
    for (int i = 0; i < 10000; i++) {
        snprintf(line, sizeof line, "{\"iteration\":%d,\"text\":\"%0100d\"}\n", i, i);
        put(*state, "a", line);
    }
    uint64_t from = 0;
    size_t lines = 0;
    for (int more = 1; more;) {
        json_t *object = view(*state, from);
        uint64_t next = (uint64_t)json_integer_value(json_object_get(object, "next"));
        assert_in_range(next - from, 1, RG_JOURNAL_VIEW);
        lines += json_array_size(json_object_get(object, "lines"));
        more = json_is_true(json_object_get(object, "more"));
        from = next;
        json_decref(object);
    }
    assert_int_equal(lines, 10000);
}

static void a_line_beyond_a_part_is_passed_over(void **state)
{
    put(*state, "w", "{\"a\":\"");
    for (int i = 0; i < 3 * RG_JOURNAL_VIEW / 64; i++)
        put(*state, "a", "0123456789012345678901234567890123456789012345678901234567890123");
    put(*state, "a", "\"}\n{\"b\":1}\n");
    uint64_t from = 0;
    size_t lines = 0;
    for (int i = 0; i < 5; i++) {
        json_t *object = view(*state, from);
        from = (uint64_t)json_integer_value(json_object_get(object, "next"));
        lines += json_array_size(json_object_get(object, "lines"));
        json_decref(object);
    }
    assert_int_equal(lines, 1);
}

static void links_are_not_followed(void **state)
{
    char path[600], *text;
    snprintf(path, sizeof path, "%s/metrics.jsonl", (char *)*state);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_fails(rg_journal_view(path, 0, &text), RG_EIO, path);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_make, folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(what_is_not_there_is_empty),    IN_FOLDER(whole_lines_are_told_once),
        IN_FOLDER(a_torn_line_waits_for_its_end), IN_FOLDER(broken_lines_are_left_out),
        IN_FOLDER(a_shorter_file_is_told_anew),   IN_FOLDER(from_within_a_line_goes_on_with_the_next),
        IN_FOLDER(large_ones_come_in_parts),      IN_FOLDER(a_line_beyond_a_part_is_passed_over),
        IN_FOLDER(links_are_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
