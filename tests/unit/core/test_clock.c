#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/core/err.h"
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

// ---- times of day

static void assert_time(const char *text, uint64_t want)
{
    uint64_t ms = 0;
    if (rg_time_parse(text, &ms) != 0) fail_msg("%s: %s", text, rg_error());
    if (ms != want) fail_msg("%s: %llu, not %llu", text, (unsigned long long)ms, (unsigned long long)want);
}

static void times_of_day_are_read(void **state)
{
    (void)state;
    setenv("TZ", "CET-1", 1); // local time is an hour ahead
    tzset();
    assert_time("1970-01-02T00:00:00Z", 86400000);
    assert_time("2026-11-25T08:30:15Z", 1795595415000);
    assert_time("2026-11-25T08:30:15.123Z", 1795595415123);
    assert_time("2026-11-25T08:30:15.123456789Z", 1795595415123);
    assert_time("2026-11-25T08:30:15.5z", 1795595415500);
    assert_time("2026-11-25t10:30:15+02:00", 1795595415000);
    assert_time("2026-11-25T10:30:15+0200", 1795595415000);
    assert_time("2026-11-25T10:30:15+02", 1795595415000);
    assert_time("2026-11-25T03:00:15-05:30", 1795595415000);
    assert_time("2026-11-25 09:30:15", 1795595415000);
    assert_time("2026-11-25T09:30", 1795595400000);
    assert_time("2026-11-25", 1795561200000);
    assert_time("2024-02-29T00:00Z", 1709164800000);
    assert_time("1795595415123", 1795595415123);
    assert_time("1970-01-01T00:00:00+01:00", 1); // before 1970 is the beginning
}

static void ages_are_counted_from_now(void **state)
{
    (void)state;
    static const char *const ages[] = {"7200s", "120m", "2h"};
    for (size_t i = 0; i < sizeof ages / sizeof *ages; i++) {
        uint64_t ms, before = rg_clock_wall_ms();
        assert_ok(rg_time_parse(ages[i], &ms));
        assert_in_range(ms + 7200000, before, rg_clock_wall_ms());
    }
    assert_time("999999d", 1);
}

static void impossible_times_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "now",
                                      "2026",
                                      "2026-02",
                                      "2026-2-3",
                                      "2026-02-31",
                                      "2025-02-29",
                                      "2026-00-10",
                                      "2026-13-01",
                                      "2026-04-31",
                                      "2026-11-25T",
                                      "2026-11-25T24:00",
                                      "1969-12-31",
                                      "-2h",
                                      "2w",
                                      "2hh",
                                      "2026-11-25T08:60",
                                      "2026-11-25T08:30:60",
                                      "2 h",
                                      "1000001d",
                                      "99999999999999999999",
                                      "2026-11-25Z",
                                      "2026-11-25T08:30:15.Z",
                                      "2026-11-25T08:30+25:00",
                                      "2026-11-25T08:30+2:00",
                                      "2026-11-25T08:30 UTC",
                                      "2026-11-25T08:30:15.1234567890Z"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t ms = 7;
        if (rg_time_parse(bad[i], &ms) != RG_EINVAL) fail_msg("'%s' is taken as a time", bad[i]);
        assert_int_equal(ms, 7);
        assert_non_null(strstr(rg_error(), RG_TIME_EXPECTED));
    }
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    static const uint64_t times[] = {1, 999, 1795595415123, 4102444800001};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        char text[RG_TIME_SIZE];
        rg_time_format(times[i], text);
        assert_time(text, times[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_of_day_are_read),
        cmocka_unit_test(ages_are_counted_from_now),
        cmocka_unit_test(impossible_times_are_refused),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test_setup(parts_add_up_to_the_whole, fresh),
        cmocka_unit_test_setup(sorting_uses_the_sum_of_both_passes, fresh),
        cmocka_unit_test_setup(parts_that_do_not_fit_are_other, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
