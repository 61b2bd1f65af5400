#include "services/report/document/plot.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

#include "services/report/document/canvas.h"

typedef struct {
    double x_low, x_high, y_low, y_high;
} range_t;

static range_t find_range(const rg_plot_t *plot)
{
    range_t range = {INFINITY, -INFINITY, INFINITY, -INFINITY};
    for (int s = 0; s < plot->n; s++)
        for (int i = 0; i < plot->series[s].n; i++) {
            double x = plot->series[s].x[i], y = plot->series[s].y[i];
            if (!isfinite(x) || !isfinite(y)) continue;
            range = (range_t){fmin(range.x_low, x), fmax(range.x_high, x), fmin(range.y_low, y),
                              fmax(range.y_high, y)};
        }
    return range;
}

static double place_x(const rg_axis_t *axis, double x)
{
    return RG_CANVAS_LEFT + rg_axis_place(axis, x) * (RG_CANVAS_RIGHT - RG_CANVAS_LEFT);
}

static void draw_series(rg_canvas_t *canvas, const rg_axis_t *x, const rg_series_t *series,
                        const char *colour)
{
    int open = 0;
    for (int i = 0; i < series->n; i++) {
        if (!isfinite(series->x[i]) || !isfinite(series->y[i])) {
            if (open) fputs("\"/>\n", canvas->out);
            open = 0;
            continue;
        }
        if (!open)
            fprintf(canvas->out,
                    "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" stroke-linejoin=\"round\" "
                    "stroke-linecap=\"round\" points=\"",
                    colour);
        double px = place_x(x, series->x[i]), py = rg_canvas_y(canvas, series->y[i]);
        fprintf(canvas->out, "%.1f,%.1f ", px, py);
        if (!open) fprintf(canvas->out, "%.1f,%.1f ", px + 0.1, py); // one point alone is seen too
        open = 1;
    }
    if (open) fputs("\"/>\n", canvas->out);
}

static void draw_x_axis(rg_canvas_t *canvas, const rg_axis_t *x, const char *title)
{
    char number[32];
    for (int i = 0; i < x->ticks; i++) {
        snprintf(number, sizeof number, "%.6g", x->tick[i]);
        rg_canvas_text(canvas, place_x(x, x->tick[i]), RG_CANVAS_BOTTOM + 16, "middle", number);
    }
    rg_canvas_text(canvas, (RG_CANVAS_LEFT + RG_CANVAS_RIGHT) / 2.0, RG_CANVAS_BOTTOM + 34, "middle", title);
}

char *rg_plot_svg(const rg_plot_t *plot)
{
    rg_canvas_t canvas;
    rg_axis_t x, y;
    const char *names[RG_PLOT_SERIES];
    range_t range = find_range(plot);
    assert(plot->n <= RG_PLOT_SERIES);
    for (int s = 0; s < plot->n; s++) names[s] = plot->series[s].name;
    rg_axis_init(&x, range.x_low, range.x_high, 6, 0);
    rg_axis_init(&y, range.y_low, range.y_high, 5, plot->log_y);
    rg_canvas_begin(&canvas, plot->title, plot->y_title, &y, 48 + rg_canvas_legend_height(names, plot->n));
    draw_x_axis(&canvas, &x, plot->x_title);
    for (int s = 0; s < plot->n; s++) draw_series(&canvas, &x, &plot->series[s], rg_canvas_colour(s));
    rg_canvas_legend(&canvas, RG_CANVAS_BOTTOM + 58, names, plot->n);
    return rg_canvas_finish(&canvas);
}
