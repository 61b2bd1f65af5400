// The results of an experiment: the numbers in the reports of a finished plan, and their statistics over
// seeds.
#ifndef RG_EXPERIMENT_RESULTS_H
#define RG_EXPERIMENT_RESULTS_H

#include <jansson.h>

#include "common/report/document.h"
#include "services/report/experiment/plan.h"

// ---- statistics of a few values, with 95 % intervals of Student's t. Of three seeds the intervals are wide.

enum { RG_STATISTIC_MAX = 64 }; // values

typedef struct {
    int n;         // values that are not NAN
    double mean;   // NAN if n = 0
    double spread; // standard deviation, NAN if n < 2
    double half;   // half of the mean's 95 % interval, NAN if n < 2
} rg_statistic_t;

// The statistic of values [n]. NAN stands for a missing value.
rg_statistic_t rg_statistic(const double *values, int n);

// The statistic of the differences a[i] - b[i] [n] where neither is missing.
rg_statistic_t rg_statistic_paired(const double *a, const double *b, int n);

// The 97.5 % quantile of Student's t with `freedom` >= 1 degrees of freedom.
double rg_student_quantile(int freedom);

// ---- results

typedef struct {
    const rg_plan_t *plan; // borrowed
    json_t **report;       // [n] of the plan's runs: object STAGE -> report, owned
} rg_results_t;

// RG_EFORMAT naming a report that cannot be read, RG_EMODEL naming two runs that were measured differently.
int rg_results_open(rg_results_t *results, const rg_plan_t *plan, const char *root);
void rg_results_close(rg_results_t *results); // accepts a zeroed struct

// Which number: of a row (or RG_PLAN_BASE) at a fraction of annotation and at a weight, all by position, and
// of a stage; one value per seed. A key that ends in ".*" is the mean of a number's parts: "frechet_latent.*"
// averages all domains. set_complete_at (runner.h) counts as a number of a growing row's stage 3.
typedef struct {
    int row, annotated, stage;
    const char *key;
    int weight;
} rg_result_key_t;

// values [seeds]; NAN where the number is missing.
void rg_results_values(const rg_results_t *results, rg_result_key_t number, double *values);

// Over seeds: the statistic of a number, and of the differences a - b within each seed.
rg_statistic_t rg_results_mean(const rg_results_t *results, rg_result_key_t number);
rg_statistic_t rg_results_difference(const rg_results_t *results, rg_result_key_t a, rg_result_key_t b);

// Makes a table of every number of every run, one per row.
void rg_results_list(const rg_results_t *results, rg_table_t *table);

// The first report of a row or of RG_PLAN_BASE, borrowed.
json_t *rg_results_report(const rg_results_t *results, int row, int stage);

#endif
