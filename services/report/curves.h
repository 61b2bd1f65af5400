// Curves of a run, from its journals: RUN/metrics.jsonl and RUN/evaluations.jsonl, whose lines are JSON
// objects with a stage and an iteration. What a line tells is looked up by its key.
#ifndef RG_REPORT_REPORT_CURVES_H
#define RG_REPORT_REPORT_CURVES_H

#include <jansson.h>

#include "services/report/document/document.h"

// *stages: an object, STAGE -> array of lines with iterations ascending; decref it. Iterations that were done
// again, after a restart or a crash, count once, as done last. Of evaluations those are taken that are
// comparable with each other (evaluation_report.h), the most there are. A file that is not there has no
// stages; a line that is no JSON is none. RG_EIO, RG_ELIMIT.
int rg_curves_of_training(json_t **stages, const char *run);
int rg_curves_of_evaluations(json_t **stages, const char *run);

// Whether what a line of training tells is a loss.
int rg_curves_is_loss(const char *key);

typedef struct {
    const char *name;    // in the legend
    const json_t *lines; // of a stage; NULL: none
    const char *key;
} rg_curve_t;

// A figure of the curves that have points, at most RG_PLOT_SERIES; none if no curve has at least two. Many
// points are averaged to few. log: the vertical axis is logarithmic if all values are above 0.
void rg_curves_draw(rg_document_t *document, const char *id, const char *title, int log,
                    const rg_curve_t *curve, int n);

#endif
