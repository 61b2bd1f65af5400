// A curve of a few measured points: distance by accuracy. Models that were measured at different accuracies are
// compared where their curves have the same one.
#ifndef RG_EXPERIMENT_CURVE_H
#define RG_EXPERIMENT_CURVE_H

#include "services/report/experiment/plan.h"

typedef struct {
    int n;
    double x[RG_PLAN_WEIGHTS_MAX], y[RG_PLAN_WEIGHTS_MAX]; // [n] x ascending
} rg_curve_t;

// Sorts the points x, y [n] by x; leaves out those of which a value is NAN. n is at most RG_PLAN_WEIGHTS_MAX.
void rg_curve_init(rg_curve_t *curve, const double *x, const double *y, int n);

// The range of x that both curves have; 0 if they have none in common.
int rg_curve_common(const rg_curve_t *a, const rg_curve_t *b, double *low, double *high);

// y at x, on the straight line between the points beside it; NAN beyond the first and the last point.
double rg_curve_at(const rg_curve_t *curve, double x);

#endif
