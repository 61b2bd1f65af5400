#include <stdio.h>
#include <string.h>

#include "common/core/clock.h"
#include "tests/support/test.h"

static rg_stopwatch_t watch;

static int fresh(void **state)
{
    (void)state;
    rg_stopwatch_init(&watch);
    return 0;
}

// Waits busily.
static void spend(double ms)
{
    for (double start = rg_clock_ms(); rg_clock_ms() - start < ms;) continue;
}

static void parts_add_up_to_the_whole(void **state)
{
    (void)state;
    double start = rg_clock_ms(), sum = 0;
    int conv = rg_stopwatch_begin(&watch, "conv");
    spend(2);
    rg_stopwatch_begin(&watch, "norm");
    spend(1);
    assert_int_equal(rg_stopwatch_begin(&watch, "conv"), conv);
    rg_stopwatch_continue(&watch, conv, RG_STOPWATCH_BACKWARD);
    spend(1);
    rg_stopwatch_stop(&watch);
    double whole = rg_clock_ms() - start;
    spend(1); // counts for no part: the watch is stopped
    assert_int_equal(watch.n, 2);
    assert_int_equal(watch.part[conv].calls, 2);
    assert_true(watch.part[conv].ms[0] >= 2 && watch.part[conv].ms[1] >= 1);
    for (int i = 0; i < watch.n; i++) sum += watch.part[i].ms[0] + watch.part[i].ms[1];
    assert_true(sum >= 4 && sum <= whole);
}

static void sorting_uses_the_sum_of_both_passes(void **state)
{
    (void)state;
    int a = rg_stopwatch_begin(&watch, "a"), b = rg_stopwatch_begin(&watch, "b");
    rg_stopwatch_stop(&watch);
    watch.part[a].ms[0] = 3, watch.part[a].ms[1] = 0;
    watch.part[b].ms[0] = 2, watch.part[b].ms[1] = 2;
    rg_stopwatch_sort(&watch);
    assert_string_equal(watch.part[0].name, "b");
    assert_string_equal(watch.part[1].name, "a");
}

static void parts_that_do_not_fit_are_other(void **state)
{
    (void)state;
    char name[2 * RG_STOPWATCH_NAME];
    uint64_t calls = 0;
    for (int i = 0; i < 2 * RG_STOPWATCH_PARTS; i++) {
        snprintf(name, sizeof name, "op %d", i);
        rg_stopwatch_begin(&watch, name);
    }
    assert_int_equal(watch.n, RG_STOPWATCH_PARTS);
    assert_string_equal(watch.part[RG_STOPWATCH_PARTS - 1].name, "other");
    for (int i = 0; i < watch.n; i++) calls += watch.part[i].calls;
    assert_int_equal(calls, 2 * RG_STOPWATCH_PARTS);
    rg_stopwatch_init(&watch);
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    assert_int_equal(rg_stopwatch_begin(&watch, name), rg_stopwatch_begin(&watch, name)); // cut alike
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(parts_add_up_to_the_whole, fresh),
        cmocka_unit_test_setup(sorting_uses_the_sum_of_both_passes, fresh),
        cmocka_unit_test_setup(parts_that_do_not_fit_are_other, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
