// Curves over one horizontal axis, as SVG.
#ifndef RG_REPORT_DOCUMENT_PLOT_H
#define RG_REPORT_DOCUMENT_PLOT_H

enum { RG_PLOT_SERIES = 16 };

typedef struct {
    const char *name;
    const double *x, *y; // [n], x ascending; where y is NAN the curve has a gap
    int n;
} rg_series_t;

typedef struct {
    const char *title; // said to those who cannot see it
    const char *x_title, *y_title;
    int log_y; // where all values are above 0
    const rg_series_t *series;
    int n; // at most RG_PLOT_SERIES
} rg_plot_t;

char *rg_plot_svg(const rg_plot_t *plot); // free() it

#endif
