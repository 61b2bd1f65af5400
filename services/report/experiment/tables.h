// The tables of an experiment as parts of a document: the table as in the paper, differences within seeds
// with their intervals, and the controls beside them. Missing numbers are dashes.
#ifndef RG_EXPERIMENT_TABLES_H
#define RG_EXPERIMENT_TABLES_H

#include "common/report/document.h"
#include "services/report/experiment/results.h"

// k: of P@k.
void rg_tables_retrieval(rg_document_t *document, const rg_results_t *results, int k);   // table 1
void rg_tables_translation(rg_document_t *document, const rg_results_t *results, int k); // table 2
void rg_tables_annotation(rg_document_t *document, const rg_results_t *results, int k);  // table 3
void rg_tables_curve(rg_document_t *document, const rg_results_t *results, int k);
void rg_tables_sizes(rg_document_t *document, const rg_results_t *results, int k);

// ---- shared by the tables

enum { RG__KEY = 96, RG__ROWS_MAX = 8, RG__SPACES = 4, RG__MODES = 2 };
enum { RG__WHOLE = 0 }; // position of the only fraction of annotation in tables 1 and 2

// What a trained R is compared with: the name for people, the name in reports.
extern const char *const rg__spaces[RG__SPACES][2];
extern const char *const rg__modes[RG__MODES]; // "latent", "reference"

// The row of the exemplars, for people: the references of the translations, as if they were the translations.
extern const char rg__exemplars[];

// "p10.trained.average"; and "frechet_latent" from "frechet_%s".
const char *rg__precision_key(char out[RG__KEY], int k, const char *space, const char *what);
const char *rg__mode_key(char out[RG__KEY], const char *pattern, const char *mode);

// Cells: "1.20 ± 0.10" is a mean with its standard deviation, "+0.20 [-0.10, +0.50]" a mean difference with
// its 95 % interval.
void rg__put_mean(rg_table_t *table, rg_statistic_t s, int decimals);
void rg__put_difference(rg_table_t *table, rg_statistic_t s, int decimals);

// A table of precisions: its columns; the cells of one row after its name; one row for each of rg__spaces.
void rg__precisions_init(rg_table_t *table, const char *id, const char *first);
void rg__put_precisions(rg_table_t *table, const rg_results_t *results, rg_result_key_t number, int k,
                        const char *space);
void rg__put_baselines(rg_table_t *table, const rg_results_t *results, int annotated, int k);

#endif
