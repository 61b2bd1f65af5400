// What the trainer says of itself: a stage that begins has done nothing of what the one before did.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "services/trainer/progress.h"

static void a_stage_begins_with_nothing(void **state)
{
    (void)state;
    rg_progress_t progress;
    rg_progress_values_t values = {
        .state = "training", .stage = "stage2", .iteration = 6, .iterations = 6, .retrieved = 9};
    rg_progress_init(&progress);
    rg_progress_set(&progress, &values);
    rg_progress_state(&progress, "saving", NULL);
    rg_progress_get(&progress, &values);
    assert_string_equal(values.state, "saving");
    assert_int_equal(values.iteration, 6);
    rg_progress_state(&progress, "waiting", "stage3");
    rg_progress_get(&progress, &values);
    assert_string_equal(values.state, "waiting");
    assert_string_equal(values.stage, "stage3");
    assert_int_equal(values.iteration, 0);
    assert_int_equal(values.retrieved, 0);
    rg_progress_fini(&progress);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_stage_begins_with_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
