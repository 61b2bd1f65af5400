// Means of few runs, with what can be said of them: 95 % intervals of Student's t. With three seeds they are
// wide, and that is what three seeds tell.
#ifndef RG_REPORT_EXPERIMENT_STATISTICS_H
#define RG_REPORT_EXPERIMENT_STATISTICS_H

enum { RG_STATISTIC_MAX = 64 }; // values

typedef struct {
    int n;         // values that are numbers
    double mean;   // NAN of none
    double spread; // standard deviation, NAN of fewer than two
    double half;   // half the 95 % interval of the mean, NAN of fewer than two
} rg_statistic_t;

// Of values [n]; those that are NAN are left out.
rg_statistic_t rg_statistic(const double *values, int n);

// Of the differences a[i] - b[i] [n] where both are numbers.
rg_statistic_t rg_statistic_paired(const double *a, const double *b, int n);

// The factor of the standard error: the 97.5 % quantile of Student's t with `freedom` >= 1 degrees of
// freedom.
double rg_student_t(int freedom);

#endif
