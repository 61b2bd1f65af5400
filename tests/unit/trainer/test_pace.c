#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "services/trainer/pace.h"

static rg_pace_t pace;

static void nothing_is_known_before_the_first_iteration(void **state)
{
    (void)state;
    rg_pace_begin(&pace, 1000, 50);
    assert_true(rg_pace_recent(&pace).iterations_per_s == 0 && rg_pace_whole(&pace).wait_share == 0);
    assert_true(rg_pace_seconds(&pace) == 0);
    rg_pace_note(&pace, 1000, 50); // a clock that has not moved
    assert_true(rg_pace_recent(&pace).iterations_per_s == 0);
}

static void waiting_before_the_begin_does_not_count(void **state)
{
    (void)state;
    rg_pace_begin(&pace, 1000, 900);
    rg_pace_note(&pace, 1100, 925);
    assert_float_equal(rg_pace_whole(&pace).iterations_per_s, 10, 1e-9);
    assert_float_equal(rg_pace_whole(&pace).wait_share, 0.25, 1e-9);
    assert_float_equal(rg_pace_seconds(&pace), 0.1, 1e-9);
}

// 100 slow iterations that wait half their time, then as many quick ones that do not wait as the window
// holds.
static void recent_forgets_what_whole_remembers(void **state)
{
    (void)state;
    double now = 0, waited = 0;
    rg_pace_begin(&pace, now, waited);
    for (int i = 0; i < 100; i++) rg_pace_note(&pace, now += 100, waited += 50);
    assert_float_equal(rg_pace_recent(&pace).wait_share, 0.5, 1e-9);
    for (int i = 0; i < RG_PACE_WINDOW; i++) rg_pace_note(&pace, now += 10, waited);
    assert_float_equal(rg_pace_recent(&pace).iterations_per_s, 100, 1e-9);
    assert_float_equal(rg_pace_recent(&pace).wait_share, 0, 1e-9);
    assert_float_equal(rg_pace_whole(&pace).wait_share, 5000 / now, 1e-9);
    assert_float_equal(rg_pace_whole(&pace).iterations_per_s, (100 + RG_PACE_WINDOW) / now * 1e3, 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_before_the_first_iteration),
        cmocka_unit_test(waiting_before_the_begin_does_not_count),
        cmocka_unit_test(recent_forgets_what_whole_remembers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
