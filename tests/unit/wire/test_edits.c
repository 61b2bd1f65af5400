// Edits: parsing, exclusive attributes, domains.
#include <string.h>

#include "common/core/err.h"
#include "common/wire/edits.h"
#include "tests/support/test.h"

enum { BLACK, BLOND, BROWN, MALE, YOUNG };

static int setup(void **state)
{
    static rg_config_t config;
    rg_config_init(&config);
    *state = &config;
    return 0;
}

static void assert_values(const rg_edits_t *edits, const int want[5])
{
    for (int i = 0; i < 5; i++) assert_int_equal(edits->value[i], want[i]);
}

static void test_unnamed_stay_as_the_source(void **state)
{
    rg_edits_t edits;
    assert_int_equal(rg_edits_parse(&edits, *state, "Young=0"), 0);
    assert_values(&edits, (int[]){-1, -1, -1, -1, 0});
}

static void test_exclusive_clears_the_others(void **state)
{
    rg_edits_t edits;
    assert_int_equal(rg_edits_parse(&edits, *state, "Blond_Hair=1,Young=0"), 0);
    assert_values(&edits, (int[]){0, 1, 0, -1, 0});
    assert_int_equal(rg_edits_parse(&edits, *state, "Blond_Hair=1,Brown_Hair=0"), 0);
    assert_values(&edits, (int[]){0, 1, 0, -1, -1});
    assert_int_equal(rg_edits_parse(&edits, *state, "Black_Hair=0,Brown_Hair=1"), 0);
    assert_values(&edits, (int[]){0, 0, 1, -1, -1});
}

static void test_exclusive_off_leaves_the_others(void **state)
{
    rg_edits_t edits;
    assert_int_equal(rg_edits_parse(&edits, *state, "Black_Hair=0"), 0);
    assert_values(&edits, (int[]){0, -1, -1, -1, -1});
}

static void assert_refused(void **state, const char *text, const char *part)
{
    rg_edits_t edits, before;
    rg_edits_init(&edits);
    before = edits;
    assert_int_equal(rg_edits_parse(&edits, *state, text), RG_EUSAGE);
    if (!strstr(rg_error(), part)) fail_msg("'%s' lacks '%s'", rg_error(), part);
    assert_memory_equal(&edits, &before, sizeof edits);
}

static void test_bad_texts_are_use_errors(void **state)
{
    assert_refused(state, "Red_Hair=1", "Red_Hair");
    assert_refused(state, "Red_Hair=1", "Black_Hair, Blond_Hair, Brown_Hair, Male, Young");
    assert_refused(state, "Young", "Young=0 or Young=1");
    assert_refused(state, "Young=2", "Young");
    assert_refused(state, "Young=", "Young");
    assert_refused(state, "Young=1,", "no such attribute");
    assert_refused(state, "", "no such attribute");
    assert_refused(state, "Young=1,Male=0,Young=1", "given twice");
    assert_refused(state, "Blond_Hair=1,Black_Hair=1", "Blond_Hair and Black_Hair cannot both be 1");
}

static void test_domains(void **state)
{
    static const char *const titles[] = {"Black_Hair", "Blond_Hair", "Brown_Hair", "Male+",
                                         "Male-",      "Young+",     "Young-"};
    char title[RG_EDITS_TITLE];
    rg_edits_t edits;
    assert_int_equal(rg_edits_domain(*state, -1, NULL, NULL), 7);
    for (int i = 0; i < 7; i++) {
        assert_int_equal(rg_edits_domain(*state, i, &edits, title), 7);
        assert_string_equal(title, titles[i]);
    }
    rg_edits_domain(*state, BLOND, &edits, title);
    assert_values(&edits, (int[]){0, 1, 0, -1, -1});
    rg_edits_domain(*state, YOUNG + 2, &edits, title);
    assert_values(&edits, (int[]){-1, -1, -1, -1, 0});
}

static void test_message_names_the_edits(void **state)
{
    rg_edits_t edits;
    size_t n;
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_EMBED_REQUEST);
    rg_edits_init(&edits);
    rg_edits_set(&edits, *state, MALE, 1);
    rg_edits_set(&edits, *state, YOUNG, 0);
    Rg__V1__Edit **list = rg_edits_message(&edits, *state, msg, &n);
    assert_int_equal(n, 2);
    assert_string_equal(list[0]->attribute, "Male");
    assert_true(list[0]->value);
    assert_string_equal(list[1]->attribute, "Young");
    assert_false(list[1]->value);
    rg_msg_destroy(&msg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_unnamed_stay_as_the_source, setup),
        cmocka_unit_test_setup(test_exclusive_clears_the_others, setup),
        cmocka_unit_test_setup(test_exclusive_off_leaves_the_others, setup),
        cmocka_unit_test_setup(test_bad_texts_are_use_errors, setup),
        cmocka_unit_test_setup(test_domains, setup),
        cmocka_unit_test_setup(test_message_names_the_edits, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
