#include "services/report/experiment/results.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/report/evaluation_report.h"
#include "services/report/experiment/runner.h"
#include "services/report/record.h"

// ---- statistics
//
// Differences between rows are computed within a seed and then averaged: the spread between seeds, which is
// larger than most differences, cancels.

double rg_student_quantile(int freedom)
{
    static const double EXACT[] = {12.7062, 4.3027, 3.1824, 2.7764, 2.5706,
                                   2.4469,  2.3646, 2.3060, 2.2622, 2.2281};
    const int known = (int)(sizeof EXACT / sizeof *EXACT);
    if (freedom <= known) return EXACT[freedom - 1];
    // Cornish and Fisher's expansion about the normal quantile; its error is below 0.1 % from here on
    double z = 1.959964, n = freedom, z3 = z * z * z, z5 = z3 * z * z;
    return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n);
}

rg_statistic_t rg_statistic(const double *values, int n)
{
    rg_statistic_t s = {.mean = NAN, .spread = NAN, .half = NAN};
    double sum = 0, squares = 0;
    for (int i = 0; i < n; i++)
        if (!isnan(values[i])) sum += values[i], s.n++;
    if (s.n > 0) s.mean = sum / s.n;
    if (s.n < 2) return s;
    for (int i = 0; i < n; i++)
        if (!isnan(values[i])) squares += (values[i] - s.mean) * (values[i] - s.mean);
    s.spread = sqrt(squares / (s.n - 1));
    s.half = rg_student_quantile(s.n - 1) * s.spread / sqrt(s.n);
    return s;
}

rg_statistic_t rg_statistic_paired(const double *a, const double *b, int n)
{
    double differences[RG_STATISTIC_MAX];
    assert(n <= RG_STATISTIC_MAX);
    for (int i = 0; i < n; i++) differences[i] = a[i] - b[i]; // NAN if either is missing
    return rg_statistic(differences, n);
}

// ---- reports

// Adds what the runner noted of a growing set to the report of stage 3.
static int results_read_growth(json_t *reports, const char *folder)
{
    json_error_t at;
    char *path = rg_format("%s/%s", folder, RG_RUNNER_GROWTH);
    json_t *growth = json_load_file(path, 0, &at);
    json_object_update(json_object_get(reports, rg_stage_name(RG_STAGE_3)), growth);
    int err = growth ? 0 : rg_fail(RG_EFORMAT, "%s:%d: %s", path, at.line, at.text);
    json_decref(growth);
    free(path);
    return err;
}

// Reads the reports of all stages of a run.
static int results_read_run(rg_results_t *results, int position, const char *root)
{
    const rg_plan_run_t *run = &results->plan->run[position];
    char *folder = rg_format("%s/%s", root, run->folder);
    int err = 0;
    results->report[position] = json_object();
    for (int stage = run->first; stage <= run->last && !err; stage++) {
        json_t *report;
        err = rg_run_read_report(&report, folder, stage);
        if (!err) json_object_set_new(results->report[position], rg_stage_name(stage), report);
    }
    if (!err && run->row >= 0 && results->plan->row[run->row].grows)
        err = results_read_growth(results->report[position], folder);
    free(folder);
    return err;
}

// Rows of a seed are compared with each other: all must have been measured in the same way.
static int results_check_run(const rg_results_t *results, int position)
{
    const rg_plan_t *plan = results->plan;
    const rg_plan_run_t *run = &plan->run[position];
    if (run->row < 0) return 0;
    const char *stage = rg_stage_name(plan->stage);
    const json_t *ours = json_object_get(results->report[position], stage);
    for (int i = 0; i < position; i++)
        if (plan->run[i].from == run->from && plan->run[i].row >= 0) {
            int err = rg_report_comparable(ours, json_object_get(results->report[i], stage));
            if (err) return rg_fail(err, "%s and %s: %s", run->folder, plan->run[i].folder, rg_error());
        }
    return 0;
}

int rg_results_open(rg_results_t *results, const rg_plan_t *plan, const char *root)
{
    *results = (rg_results_t){.plan = plan, .report = rg_alloc((size_t)plan->n * sizeof *results->report)};
    int err = 0;
    for (int i = 0; i < plan->n && !err; i++) err = results_read_run(results, i, root);
    for (int i = 0; i < plan->n && !err; i++) err = results_check_run(results, i);
    if (err) rg_results_close(results);
    return err;
}

void rg_results_close(rg_results_t *results)
{
    for (int i = 0; results->report && i < results->plan->n; i++) json_decref(results->report[i]);
    free(results->report);
    results->report = NULL;
}

static void list_report(rg_table_t *table, const rg_plan_run_t *run, const char *stage, json_t *report)
{
    const char *key;
    json_t *value;
    json_object_foreach(report, key, value)
    {
        if (!json_is_real(value)) continue;
        rg_table_cell(table, "%s", run->folder);
        rg_table_cell(table, "%d", run->seed);
        rg_table_cell(table, "%g", run->annotated);
        rg_table_cell(table, "%s", stage);
        rg_table_cell(table, "%s", key);
        rg_table_cell(table, "%.6g", json_real_value(value));
    }
}

void rg_results_list(const rg_results_t *results, rg_table_t *table)
{
    static const char *const titles[] = {"run", "seed", "annotated", "stage", "number", "value"};
    rg_table_init(table, "numbers", titles, 6);
    for (int i = 0; i < results->plan->n; i++) {
        const char *stage;
        json_t *report;
        json_object_foreach(results->report[i], stage, report)
            list_report(table, &results->plan->run[i], stage, report);
    }
}

json_t *rg_results_report(const rg_results_t *results, int row, int stage)
{
    const rg_plan_run_t *run = rg_plan_find(results->plan, row, 0, 0, 0);
    return json_object_get(results->report[run - results->plan->run], rg_stage_name(stage));
}

// ---- numbers

static double value_of(const json_t *value)
{
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static double mean_of_parts(json_t *report, const char *prefix, size_t length)
{
    double sum = 0;
    const char *key;
    json_t *value;
    int n = 0;
    json_object_foreach(report, key, value)
    {
        if (strncmp(key, prefix, length) != 0 || !json_is_number(value)) continue;
        sum += json_number_value(value);
        n++;
    }
    return n ? sum / n : NAN;
}

static double number_in(json_t *report, const char *key)
{
    size_t length = strlen(key);
    if (length > 2 && strcmp(key + length - 2, ".*") == 0) return mean_of_parts(report, key, length - 1);
    return value_of(json_object_get(report, key));
}

void rg_results_values(const rg_results_t *results, rg_result_key_t number, double *values)
{
    const rg_plan_t *plan = results->plan;
    for (int seed = 0; seed < plan->seeds; seed++) {
        const rg_plan_run_t *run = rg_plan_find(plan, number.row, number.annotated, number.weight, seed);
        values[seed] = number_in(
            json_object_get(results->report[run - plan->run], rg_stage_name(number.stage)), number.key);
    }
}

rg_statistic_t rg_results_mean(const rg_results_t *results, rg_result_key_t number)
{
    double values[RG_STATISTIC_MAX];
    rg_results_values(results, number, values);
    return rg_statistic(values, results->plan->seeds);
}

rg_statistic_t rg_results_difference(const rg_results_t *results, rg_result_key_t a, rg_result_key_t b)
{
    double of_a[RG_STATISTIC_MAX], of_b[RG_STATISTIC_MAX];
    rg_results_values(results, a, of_a);
    rg_results_values(results, b, of_b);
    return rg_statistic_paired(of_a, of_b, results->plan->seeds);
}
