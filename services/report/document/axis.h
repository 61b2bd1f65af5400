// A vertical axis: a range with round ends, and the numbers to write beside it.
#ifndef RG_REPORT_DOCUMENT_AXIS_H
#define RG_REPORT_DOCUMENT_AXIS_H

enum { RG_TICKS_MAX = 16 };

typedef struct {
    double low, high;
    int log; // values are placed by their logarithm
    int ticks;
    double tick[RG_TICKS_MAX];
} rg_axis_t;

// An axis that holds low..high, about `wanted` ticks on it, 1, 2 or 5 times a power of ten apart; powers of
// ten where log is set, for which low must be above 0. An empty range is widened; one that is not finite
// becomes 0..1.
void rg_axis_init(rg_axis_t *axis, double low, double high, int wanted, int log);

// Where a value lies: 0 at the low end, 1 at the high one.
double rg_axis_place(const rg_axis_t *axis, double value);

#endif
