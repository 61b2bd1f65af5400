// The text of progress lines and durations.
#include <string.h>

#include "services/ctl/output.h"
#include "tests/support/test.h"

static void assert_duration(double seconds, const char *want)
{
    char text[RG_DURATION_SIZE];
    rg_duration_format(seconds, text);
    assert_string_equal(text, want);
}

static void test_durations(void **state)
{
    (void)state;
    assert_duration(0, "0s");
    assert_duration(59.4, "59s");
    assert_duration(59.6, "1m00s");
    assert_duration(185, "3m05s");
    assert_duration(7620, "2h07m");
    assert_duration(3 * 86400 + 4 * 3600, "3d04h");
    assert_duration(-1, "?");
    assert_duration(0.0 / 0.0, "?");
    assert_duration(1e300, "92592d14h");
}

static void assert_line(const rg_progress_line_t *line, int bar, int width, const char *want)
{
    char text[RG_PROGRESS_SIZE];
    rg_progress_format(line, bar, width, text);
    assert_string_equal(text, want);
}

static void test_plain_line(void **state)
{
    (void)state;
    assert_line(&(rg_progress_line_t){"add-images", 450, 1000, "images", 123.4, 4.4, "3 refused"}, 0, 0,
                "add-images  45% 450/1000  123 images/s  4s left  3 refused");
    assert_line(&(rg_progress_line_t){"stage1", 0, 0, "images", -1, -1, "starting"}, 0, 0,
                "stage1  starting");
    assert_line(&(rg_progress_line_t){"stage1", 7, 0, "images", 2.5, -1, NULL}, 0, 0,
                "stage1 7  2.5 images/s");
}

static void test_bar(void **state)
{
    (void)state;
    assert_line(&(rg_progress_line_t){"x", 0, 4, "y", -1, -1, NULL}, 1, 0,
                "x [>                       ]   0% 0/4");
    assert_line(&(rg_progress_line_t){"x", 2, 4, "y", -1, -1, NULL}, 1, 0,
                "x [============>           ]  50% 2/4");
    assert_line(&(rg_progress_line_t){"x", 4, 4, "y", -1, -1, NULL}, 1, 0,
                "x [========================] 100% 4/4");
    // More is done than was announced, because files appeared meanwhile.
    assert_line(&(rg_progress_line_t){"x", 9, 4, "y", -1, -1, NULL}, 1, 0,
                "x [========================] 100% 9/4");
}

static void test_line_is_cut_to_the_width(void **state)
{
    char note[400];
    char text[RG_PROGRESS_SIZE];
    (void)state;
    memset(note, 'n', sizeof note - 1);
    note[sizeof note - 1] = 0;
    rg_progress_line_t line = {"label", 1, 2, "images", 1, 1, note};
    rg_progress_format(&line, 1, 40, text);
    assert_int_equal(strlen(text), 40);
    rg_progress_format(&line, 0, 0, text);
    assert_int_equal(strlen(text), RG_PROGRESS_SIZE - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_plain_line),
        cmocka_unit_test(test_bar),
        cmocka_unit_test(test_line_is_cut_to_the_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
