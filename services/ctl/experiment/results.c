#include "services/ctl/experiment/results.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "services/ctl/stage.h"

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

int rg_results_open(rg_results_t *results, const rg_plan_t *plan, const char *root)
{
    *results = (rg_results_t){.plan = plan, .report = rg_alloc((size_t)plan->n * sizeof *results->report)};
    int err = 0;
    for (int i = 0; i < plan->n && !err; i++) err = read_run(results, i, root);
    if (err) rg_results_close(results);
    return err;
}

void rg_results_close(rg_results_t *results)
{
    for (int i = 0; results->report && i < results->plan->n; i++) json_decref(results->report[i]);
    free(results->report);
    results->report = NULL;
}

void rg_results_values(const rg_results_t *results, rg_number_t number, double *values)
{
    const rg_plan_t *plan = results->plan;
    for (int seed = 0; seed < plan->seeds; seed++) {
        const rg_run_t *run = rg_plan_find(plan, number.row, number.annotated, seed);
        const json_t *report = json_object_get(results->report[run - plan->run], rg_stage_name(number.stage)),
                     *value = json_object_get(report, number.key);
        values[seed] = json_is_number(value) ? json_number_value(value) : NAN;
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
