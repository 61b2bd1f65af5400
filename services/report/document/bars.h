// Groups of bars with intervals, from zero, as SVG.
#ifndef RG_REPORT_DOCUMENT_BARS_H
#define RG_REPORT_DOCUMENT_BARS_H

enum { RG_BARS_SERIES = 8, RG_BARS_LINES = 4 };

typedef struct {
    double value, half; // half of its interval; NAN: none of it
} rg_bar_t;

// A line across all bars: what real images reach. The name has room for a dozen letters.
typedef struct {
    const char *name;
    double value;
} rg_level_t;

typedef struct {
    const char *title; // said to those who cannot see it
    const char *y_title;
    const char *const *group; // names [groups]
    int groups;
    const char *const *series; // names [n]
    int n;                     // at most RG_BARS_SERIES
    const rg_bar_t *bar;       // [groups,n]
    const rg_level_t *level;   // [levels]
    int levels;
} rg_bars_t;

char *rg_bars_svg(const rg_bars_t *bars); // free() it

#endif
