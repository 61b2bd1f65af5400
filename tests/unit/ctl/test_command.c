// The table of commands is complete and documented, and a command line is read into the command's own struct.
#include <stdio.h>
#include <string.h>

#include "common/core/err.h"
#include "services/ctl/command.h"
#include "tests/support/test.h"

static void check_documented(const rg_command_t *command)
{
    char example[64];
    assert_true(strlen(command->help) > 20);
    assert_non_null(command->name);
    assert_non_null(command->run);
    assert_true(strlen(command->summary) > 10);
    snprintf(example, sizeof example, "  rg-ctl %s ", command->name);
    if (!strstr(command->examples, example)) fail_msg("%s has no example", command->name);
    for (const rg_command_option_t *option = command->options; option && (option->name || option->letter);
         option++)
        assert_true(option->help && *option->help);
}

static void test_every_command_is_documented(void **state)
{
    (void)state;
    int n = 0;
    for (const rg_command_group_t *group = rg_command_groups; group->title; group++)
        for (const rg_command_t *const *command = group->commands; *command; command++, n++)
            check_documented(*command);
    assert_int_equal(n, 20);
}

static void test_commands_are_found_by_their_own_names(void **state)
{
    (void)state;
    for (const rg_command_group_t *group = rg_command_groups; group->title; group++)
        for (const rg_command_t *const *command = group->commands; *command; command++)
            assert_ptr_equal(rg_command_find((*command)->name), *command);
    assert_null(rg_command_find("upp"));
    assert_null(rg_command_find(""));
}

// ---- a command line

typedef struct {
    int loud, count;
    uint64_t seed;
    const char *out, *folder;
    char letters[8];
} example_t;

static example_t seen; // what example_run was given

static int example_read_letter(void *field, const char *text)
{
    char *letters = field;
    if (strlen(text) != 1) return rg_fail(RG_EUSAGE, "expected one letter");
    letters[strlen(letters)] = *text;
    return 0;
}

static int example_argument(void *own, char *text)
{
    ((example_t *)own)->folder = text;
    return 0;
}

static int example_run(const rg_options_t *options, const void *own)
{
    seen = *(const example_t *)own;
    return options->json ? rg_fail(RG_EIO, "no disk") : 0;
}

static const rg_command_option_t example_options[] = {
    {"loud", 'l', NULL, "A flag", RG_OPTION_FLAG(example_t, loud)},
    {NULL, 'k', "K", "A number", RG_OPTION_NUMBER(example_t, count, 1, 10)},
    {"seed", 0, "S", "A large number", RG_OPTION_NUMBER(example_t, seed, 0, INT64_MAX)},
    {"out", 'o', "FILE", "A text", RG_OPTION_TEXT(example_t, out)},
    {"letter", 0, "X", "A letter; may be repeated", RG_OPTION_READ(example_t, letters, example_read_letter)},
    {0},
};

static const rg_command_t example = {.name = "example",
                                     .help = "Shows how options are read.",
                                     .examples = "",
                                     .options = example_options,
                                     .argument = example_argument,
                                     .size = sizeof(example_t),
                                     .defaults = &(const example_t){.count = 3, .seed = 1},
                                     .config = RG_COMMAND_PLAIN,
                                     .run = example_run};

static void test_defaults_hold_where_no_option_is_given(void **state)
{
    char *argv[] = {"example", NULL};
    (void)state;
    assert_int_equal(rg_command_run(&example, 1, argv), 0);
    assert_int_equal(seen.loud, 0);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.seed, 1);
    assert_null(seen.out);
    assert_null(seen.folder);
}

static void test_options_go_into_their_fields(void **state)
{
    char *argv[] = {"example", "-l",    "-k",       "7", "--seed=5000000000", "folder",
                    "-o",      "a.png", "--letter", "x", "--letter=y",        NULL};
    (void)state;
    assert_int_equal(rg_command_run(&example, 11, argv), 0);
    assert_int_equal(seen.loud, 1);
    assert_int_equal(seen.count, 7);
    assert_true(seen.seed == 5000000000);
    assert_string_equal(seen.out, "a.png");
    assert_string_equal(seen.folder, "folder");
    assert_string_equal(seen.letters, "xy");
}

static void test_failure_is_exit_code_1(void **state)
{
    char *argv[] = {"example", "--json", NULL};
    (void)state;
    assert_int_equal(rg_command_run(&example, 2, argv), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_command_is_documented),
        cmocka_unit_test(test_commands_are_found_by_their_own_names),
        cmocka_unit_test(test_defaults_hold_where_no_option_is_given),
        cmocka_unit_test(test_options_go_into_their_fields),
        cmocka_unit_test(test_failure_is_exit_code_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
