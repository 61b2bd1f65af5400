// Throughput, and the progress that status requests read.
#include <stdio.h>

#include "services/trainer/progress.h"
#include "tests/support/test.h"

// ---- throughput

static rg_throughput_t throughput;

static void nothing_is_known_before_the_first_iteration(void **state)
{
    (void)state;
    rg_throughput_begin(&throughput, 1000, 50);
    assert_true(rg_throughput_recent(&throughput).iterations_per_s == 0 &&
                rg_throughput_total(&throughput).wait_share == 0);
    assert_true(rg_throughput_seconds(&throughput) == 0);
    rg_throughput_add(&throughput, 1000, 50); // a clock that has not moved
    assert_true(rg_throughput_recent(&throughput).iterations_per_s == 0);
}

static void waiting_before_the_begin_is_not_counted(void **state)
{
    (void)state;
    rg_throughput_begin(&throughput, 1000, 900);
    rg_throughput_add(&throughput, 1100, 925);
    assert_float_equal(rg_throughput_total(&throughput).iterations_per_s, 10, 1e-9);
    assert_float_equal(rg_throughput_total(&throughput).wait_share, 0.25, 1e-9);
    assert_float_equal(rg_throughput_seconds(&throughput), 0.1, 1e-9);
}

// 100 slow iterations that wait half of their time, then quick ones without waiting that fill the window.
static void the_recent_rate_covers_a_window_and_the_total_everything(void **state)
{
    (void)state;
    double now = 0, waited = 0;
    rg_throughput_begin(&throughput, now, waited);
    for (int i = 0; i < 100; i++) rg_throughput_add(&throughput, now += 100, waited += 50);
    assert_float_equal(rg_throughput_recent(&throughput).wait_share, 0.5, 1e-9);
    for (int i = 0; i < RG_THROUGHPUT_WINDOW; i++) rg_throughput_add(&throughput, now += 10, waited);
    assert_float_equal(rg_throughput_recent(&throughput).iterations_per_s, 100, 1e-9);
    assert_float_equal(rg_throughput_recent(&throughput).wait_share, 0, 1e-9);
    assert_float_equal(rg_throughput_total(&throughput).wait_share, 5000 / now, 1e-9);
    assert_float_equal(rg_throughput_total(&throughput).iterations_per_s,
                       (100 + RG_THROUGHPUT_WINDOW) / now * 1e3, 1e-9);
}

// ---- progress

static void a_new_stage_clears_the_values_of_the_one_before(void **state)
{
    (void)state;
    rg_train_progress_t progress;
    rg_train_values_t values = {
        .state = "training", .stage = "stage2", .iteration = 6, .iterations = 6, .retrieved = 9};
    rg_train_progress_init(&progress);
    rg_train_progress_set(&progress, &values);
    rg_train_progress_set_state(&progress, "saving", NULL);
    rg_train_progress_get(&progress, &values);
    assert_string_equal(values.state, "saving");
    assert_int_equal(values.iteration, 6);
    rg_train_progress_set_state(&progress, "waiting", "stage3");
    rg_train_progress_get(&progress, &values);
    assert_string_equal(values.state, "waiting");
    assert_string_equal(values.stage, "stage3");
    assert_int_equal(values.iteration, 0);
    assert_int_equal(values.retrieved, 0);
    rg_train_progress_fini(&progress);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_before_the_first_iteration),
        cmocka_unit_test(waiting_before_the_begin_is_not_counted),
        cmocka_unit_test(the_recent_rate_covers_a_window_and_the_total_everything),
        cmocka_unit_test(a_new_stage_clears_the_values_of_the_one_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
