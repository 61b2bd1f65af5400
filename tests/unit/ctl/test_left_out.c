#include "services/ctl/left_out.h"
#include "tests/support/test.h"

static void count(rg_left_out_t *left_out, int n, const char *name)
{
    for (int i = 0; i < n; i++) rg_left_out_count(left_out, name);
}

static void assert_format(const rg_left_out_t *left_out, const char *want)
{
    char text[RG_LEFT_OUT_TEXT];
    rg_left_out_format(left_out, text);
    assert_string_equal(text, want);
}

static void test_kinds_by_count(void **state)
{
    (void)state;
    rg_left_out_t left_out = {0};
    assert_format(&left_out, "");
    count(&left_out, 3, "a.HEIC");
    assert_format(&left_out, "3 others left out: 3 .heic (convert .heic to JPEG, PNG or WebP)");
    count(&left_out, 9, "a.b.txt");
    assert_format(&left_out, "12 others left out: 9 .txt, 3 .heic (convert .heic to JPEG, PNG or WebP)");
    json_t *object = rg_left_out_json(&left_out);
    assert_int_equal(json_integer_value(json_object_get(object, ".txt")), 9);
    assert_int_equal(json_integer_value(json_object_get(object, ".heic")), 3);
    assert_int_equal(json_object_size(object), 2);
    json_decref(object);
}

// What cannot be shown as a kind: no end, a long one, one with bytes that a terminal would act on.
static void test_other_kinds(void **state)
{
    (void)state;
    static const char *const names[] = {"README", "a.", "a.averyveryverylongend", "a.\x1b[2J", "a.\xe4"};
    rg_left_out_t left_out = {0};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) rg_left_out_count(&left_out, names[i]);
    assert_format(&left_out, "5 others left out: 5 of other kinds");
    count(&left_out, 1, "x.csv");
    assert_format(&left_out, "6 others left out: 1 .csv, 5 of other kinds");
}

static void test_many_kinds(void **state)
{
    (void)state;
    rg_left_out_t left_out = {0};
    char text[RG_LEFT_OUT_TEXT], name[16];
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "x.%010d", i);
        rg_left_out_count(&left_out, name);
    }
    rg_left_out_format(&left_out, text);
    assert_non_null(strstr(text, "100 others left out: 1 .0000000000, 1 .0000000001"));
    assert_non_null(strstr(text, ", 94 of other kinds"));
    json_t *object = rg_left_out_json(&left_out);
    assert_int_equal(json_integer_value(json_object_get(object, "other")), 100 - RG_LEFT_OUT_KINDS);
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds_by_count),
        cmocka_unit_test(test_other_kinds),
        cmocka_unit_test(test_many_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
