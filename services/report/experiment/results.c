#include "services/report/experiment/results.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/model/stage.h"
#include "common/report/evaluation_report.h"

enum { PATH = 1024 };

static int read_report(const char *path, json_t **report)
{
    json_error_t error;
    *report = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!*report) return rg_fail(RG_EFORMAT, "%s:%d: %s", path, error.line, error.text);
    if (json_is_object(*report)) return 0;
    json_decref(*report);
    return rg_fail(RG_EFORMAT, "%s: no JSON object", path);
}

static int read_run(rg_results_t *results, int position, const char *root)
{
    const rg_run_t *run = &results->plan->run[position];
    int err = 0;
    results->report[position] = json_object();
    for (int stage = run->first; stage <= run->last && !err; stage++) {
        char path[PATH];
        json_t *report;
        snprintf(path, sizeof path, "%s/%s/reports/%s.json", root, run->folder, rg_stage_name(stage));
        err = read_report(path, &report);
        if (!err) json_object_set_new(results->report[position], rg_stage_name(stage), report);
    }
    return err;
}

// Rows are compared with each other and with what they began with, within a seed: all measured alike.
static int check_run(const rg_results_t *results, int position)
{
    const rg_plan_t *plan = results->plan;
    const rg_run_t *run = &plan->run[position];
    if (run->row == RG_BASE) return 0;
    const char *stage = rg_stage_name(plan->stage);
    const json_t *ours = json_object_get(results->report[position], stage);
    for (int i = 0; i < position; i++)
        if (plan->run[i].from == run->from && plan->run[i].row != RG_BASE) {
            int err = rg_report_comparable(ours, json_object_get(results->report[i], stage));
            if (err) return rg_fail(err, "%s and %s: %s", run->folder, plan->run[i].folder, rg_error());
        }
    return 0;
}

int rg_results_open(rg_results_t *results, const rg_plan_t *plan, const char *root)
{
    *results = (rg_results_t){.plan = plan, .report = rg_alloc((size_t)plan->n * sizeof *results->report)};
    int err = 0;
    for (int i = 0; i < plan->n && !err; i++) err = read_run(results, i, root);
    for (int i = 0; i < plan->n && !err; i++) err = check_run(results, i);
    if (err) rg_results_close(results);
    return err;
}

void rg_results_close(rg_results_t *results)
{
    for (int i = 0; results->report && i < results->plan->n; i++) json_decref(results->report[i]);
    free(results->report);
    results->report = NULL;
}

static void list_report(rg_table_t *table, const rg_run_t *run, const char *stage, json_t *report)
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
    const rg_run_t *run = rg_plan_find(results->plan, row, 0, 0);
    return json_object_get(results->report[run - results->plan->run], rg_stage_name(stage));
}

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

void rg_results_values(const rg_results_t *results, rg_number_t number, double *values)
{
    const rg_plan_t *plan = results->plan;
    for (int seed = 0; seed < plan->seeds; seed++) {
        const rg_run_t *run = rg_plan_find(plan, number.row, number.annotated, seed);
        values[seed] = number_in(
            json_object_get(results->report[run - plan->run], rg_stage_name(number.stage)), number.key);
    }
}

rg_statistic_t rg_results_mean(const rg_results_t *results, rg_number_t number)
{
    double values[RG_STATISTIC_MAX];
    rg_results_values(results, number, values);
    return rg_statistic(values, results->plan->seeds);
}

rg_statistic_t rg_results_difference(const rg_results_t *results, rg_number_t a, rg_number_t b)
{
    double of_a[RG_STATISTIC_MAX], of_b[RG_STATISTIC_MAX];
    rg_results_values(results, a, of_a);
    rg_results_values(results, b, of_b);
    return rg_statistic_paired(of_a, of_b, results->plan->seeds);
}
