// A drawing in progress: a frame with a vertical axis, a legend and text. Plots and bars are drawn on it.
#ifndef RG_REPORT_SVG_CANVAS_H
#define RG_REPORT_SVG_CANVAS_H

#include <stdio.h>

// Writes text for HTML and SVG: escaped for elements and for quoted attributes. Control characters that XML
// does not allow, and bytes that are not UTF-8, become '?'.
void rg__markup_text(const char *text, FILE *out);

// ---- the vertical or horizontal axis: a range with round ends, and the numbers beside it

enum { RG__SVG_TICKS = 16 };

typedef struct {
    double low, high;
    int log; // positions are proportional to the logarithm
    int ticks;
    double tick[RG__SVG_TICKS];
} rg__svg_axis_t;

// An axis that contains low..high, with about `wanted` ticks at 1, 2 or 5 times a power of ten. With log
// set, and low above 0, the ticks are powers of ten. An empty range is widened; a range that is not finite
// becomes 0..1.
void rg__svg_axis_init(rg__svg_axis_t *axis, double low, double high, int wanted, int log);

// The position of a value: 0 at the low end, 1 at the high end.
double rg__svg_axis_place(const rg__svg_axis_t *axis, double value);

// ---- the drawing

enum { RG__SVG_LEFT = 76, RG__SVG_RIGHT = 600, RG__SVG_TOP = 16, RG__SVG_BOTTOM = 260 }; // the frame

typedef struct {
    FILE *out;
    char *text;
    size_t size;
    const rg__svg_axis_t *y;
} rg__svg_canvas_t;

const char *rg__svg_colour(int series);

// extra: height below the frame, for names and legend. finish returns the drawing, free() it.
void rg__svg_begin(rg__svg_canvas_t *canvas, const char *title, const char *y_title, const rg__svg_axis_t *y,
                   int extra);
char *rg__svg_finish(rg__svg_canvas_t *canvas);

double rg__svg_y(const rg__svg_canvas_t *canvas, double value);
// anchor: start, middle or end
void rg__svg_text(rg__svg_canvas_t *canvas, double x, double y, const char *anchor, const char *text);
// Writes the names of the series in rows from y on and returns their height. canvas NULL: only the height.
int rg__svg_legend(rg__svg_canvas_t *canvas, int y, const char *const *names, int n);

#endif
