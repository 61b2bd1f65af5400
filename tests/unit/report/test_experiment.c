// Experiments: the plan of runs, numbers of reports, and statistics of a few values.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/model/stage.h"
#include "services/report/experiment/plan.h"
#include "services/report/experiment/results.h"
#include "tests/support/test.h"

static int has_setting(const rg_plan_run_t *run, const char *set)
{
    for (int i = 0; i < run->n_set; i++)
        if (strcmp(run->set[i], set) == 0) return 1;
    return 0;
}

static void plan_of(rg_plan_t *plan, enum rg_plan_table table, int seeds)
{
    static rg_config_t config;
    rg_config_init(&config);
    config.seed = 5;
    rg_plan_init(plan, table, &config, seeds, "root");
}

// Every run comes after the run whose stages it takes, has a folder of its own, and its settings are a valid
// configuration.
static void check_order(const rg_plan_t *plan)
{
    for (int i = 0; i < plan->n; i++) {
        const rg_plan_run_t *run = &plan->run[i];
        const char *set[RG_PLAN_RUN_SETS];
        char folder[RG_PLAN_TEXT];
        rg_config_t config;
        assert_true(run->from < i);
        if (run->from >= 0)
            assert_true(plan->run[run->from].last == run->first - 1 || run->first == RG_STAGE_2);
        for (int j = 0; j < i; j++) assert_string_not_equal(run->folder, plan->run[j].folder);
        for (int j = 0; j < run->n_set; j++) set[j] = run->set[j];
        assert_int_equal(rg_config_load(&config, NULL, set, run->n_set), 0);
        snprintf(folder, sizeof folder, "root/%s", run->folder);
        assert_string_equal(config.run, folder);
    }
}

static void test_every_run_comes_after_its_base(void **state)
{
    (void)state;
    for (int table = 0; table < RG_PLAN_TABLES; table++) {
        rg_plan_t plan;
        plan_of(&plan, (enum rg_plan_table)table, 2);
        check_order(&plan);
        rg_plan_fini(&plan);
    }
}

static void test_rows_of_a_seed_share_their_base(void **state)
{
    (void)state;
    rg_plan_t plan;
    plan_of(&plan, RG_PLAN_TABLE_2, 3);
    assert_int_equal(plan.n, 1 + 3 * (1 + plan.n_rows));
    for (int seed = 0; seed < 3; seed++) {
        const rg_plan_run_t *base = rg_plan_find(&plan, -1, 0, seed);
        assert_int_equal(base->seed, 5 + seed);
        for (int row = 0; row < plan.n_rows; row++) {
            const rg_plan_run_t *run = rg_plan_find(&plan, row, 0, seed);
            assert_ptr_equal(&plan.run[run->from], base);
            assert_int_equal(run->seed, base->seed);
        }
    }
    assert_null(rg_plan_find(&plan, 0, 0, 3));
    assert_true(has_setting(rg_plan_find(&plan, 0, 0, 1), "seed=6"));
    assert_true(has_setting(rg_plan_find(&plan, 0, 0, 1), "retrieval.path=root/a100-s6/store"));
    rg_plan_fini(&plan);
}

static void test_tables_share_runs(void **state)
{
    (void)state;
    rg_plan_t second, third;
    plan_of(&second, RG_PLAN_TABLE_2, 1);
    plan_of(&third, RG_PLAN_TABLE_3, 1);
    const rg_plan_run_t *a = rg_plan_find(&second, 2, 0, 0), *b = rg_plan_find(&third, 2, 2, 0);
    assert_string_equal(a->folder, b->folder);
    assert_int_equal(a->n_set, b->n_set);
    for (int i = 0; i < a->n_set; i++) assert_string_equal(a->set[i], b->set[i]);
    assert_true(has_setting(rg_plan_find(&third, 2, 0, 0), "data.annotated=0.25"));
    rg_plan_fini(&second);
    rg_plan_fini(&third);
}

// A number, a missing number, and the mean of the parts of a number, one of which is text.
static void test_numbers_of_reports(void **state)
{
    (void)state;
    rg_plan_t plan;
    double values[2];
    plan_of(&plan, RG_PLAN_TABLE_2, 2);
    rg_results_t results = {.plan = &plan, .report = rg_alloc((size_t)plan.n * sizeof(json_t *))};
    for (int i = 0; i < plan.n; i++)
        results.report[i] = json_pack("{s:{s:f, s:f, s:f, s:s, s:f}}", "stage3", "frechet_latent", 3.0 + i,
                                      "frechet_latent.P", 10.0, "frechet_latent.Q", 20.0, "frechet_latent.R",
                                      "none", "frechet_latent_random.P", 50.0);
    rg_result_key_t number = {RG_PLAN_ROW_RETRIEVED, 0, RG_STAGE_3, "frechet_latent"};
    rg_results_values(&results, number, values);
    assert_true(values[0] != values[1] && values[0] >= 3);
    number.key = "frechet_latent.*";
    rg_results_values(&results, number, values);
    assert_near(values[0], 15, 1e-9);
    assert_near(values[1], 15, 1e-9);
    number.key = "kid_latent.*";
    rg_results_values(&results, number, values);
    assert_true(isnan(values[0]));
    number.key = "kid_latent";
    rg_results_values(&results, number, values);
    assert_true(isnan(values[0]));
    rg_results_close(&results);
    rg_plan_fini(&plan);
}

// Computed by hand: 1, 2, 4 have mean 7/3 and variance 7/3; t(2) is 4.3027.
static void test_mean_and_interval(void **state)
{
    (void)state;
    const double values[] = {1, NAN, 2, 4};
    rg_statistic_t s = rg_statistic(values, 4);
    assert_int_equal(s.n, 3);
    assert_near(s.mean, 7.0 / 3, 1e-12);
    assert_near(s.spread, sqrt(7.0 / 3), 1e-12);
    assert_near(s.half, 4.3027 * sqrt(7.0 / 9), 1e-4);
    s = rg_statistic(values, 1);
    assert_near(s.mean, 1, 0);
    assert_true(isnan(s.spread) && isnan(s.half));
    assert_true(isnan(rg_statistic(values + 1, 1).mean));
}

// Pairs that differ by 1, 2 and 3; the values themselves vary much more between seeds.
static void test_pairs_cancel_the_spread_of_seeds(void **state)
{
    (void)state;
    const double a[] = {11, 102, 53, NAN}, b[] = {10, 100, 50, 7};
    rg_statistic_t s = rg_statistic_paired(a, b, 4);
    assert_int_equal(s.n, 3);
    assert_near(s.mean, 2, 1e-12);
    assert_near(s.spread, 1, 1e-12);
}

// Values from tables of the distribution.
static void test_student_quantile(void **state)
{
    (void)state;
    assert_near(rg_student_quantile(1), 12.706, 1e-3);
    assert_near(rg_student_quantile(10), 2.228, 1e-3);
    assert_near(rg_student_quantile(11), 2.201, 3e-3);
    assert_near(rg_student_quantile(30), 2.042, 1e-3);
    assert_near(rg_student_quantile(1000), 1.962, 1e-3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_run_comes_after_its_base),
        cmocka_unit_test(test_rows_of_a_seed_share_their_base),
        cmocka_unit_test(test_tables_share_runs),
        cmocka_unit_test(test_numbers_of_reports),
        cmocka_unit_test(test_mean_and_interval),
        cmocka_unit_test(test_pairs_cancel_the_spread_of_seeds),
        cmocka_unit_test(test_student_quantile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
