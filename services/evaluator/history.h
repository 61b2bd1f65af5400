// RUN/evaluations.jsonl: every evaluation of a run, one report with its protocol per line, oldest first.
#ifndef RG_EVALUATOR_HISTORY_H
#define RG_EVALUATOR_HISTORY_H

#include "common/report/evaluation_report.h"

// Adds the entries of the last line that was made with the report's protocol, that is, has every entry of it.
// 1 if there is one; 0, with nothing changed, if not. Lines that cannot be read are none.
int rg_history_recall(rg_report_t *report, const char *path);

// Adds a line, on the disk when this returns. A line that a crash cut off does not spoil it. RG_EIO,
// RG_EFULL.
int rg_history_append(const rg_report_t *report, const char *path);

#endif
