// The table of commands: complete, and documented.
#include <stdio.h>
#include <string.h>

#include "services/ctl/command.h"
#include "tests/support/test.h"

static void test_every_command_is_documented(void **state)
{
    (void)state;
    int n = 0;
    for (const rg_command_t *const *command = rg_commands; *command; command++, n++) {
        char example[64];
        assert_true(strlen((*command)->help) > 20);
        assert_non_null((*command)->name);
        assert_non_null((*command)->run);
        assert_true(strlen((*command)->summary) > 10);
        snprintf(example, sizeof example, "  rg-ctl %s ", (*command)->name);
        if (!strstr((*command)->examples, example)) fail_msg("%s has no example", (*command)->name);
        for (const rg_command_option_t *option = (*command)->options;
             option && (option->name || option->letter); option++)
            assert_true(option->help && *option->help);
    }
    assert_int_equal(n, 18);
}

static void test_commands_are_found_by_their_own_names(void **state)
{
    (void)state;
    for (const rg_command_t *const *command = rg_commands; *command; command++)
        assert_ptr_equal(rg_command_find((*command)->name), *command);
    assert_null(rg_command_find("upp"));
    assert_null(rg_command_find(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_command_is_documented),
        cmocka_unit_test(test_commands_are_found_by_their_own_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
