#include "services/report/experiment/curve.h"

#include <assert.h>
#include <math.h>

// Keeps the points sorted: there are only a few.
static void curve_add(rg_curve_t *curve, double x, double y)
{
    int at = curve->n++;
    for (; at > 0 && curve->x[at - 1] > x; at--) {
        curve->x[at] = curve->x[at - 1];
        curve->y[at] = curve->y[at - 1];
    }
    curve->x[at] = x;
    curve->y[at] = y;
}

void rg_curve_init(rg_curve_t *curve, const double *x, const double *y, int n)
{
    assert(n <= RG_PLAN_WEIGHTS_MAX);
    *curve = (rg_curve_t){0};
    for (int i = 0; i < n; i++)
        if (!isnan(x[i]) && !isnan(y[i])) curve_add(curve, x[i], y[i]);
}

int rg_curve_common(const rg_curve_t *a, const rg_curve_t *b, double *low, double *high)
{
    if (!a->n || !b->n) return 0;
    *low = fmax(a->x[0], b->x[0]);
    *high = fmin(a->x[a->n - 1], b->x[b->n - 1]);
    return *low <= *high;
}

double rg_curve_at(const rg_curve_t *curve, double x)
{
    int next = 0;
    while (next < curve->n && curve->x[next] < x) next++;
    if (next == curve->n) return NAN;
    if (curve->x[next] == x) return curve->y[next];
    if (next == 0) return NAN;
    double part = (x - curve->x[next - 1]) / (curve->x[next] - curve->x[next - 1]);
    return curve->y[next - 1] + part * (curve->y[next] - curve->y[next - 1]);
}
