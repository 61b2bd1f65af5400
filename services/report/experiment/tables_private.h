// What the tables share.
#ifndef RG_REPORT_EXPERIMENT_TABLES_PRIVATE_H
#define RG_REPORT_EXPERIMENT_TABLES_PRIVATE_H

#include "services/report/experiment/tables.h"

enum { RG__KEY = 96, RG__ROWS_MAX = 8, RG__SPACES = 4, RG__MODES = 2 };

// What a trained R is compared with: for people, and in the reports.
extern const char *const rg__spaces[RG__SPACES][2];
extern const char *const rg__modes[RG__MODES]; // "latent", "reference"

// "p10.trained.average"; "frechet_latent" of "frechet_%s".
const char *rg__precision_key(char out[RG__KEY], int k, const char *space, const char *what);
const char *rg__mode_key(char out[RG__KEY], const char *pattern, const char *mode);

// "1.20 ± 0.10": mean and standard deviation. "+0.20 [-0.10, +0.50]": a difference and its 95 % interval.
void rg__put_mean(rg_table_t *table, rg_statistic_t s, int decimals);
void rg__put_difference(rg_table_t *table, rg_statistic_t s, int decimals);

// A table of precisions; the cells of a row after its name; the rows of rg__spaces.
void rg__precisions_init(rg_table_t *table, const char *id, const char *first);
void rg__put_precisions(rg_table_t *table, const rg_results_t *results, rg_number_t number, int k,
                        const char *space);
void rg__put_baselines(rg_table_t *table, const rg_results_t *results, int annotated, int k);

// Everything that is to be said of translations at one fraction of annotation.
void rg__put_fraction(rg_document_t *document, const rg_results_t *results, int annotated, int k);

#endif
