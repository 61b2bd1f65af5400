// Drawings as SVG text: curves over a horizontal axis, and groups of bars. Lines and text have the page's
// colour. The colours of the series differ for colour-blind readers too, on light and on dark pages.
#ifndef RG_REPORT_SVG_H
#define RG_REPORT_SVG_H

enum { RG_SVG_CURVES = 16, RG_SVG_BARS = 8 }; // series of a plot, bars of a group at most

typedef struct {
    const char *name;
    const double *x, *y; // [n], joined in this order; the curve has a gap where a value is NAN
    int n;
} rg_svg_series_t;

typedef struct {
    const char *title; // read aloud by screen readers
    const char *x_title, *y_title;
    int log_y; // a logarithmic vertical axis, if all values are above 0
    const rg_svg_series_t *series;
    int n;    // at most RG_SVG_CURVES
    int dots; // each point is a dot, too: for a few measured points
} rg_svg_plot_t;

char *rg_svg_plot(const rg_svg_plot_t *plot); // free() it

typedef struct {
    double value, half; // half the width of its interval; NAN: no interval
} rg_svg_bar_t;

// A dashed line across all bars, such as the value of real images. Its name has space for a dozen letters.
typedef struct {
    const char *name;
    double value;
} rg_svg_level_t;

typedef struct {
    const char *title; // read aloud by screen readers
    const char *y_title;
    const char *const *group; // [groups] names
    int groups;
    const char *const *series;   // [n] names
    int n;                       // at most RG_SVG_BARS
    const rg_svg_bar_t *bar;     // [groups,n]
    const rg_svg_level_t *level; // [levels]
    int levels;
} rg_svg_bars_t;

char *rg_svg_bars(const rg_svg_bars_t *bars); // free() it

#endif
