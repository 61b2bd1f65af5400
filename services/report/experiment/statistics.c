#include "services/report/experiment/statistics.h"

#include <assert.h>
#include <math.h>

double rg_student_t(int freedom)
{
    static const double EXACT[] = {12.7062, 4.3027, 3.1824, 2.7764, 2.5706,
                                   2.4469,  2.3646, 2.3060, 2.2622, 2.2281};
    const int known = (int)(sizeof EXACT / sizeof *EXACT);
    if (freedom <= known) return EXACT[freedom - 1];
    // the expansion of Cornish and Fisher about the normal quantile, within 0.1 % from here on
    double z = 1.959964, n = freedom, z3 = z * z * z, z5 = z3 * z * z;
    return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n);
}

rg_statistic_t rg_statistic(const double *values, int n)
{
    rg_statistic_t s = {.mean = NAN, .spread = NAN, .half = NAN};
    double sum = 0, squares = 0;
    for (int i = 0; i < n; i++)
        if (!isnan(values[i])) sum += values[i], s.n++;
    if (s.n > 0) s.mean = sum / s.n;
    if (s.n < 2) return s;
    for (int i = 0; i < n; i++)
        if (!isnan(values[i])) squares += (values[i] - s.mean) * (values[i] - s.mean);
    s.spread = sqrt(squares / (s.n - 1));
    s.half = rg_student_t(s.n - 1) * s.spread / sqrt(s.n);
    return s;
}

rg_statistic_t rg_statistic_paired(const double *a, const double *b, int n)
{
    double differences[RG_STATISTIC_MAX];
    assert(n <= RG_STATISTIC_MAX);
    for (int i = 0; i < n; i++) differences[i] = a[i] - b[i]; // NAN where one is missing
    return rg_statistic(differences, n);
}
