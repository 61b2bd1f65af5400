// Curves of a run as figures of a document.
#ifndef RG_RUN_CURVES_H
#define RG_RUN_CURVES_H

#include <jansson.h>

#include "common/report/document.h"

// 1 if this entry of a line of metrics.jsonl is a loss.
int rg_run_curve_is_loss(const char *key);

typedef struct {
    const char *name;    // in the legend
    const json_t *lines; // of one stage (record.h); NULL: none
    const char *key;     // the entry of a line that is drawn
} rg_run_curve_t;

// Adds a figure of the curves that have points, at most RG_SVG_CURVES; adds nothing if every curve has
// fewer than two points. Long curves are averaged to a few hundred points. log: a logarithmic vertical
// axis, if all values are above 0.
void rg_run_curves_draw(rg_document_t *document, const char *id, const char *title, int log,
                        const rg_run_curve_t *curve, int n);

#endif
