// Both drawings work in three steps: the range of the data gives the axes, the canvas draws the frame
// (svg_canvas.h), and the data is placed in it. Values that are not finite are left out: a curve is
// interrupted, a bar is missing.
#include "common/report/svg.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

#include "common/report/svg_canvas.h"

// ---- curves

typedef struct {
    double x_low, x_high, y_low, y_high;
} range_t;

static range_t plot_range(const rg_svg_plot_t *plot)
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

static double plot_x(const rg__svg_axis_t *axis, double x)
{
    return RG__SVG_LEFT + rg__svg_axis_place(axis, x) * (RG__SVG_RIGHT - RG__SVG_LEFT);
}

static void plot_series(rg__svg_canvas_t *canvas, const rg__svg_axis_t *x, const rg_svg_series_t *series,
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
        double px = plot_x(x, series->x[i]), py = rg__svg_y(canvas, series->y[i]);
        fprintf(canvas->out, "%.1f,%.1f ", px, py);
        if (!open) fprintf(canvas->out, "%.1f,%.1f ", px + 0.1, py); // makes a single point visible
        open = 1;
    }
    if (open) fputs("\"/>\n", canvas->out);
}

static void plot_dots(rg__svg_canvas_t *canvas, const rg__svg_axis_t *x, const rg_svg_series_t *series,
                      const char *colour)
{
    for (int i = 0; i < series->n; i++)
        if (isfinite(series->x[i]) && isfinite(series->y[i]))
            fprintf(canvas->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\"/>\n",
                    plot_x(x, series->x[i]), rg__svg_y(canvas, series->y[i]), colour);
}

static void plot_x_axis(rg__svg_canvas_t *canvas, const rg__svg_axis_t *x, const char *title)
{
    char number[32];
    for (int i = 0; i < x->ticks; i++) {
        snprintf(number, sizeof number, "%.6g", x->tick[i]);
        rg__svg_text(canvas, plot_x(x, x->tick[i]), RG__SVG_BOTTOM + 16, "middle", number);
    }
    rg__svg_text(canvas, (RG__SVG_LEFT + RG__SVG_RIGHT) / 2.0, RG__SVG_BOTTOM + 34, "middle", title);
}

char *rg_svg_plot(const rg_svg_plot_t *plot)
{
    rg__svg_canvas_t canvas;
    rg__svg_axis_t x, y;
    const char *names[RG_SVG_CURVES];
    range_t range = plot_range(plot);
    assert(plot->n <= RG_SVG_CURVES);
    for (int s = 0; s < plot->n; s++) names[s] = plot->series[s].name;
    rg__svg_axis_init(&x, range.x_low, range.x_high, 6, 0);
    rg__svg_axis_init(&y, range.y_low, range.y_high, 5, plot->log_y);
    rg__svg_begin(&canvas, plot->title, plot->y_title, &y, 48 + rg__svg_legend(NULL, 0, names, plot->n));
    plot_x_axis(&canvas, &x, plot->x_title);
    for (int s = 0; s < plot->n; s++) {
        plot_series(&canvas, &x, &plot->series[s], rg__svg_colour(s));
        if (plot->dots) plot_dots(&canvas, &x, &plot->series[s], rg__svg_colour(s));
    }
    rg__svg_legend(&canvas, RG__SVG_BOTTOM + 58, names, plot->n);
    return rg__svg_finish(&canvas);
}

// ---- bars

enum { NAMES = 22 }; // height of the groups' names

static void range_widen(double *low, double *high, double value)
{
    if (!isfinite(value)) return;
    *low = fmin(*low, value);
    *high = fmax(*high, value);
}

static void bars_axis(const rg_svg_bars_t *bars, rg__svg_axis_t *y)
{
    double low = 0, high = 0;
    for (int i = 0; i < bars->groups * bars->n; i++) {
        double half = isnan(bars->bar[i].half) ? 0 : bars->bar[i].half;
        range_widen(&low, &high, bars->bar[i].value - half);
        range_widen(&low, &high, bars->bar[i].value + half);
    }
    for (int i = 0; i < bars->levels; i++) range_widen(&low, &high, bars->level[i].value);
    rg__svg_axis_init(y, low, high, 5, 0);
}

static void bar_interval(rg__svg_canvas_t *canvas, double x, const rg_svg_bar_t *bar)
{
    double top = rg__svg_y(canvas, bar->value + bar->half),
           bottom = rg__svg_y(canvas, bar->value - bar->half);
    fprintf(canvas->out,
            "<path d=\"M%.1f %.1fH%.1fM%.1f %.1fH%.1fM%.1f %.1fV%.1f\" stroke=\"currentColor\" "
            "stroke-width=\"1.5\"/>\n",
            x - 4, top, x + 4, x - 4, bottom, x + 4, x, top, bottom);
}

static void bar_draw(rg__svg_canvas_t *canvas, double x, double width, const rg_svg_bar_t *bar,
                     const char *colour)
{
    char number[32];
    if (!isfinite(bar->value)) return;
    double zero = rg__svg_y(canvas, 0), y = rg__svg_y(canvas, bar->value), top = fmin(zero, y);
    fprintf(canvas->out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>\n", x, top,
            width, fabs(zero - y), colour);
    if (isfinite(bar->half)) {
        bar_interval(canvas, x + width / 2, bar);
        top = fmin(top, rg__svg_y(canvas, bar->value + bar->half));
    }
    if (width < 24) return; // too narrow for a number
    snprintf(number, sizeof number, "%.3g", bar->value);
    rg__svg_text(canvas, x + width / 2, fmax(top - 4, 11), "middle", number);
}

static void bars_groups(rg__svg_canvas_t *canvas, const rg_svg_bars_t *bars)
{
    double group = (double)(RG__SVG_RIGHT - RG__SVG_LEFT) / (bars->groups ? bars->groups : 1);
    double width = group * 0.8 / (bars->n ? bars->n : 1);
    for (int g = 0; g < bars->groups; g++) {
        double left = RG__SVG_LEFT + g * group + group * 0.1;
        for (int s = 0; s < bars->n; s++)
            bar_draw(canvas, left + s * width, width * 0.92, &bars->bar[g * bars->n + s], rg__svg_colour(s));
        rg__svg_text(canvas, left + group * 0.4, RG__SVG_BOTTOM + 16, "middle", bars->group[g]);
    }
}

static void bars_level(rg__svg_canvas_t *canvas, const rg_svg_level_t *level)
{
    if (!isfinite(level->value)) return;
    double y = rg__svg_y(canvas, level->value);
    fprintf(canvas->out,
            "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"currentColor\" stroke-dasharray=\"6 "
            "4\"/>\n",
            RG__SVG_LEFT, RG__SVG_RIGHT, y, y);
    rg__svg_text(canvas, RG__SVG_RIGHT + 6, y + 4, "start", level->name);
}

char *rg_svg_bars(const rg_svg_bars_t *bars)
{
    rg__svg_canvas_t canvas;
    rg__svg_axis_t y;
    assert(bars->n <= RG_SVG_BARS);
    bars_axis(bars, &y);
    rg__svg_begin(&canvas, bars->title, bars->y_title, &y,
                  NAMES + 16 + rg__svg_legend(NULL, 0, bars->series, bars->n));
    bars_groups(&canvas, bars);
    for (int i = 0; i < bars->levels; i++) bars_level(&canvas, &bars->level[i]);
    rg__svg_legend(&canvas, RG__SVG_BOTTOM + NAMES + 18, bars->series, bars->n);
    return rg__svg_finish(&canvas);
}
