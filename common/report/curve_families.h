// Curve families: which numbers of a run's journals share a chart, and its title. The report of a run and
// the page of the gateway draw the same families.
#ifndef RG_REPORT_CURVE_FAMILIES_H
#define RG_REPORT_CURVE_FAMILIES_H

enum { RG_CURVE_FAMILY_KEYS = 4 };

typedef struct {
    const char *title;
    const char *key[RG_CURVE_FAMILY_KEYS]; // entries of a line of the journal; NULL ends a shorter list
    int is_rate;                           // a rate; others are losses, drawn on a logarithmic axis
} rg_curve_family_t;

// Of metrics.jsonl and of evaluations.jsonl; both end with a NULL title. Losses come before rates. An entry
// of metrics.jsonl that is in no family is a loss with a chart of its own.
extern const rg_curve_family_t rg_training_families[], rg_measure_families[];

// The family of an entry of metrics.jsonl; NULL: none.
const rg_curve_family_t *rg_training_family_find(const char *key);

#endif
