// The results of an experiment as a document: the table as the paper has it, differences within seeds with
// their intervals, the controls beside them, and pictures.
#ifndef RG_REPORT_EXPERIMENT_TABLES_H
#define RG_REPORT_EXPERIMENT_TABLES_H

#include "services/report/experiment/results.h"
#include "services/report/document/document.h"

// k: of P@k. Missing numbers are shown as dashes.
void rg_tables_retrieval(rg_document_t *document, const rg_results_t *results, int k);   // table 1
void rg_tables_translation(rg_document_t *document, const rg_results_t *results, int k); // table 2
void rg_tables_annotation(rg_document_t *document, const rg_results_t *results, int k);  // table 3

#endif
