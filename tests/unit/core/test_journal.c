// Journals: lines are added, and one that was cut off does not spoil the next.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/journal.h"
#include "tests/support/folder.h"

static char path[600];

static int make_folder(void **state)
{
    int failed = folder_make(state);
    snprintf(path, sizeof path, "%s/journal", (char *)*state);
    return failed;
}

static void add(const char *line)
{
    rg_journal_t journal;
    assert_int_equal(rg_journal_open(&journal, path), 0);
    assert_int_equal(rg_journal_add(&journal, line), 0);
    assert_int_equal(rg_journal_sync(&journal), 0);
    rg_journal_close(&journal);
}

static void assert_says(const char *want)
{
    unsigned char *text;
    size_t size;
    assert_int_equal(rg_file_read(path, 1000, &text, &size), 0);
    assert_string_equal((char *)text, want);
    free(text);
}

static void lines_are_added(void **state)
{
    (void)state;
    add("one");
    add("two");
    assert_says("one\ntwo\n");
}

static void a_cut_line_is_ended(void **state)
{
    (void)state;
    assert_int_equal(rg_file_write(path, "one\ntw", 6), 0);
    add("three");
    assert_says("one\ntw\nthree\n");
}

static void what_cannot_be_added_to_is_named(void **state)
{
    rg_journal_t journal;
    assert_int_equal(rg_journal_open(&journal, *state), RG_EIO); // a folder
    assert_non_null(strstr(rg_error(), *state));
    assert_int_equal(rg_journal_open(&journal, "/dev/full"), 0);
    assert_int_equal(rg_journal_add(&journal, "one"), RG_EFULL);
    rg_journal_close(&journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_are_added, make_folder, folder_remove),
        cmocka_unit_test_setup_teardown(a_cut_line_is_ended, make_folder, folder_remove),
        cmocka_unit_test_setup_teardown(what_cannot_be_added_to_is_named, make_folder, folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
