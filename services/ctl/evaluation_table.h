// An evaluation report as tables for a terminal of 80 columns: how it was measured, the measures of all images
// by the way of translating, and the measures by domain. Only what a reader compares is shown; the command's
// --json and the file of the report have every entry.
#ifndef RG_CTL_EVALUATION_TABLE_H
#define RG_CTL_EVALUATION_TABLE_H

#include <jansson.h>

// Prints the report (common/report/evaluation_report.h) on standard output, below the title. A report that is
// not an object is printed as it is.
void rg_evaluation_table_print(const char *title, const json_t *report);

#endif
