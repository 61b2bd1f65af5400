// The numbers of a carried out plan, from the reports in its folders.
#ifndef RG_REPORT_EXPERIMENT_RESULTS_H
#define RG_REPORT_EXPERIMENT_RESULTS_H

#include <jansson.h>

#include "services/report/experiment/plan.h"
#include "services/report/experiment/statistics.h"
#include "services/report/document/table.h"

typedef struct {
    const rg_plan_t *plan; // borrowed
    json_t **report;       // [n] of the plan's runs: object STAGE -> report, owned
} rg_results_t;

// RG_EFORMAT naming the report that cannot be read, RG_EMODEL naming two runs that were not measured alike
// and how.
int rg_results_open(rg_results_t *results, const rg_plan_t *plan, const char *root);
void rg_results_close(rg_results_t *results); // tolerates a zeroed struct

// A number of the reports of a row at a fraction, both by position; one for each seed. A key that ends in
// ".*" stands for the mean of a number's parts: "frechet_latent.*" of those of all domains.
enum { RG_BASE = -1 }; // in place of a row: the run that its rows begin with
typedef struct {
    int row, annotated, stage;
    const char *key;
} rg_number_t;

// values [seeds]; NAN where it is missing.
void rg_results_values(const rg_results_t *results, rg_number_t number, double *values);

// Their mean, and that of the differences a - b within seeds.
rg_statistic_t rg_results_mean(const rg_results_t *results, rg_number_t number);
rg_statistic_t rg_results_difference(const rg_results_t *results, rg_number_t a, rg_number_t b);

// Every number of every run, one per row.
void rg_results_list(const rg_results_t *results, rg_table_t *table);

// The first seed's report of a row (or RG_BASE), borrowed.
json_t *rg_results_report(const rg_results_t *results, int row, int stage);

#endif
