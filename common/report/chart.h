// Charts of a run's journals: which numbers share a chart, and charts as figures of a document. The report
// of a run and the page of the gateway have the same charts.
#ifndef RG_REPORT_CHART_H
#define RG_REPORT_CHART_H

#include <jansson.h>

#include "common/report/document.h"

// ---- families: the numbers of one chart

enum { RG_CHART_KEYS = 4 };

typedef struct {
    const char *title;
    const char *key[RG_CHART_KEYS]; // entries of a line of the journal; NULL ends a shorter list
    int is_rate;                    // a rate; others are losses, drawn on a logarithmic axis
} rg_chart_family_t;

// The families of metrics.jsonl and of evaluations.jsonl; both end with a NULL title. Losses come before
// rates. An entry of metrics.jsonl that is in no family is a loss with a chart of its own.
extern const rg_chart_family_t rg_chart_training[], rg_chart_evaluations[];

// The family of an entry of metrics.jsonl; NULL: none.
const rg_chart_family_t *rg_chart_family_find(const char *key);

// 1 if this entry of a line of metrics.jsonl is a loss.
int rg_chart_is_loss(const char *key);

// ---- figures

typedef struct {
    const char *name;    // in the legend
    const json_t *lines; // array of lines of a journal, iterations ascending; NULL: none
    const char *key;     // the entry of a line that is drawn
} rg_chart_curve_t;

// Adds a figure of the curves that have points, at most RG_SVG_CURVES; adds nothing if every curve has
// fewer than two points. Long curves are averaged to a few hundred points. log: a logarithmic vertical
// axis, if all values are above 0.
void rg_chart_draw(rg_document_t *document, const char *id, const char *title, int log,
                   const rg_chart_curve_t *curve, int n);

#endif
