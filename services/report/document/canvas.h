// The drawing that plots and bars share: a frame with a vertical axis, a legend, and text, as SVG. Lines and
// text have the colour of the page's; series have colours that the colour-blind tell apart, on light and on
// dark.
#ifndef RG_REPORT_DOCUMENT_CANVAS_H
#define RG_REPORT_DOCUMENT_CANVAS_H

#include <stdio.h>

#include "services/report/document/axis.h"

enum { RG_CANVAS_LEFT = 76, RG_CANVAS_RIGHT = 600, RG_CANVAS_TOP = 16, RG_CANVAS_BOTTOM = 260 };

typedef struct {
    FILE *out;
    char *text;
    size_t size;
    const rg_axis_t *y;
} rg_canvas_t;

const char *rg_canvas_colour(int series);

// extra: height below the frame, for what is written there. finish: the drawing, free() it.
void rg_canvas_begin(rg_canvas_t *canvas, const char *title, const char *y_title, const rg_axis_t *y,
                     int extra);
char *rg_canvas_finish(rg_canvas_t *canvas);

double rg_canvas_y(const rg_canvas_t *canvas, double value);
// anchor: start, middle or end
void rg_canvas_text(rg_canvas_t *canvas, double x, double y, const char *anchor, const char *text);
// Names of series in rows from y on; returns the height they take.
int rg_canvas_legend(rg_canvas_t *canvas, int y, const char *const *names, int n);
int rg_canvas_legend_height(const char *const *names, int n);

#endif
