// Experiments: the plan of runs, numbers of reports, and statistics of a few values.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/file.h"
#include "common/model/stage.h"
#include "services/report/experiment/curve.h"
#include "services/report/experiment/tables.h"
#include "tests/support/test.h"

static int has_setting(const rg_plan_run_t *run, const char *set)
{
    for (int i = 0; i < run->n_set; i++)
        if (strcmp(run->set[i], set) == 0) return 1;
    return 0;
}

static rg_config_t planned;
static const double WEIGHTS[] = {1, 3, 6.5}; // the first one is the configuration's

static void plan_of(rg_plan_t *plan, enum rg_plan_table table, int seeds, double annotated)
{
    const rg_plan_spec_t spec = {.table = table, .seeds = seeds, .weight = WEIGHTS, .n_weights = 3};
    rg_config_init(&planned);
    planned.seed = 5;
    planned.data.annotated = annotated;
    planned.classifier_images = annotated < 1 ? RG_CLASSIFIER_OTHERS : RG_CLASSIFIER_ANNOTATED;
    assert_ok(rg_plan_init(plan, &spec, &planned, "root"));
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
        for (int whole = table != RG_PLAN_SIZES; whole >= 0; whole--) {
            plan_of(&plan, (enum rg_plan_table)table, 2, whole ? 1 : 0.25);
            check_order(&plan);
            rg_plan_fini(&plan);
        }
    }
}

static void test_rows_of_a_seed_share_their_base(void **state)
{
    (void)state;
    rg_plan_t plan;
    plan_of(&plan, RG_PLAN_TABLE_2, 3, 1);
    assert_int_equal(plan.n, 1 + 3 * (1 + plan.n_rows));
    for (int seed = 0; seed < 3; seed++) {
        const rg_plan_run_t *base = rg_plan_find(&plan, -1, 0, 0, seed);
        assert_int_equal(base->seed, 5 + seed);
        for (int row = 0; row < plan.n_rows; row++) {
            const rg_plan_run_t *run = rg_plan_find(&plan, row, 0, 0, seed);
            assert_ptr_equal(&plan.run[run->from], base);
            assert_int_equal(run->seed, base->seed);
        }
    }
    assert_null(rg_plan_find(&plan, 0, 0, 0, 3));
    assert_true(has_setting(rg_plan_find(&plan, 0, 0, 0, 1), "seed=6"));
    assert_true(has_setting(rg_plan_find(&plan, 0, 0, 0, 1), "retrieval.path=root/a100-s6/store"));
    rg_plan_fini(&plan);
}

static void assert_same_run(const rg_plan_run_t *a, const rg_plan_run_t *b)
{
    assert_string_equal(a->folder, b->folder);
    assert_int_equal(a->n_set, b->n_set);
    for (int i = 0; i < a->n_set; i++) assert_string_equal(a->set[i], b->set[i]);
}

static void test_tables_share_runs(void **state)
{
    (void)state;
    rg_plan_t second, third, curve, limited, sizes;
    plan_of(&second, RG_PLAN_TABLE_2, 1, 1);
    plan_of(&third, RG_PLAN_TABLE_3, 1, 1);
    assert_same_run(rg_plan_find(&second, 2, 0, 0, 0), rg_plan_find(&third, 2, 2, 0, 0));
    assert_true(has_setting(rg_plan_find(&third, 2, 0, 0, 0), "data.annotated=0.25"));
    plan_of(&curve, RG_PLAN_CURVE, 1, 1);
    assert_same_run(rg_plan_find(&second, 3, 0, 0, 0), rg_plan_find(&curve, 3, 0, 0, 0));
    plan_of(&limited, RG_PLAN_TABLE_2, 1, 0.25);
    plan_of(&sizes, RG_PLAN_SIZES, 1, 0.25);
    assert_same_run(rg_plan_find(&limited, RG_PLAN_ROW_RETRIEVED, 0, 0, 0),
                    rg_plan_find(&sizes, RG_PLAN_SIZE_ALL, 0, 0, 0));
    rg_plan_t *const all[] = {&second, &third, &curve, &limited, &sizes};
    for (int i = 0; i < 5; i++) rg_plan_fini(all[i]);
}

static void test_a_curve_has_a_run_per_weight(void **state)
{
    (void)state;
    rg_plan_t plan;
    plan_of(&plan, RG_PLAN_CURVE, 2, 1);
    assert_int_equal(plan.n, 1 + 2 * (1 + 4 * 3));
    const rg_plan_run_t *run = rg_plan_find(&plan, RG_PLAN_ROW_FROZEN, 0, 2, 1);
    assert_string_equal(run->folder, "a100-s6-frozen-c6.5");
    assert_true(has_setting(run, "stage3.loss.classify=6.5") && has_setting(run, "stage3.encoders=frozen"));
    assert_ptr_equal(&plan.run[run->from], rg_plan_find(&plan, RG_PLAN_BASE, 0, 0, 1));
    assert_string_equal(rg_plan_find(&plan, RG_PLAN_ROW_FROZEN, 0, 0, 1)->folder, "a100-s6-frozen");
    rg_plan_fini(&plan);
}

// Each seed draws the annotated images anew, so its judge is its own; the whole annotation has no others.
static void test_a_judge_of_other_images_belongs_to_a_seed(void **state)
{
    (void)state;
    rg_plan_t plan;
    plan_of(&plan, RG_PLAN_TABLE_3, 2, 0.25);
    for (int seed = 0; seed < 2; seed++)
        for (int a = 0; a < 3; a++) {
            const rg_plan_run_t *judge = &plan.run[rg_plan_find(&plan, RG_PLAN_BASE, a, 0, seed)->from];
            assert_int_equal(judge->row, RG_PLAN_JUDGE);
            assert_int_equal(judge->last, RG_STAGE_CLASSIFIER);
            assert_int_equal(has_setting(judge, "classifier.images=annotated"), a == 2);
            assert_true(judge->annotated == plan.annotated[a]);
            assert_int_equal(judge->seed, a == 2 ? 5 : 5 + seed);
        }
    rg_plan_fini(&plan);
}

static void test_sizes_have_sets_of_their_own(void **state)
{
    (void)state;
    rg_plan_t plan;
    const rg_plan_spec_t spec = {.table = RG_PLAN_SIZES, .seeds = 1};
    plan_of(&plan, RG_PLAN_SIZES, 1, 0.25);
    for (int row = 0; row < plan.n_rows; row++) {
        const rg_plan_run_t *run = rg_plan_find(&plan, row, 0, 0, 0);
        int shared = has_setting(run, "retrieval.path=root/a25-s5/store");
        assert_int_equal(shared, row == RG_PLAN_SIZE_ALL);
        assert_int_equal(plan.row[row].own_set, !shared);
    }
    rg_plan_fini(&plan);
    planned.data.annotated = 1;
    assert_fails(rg_plan_init(&plan, &spec, &planned, "root"), RG_ECONFIG, "data.annotated: is 1");
}

// ---- equal accuracy

static void test_a_curve_is_read_between_its_points(void **state)
{
    (void)state;
    const double x[] = {0.7, 0.5, NAN, 0.6}, y[] = {14, 10, 1, 11}, far[] = {0.8, 0.9, 0.85, NAN};
    rg_curve_t curve, other;
    double low, high;
    rg_curve_init(&curve, x, y, 4);
    assert_int_equal(curve.n, 3);
    assert_near(rg_curve_at(&curve, 0.5), 10, 0);
    assert_near(rg_curve_at(&curve, 0.55), 10.5, 1e-9);
    assert_near(rg_curve_at(&curve, 0.65), 12.5, 1e-9);
    assert_near(rg_curve_at(&curve, 0.7), 14, 0);
    assert_true(isnan(rg_curve_at(&curve, 0.49)) && isnan(rg_curve_at(&curve, 0.71)));
    rg_curve_init(&other, far, y, 4);
    assert_false(rg_curve_common(&curve, &other, &low, &high));
    rg_curve_init(&other, (const double[]){0.55, 0.9}, y, 2);
    assert_true(rg_curve_common(&curve, &other, &low, &high));
    assert_near(low, 0.55, 0);
    assert_near(high, 0.7, 0);
    rg_curve_init(&other, x, y, 0);
    assert_false(rg_curve_common(&curve, &other, &low, &high));
}

// RG-UNIT is 1.5 nearer than GMM-UNIT continued where both are equally accurate, although it is only 2 nearer
// at equal weight; random neighbours never reach its accuracy. Seeds differ by 3.
static void fill_curve_report(json_t **report, const rg_plan_run_t *run, int row)
{
    static const double accuracy[] = {0.55, 0.1, 0.5, 0.2}, distance[] = {12, 12, 10, 15};
    double seed = 3 * (run->seed - 5);
    json_decref(*report);
    *report = json_pack("{s:{s:f, s:f, s:f}}", "stage3", "wanted_accuracy_latent",
                        accuracy[row] + 0.1 * run->weight, "frechet_latent.Male",
                        distance[row] + run->weight + seed, "kid_latent.Male", 0.01 * run->weight);
}

static void test_models_are_compared_at_equal_accuracy(void **state)
{
    rg_plan_t plan;
    plan_of(&plan, RG_PLAN_CURVE, 2, 1);
    rg_results_t results = {.plan = &plan, .report = rg_alloc((size_t)plan.n * sizeof(json_t *))};
    for (int i = 0; i < plan.n; i++) {
        results.report[i] = json_object();
        if (plan.run[i].row >= 0) fill_curve_report(&results.report[i], &plan.run[i], plan.run[i].row);
        if (plan.run[i].row == RG_PLAN_BASE)
            json_object_set_new(results.report[i], "stage1",
                                json_pack("{s:f, s:f}", "wanted_accuracy_exemplar", 0.75,
                                          "frechet_exemplar.Male", 4.0 + plan.run[i].seed));
    }
    rg_document_t *document;
    rg_document_new(&document, "curve");
    rg_tables_curve(document, &results, 10);
    assert_ok(rg_document_write(document, *state, "report"));
    rg_document_destroy(&document);
    char *path = rg_format("%s/equal-frechet-latent.csv", (char *)*state);
    unsigned char *csv;
    size_t size;
    assert_ok(rg_file_read(path, 1 << 16, &csv, &size));
    assert_non_null(strstr(
        (char *)csv, "\"RG-UNIT minus GMM-UNIT continued, middle common accuracy\",0.625 ± 0.000,12.75 ± "
                     "2.12,14.25 ± 2.12,\"-1.50 [-1.50, -1.50]\",\"-10.6 ["));
    assert_non_null(strstr((char *)csv, "lowest common accuracy\",0.550 ± 0.000"));
    assert_non_null(strstr(
        (char *)csv, "RG-UNIT minus RG-UNIT, random neighbours, highest common accuracy\",–,–,–,–,–,0 of 2"));
    free(csv);
    free(path);
    path = rg_format("%s/points-latent.csv", (char *)*state);
    assert_ok(rg_file_read(path, 1 << 16, &csv, &size));
    assert_non_null(
        strstr((char *)csv, "exemplars: real images with the wanted labels,0.750 ± 0.000,–,9.50 ± 0.71,"));
    free(csv);
    free(path);
    path = rg_format("%s/curve-frechet-latent.svg", (char *)*state);
    assert_ok(rg_file_read(path, 1 << 16, &csv, &size));
    assert_non_null(strstr((char *)csv, "<circle"));
    assert_non_null(strstr((char *)csv, "exemplars: real images with the wanted labels"));
    assert_null(strstr((char *)csv, "random neighbours")); // so far away that the others would be one line
    free(csv);
    free(path);
    rg_results_close(&results);
    rg_plan_fini(&plan);
}

// A number, a missing number, and the mean of the parts of a number, one of which is text.
static void test_numbers_of_reports(void **state)
{
    (void)state;
    rg_plan_t plan;
    double values[2];
    plan_of(&plan, RG_PLAN_TABLE_2, 2, 1);
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
        cmocka_unit_test(test_a_curve_has_a_run_per_weight),
        cmocka_unit_test(test_a_judge_of_other_images_belongs_to_a_seed),
        cmocka_unit_test(test_sizes_have_sets_of_their_own),
        cmocka_unit_test(test_a_curve_is_read_between_its_points),
        cmocka_unit_test(test_models_are_compared_at_equal_accuracy),
        cmocka_unit_test(test_numbers_of_reports),
        cmocka_unit_test(test_mean_and_interval),
        cmocka_unit_test(test_pairs_cancel_the_spread_of_seeds),
        cmocka_unit_test(test_student_quantile),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
