#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/core/clock.h"
#include "common/core/stopwatch.h"

static rg_stopwatch_t watch;

static int fresh(void **state)
{
    (void)state;
    rg_stopwatch_init(&watch);
    return 0;
}

// Until the clock has moved.
static void spend(double ms)
{
    for (double start = rg_clock_ms(); rg_clock_ms() - start < ms;) continue;
}

static void pieces_add_up_to_the_whole(void **state)
{
    (void)state;
    double start = rg_clock_ms(), sum = 0;
    int conv = rg_stopwatch_begin(&watch, "conv");
    spend(2);
    rg_stopwatch_begin(&watch, "norm");
    spend(1);
    assert_int_equal(rg_stopwatch_begin(&watch, "conv"), conv);
    rg_stopwatch_again(&watch, conv, 1);
    spend(1);
    rg_stopwatch_stop(&watch);
    double whole = rg_clock_ms() - start;
    spend(1); // stopped: nobody's
    assert_int_equal(watch.n, 2);
    assert_int_equal(watch.piece[conv].calls, 2);
    assert_true(watch.piece[conv].ms[0] >= 2 && watch.piece[conv].ms[1] >= 1);
    for (int i = 0; i < watch.n; i++) sum += watch.piece[i].ms[0] + watch.piece[i].ms[1];
    assert_true(sum >= 4 && sum <= whole);
}

static void sorts_by_both_hands(void **state)
{
    (void)state;
    int a = rg_stopwatch_begin(&watch, "a"), b = rg_stopwatch_begin(&watch, "b");
    rg_stopwatch_stop(&watch);
    watch.piece[a].ms[0] = 3, watch.piece[a].ms[1] = 0;
    watch.piece[b].ms[0] = 2, watch.piece[b].ms[1] = 2;
    rg_stopwatch_sort(&watch);
    assert_string_equal(watch.piece[0].name, "b");
    assert_string_equal(watch.piece[1].name, "a");
}

static void what_finds_no_room_is_other(void **state)
{
    (void)state;
    char name[2 * RG_STOPWATCH_NAME];
    uint64_t calls = 0;
    for (int i = 0; i < 2 * RG_STOPWATCH_PIECES; i++) {
        snprintf(name, sizeof name, "op %d", i);
        rg_stopwatch_begin(&watch, name);
    }
    assert_int_equal(watch.n, RG_STOPWATCH_PIECES);
    assert_string_equal(watch.piece[RG_STOPWATCH_PIECES - 1].name, "other");
    for (int i = 0; i < watch.n; i++) calls += watch.piece[i].calls;
    assert_int_equal(calls, 2 * RG_STOPWATCH_PIECES);
    rg_stopwatch_init(&watch);
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    assert_int_equal(rg_stopwatch_begin(&watch, name), rg_stopwatch_begin(&watch, name)); // cut alike
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(pieces_add_up_to_the_whole, fresh),
        cmocka_unit_test_setup(sorts_by_both_hands, fresh),
        cmocka_unit_test_setup(what_finds_no_room_is_other, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
