#include "services/report/document/bars.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

#include "services/report/document/canvas.h"

enum { NAMES = 22 }; // height of the groups' names

static void widen(double *low, double *high, double value)
{
    if (!isfinite(value)) return;
    *low = fmin(*low, value);
    *high = fmax(*high, value);
}

static void find_axis(const rg_bars_t *bars, rg_axis_t *y)
{
    double low = 0, high = 0;
    for (int i = 0; i < bars->groups * bars->n; i++) {
        double half = isnan(bars->bar[i].half) ? 0 : bars->bar[i].half;
        widen(&low, &high, bars->bar[i].value - half);
        widen(&low, &high, bars->bar[i].value + half);
    }
    for (int i = 0; i < bars->levels; i++) widen(&low, &high, bars->level[i].value);
    rg_axis_init(y, low, high, 5, 0);
}

static void draw_interval(rg_canvas_t *canvas, double x, const rg_bar_t *bar)
{
    double top = rg_canvas_y(canvas, bar->value + bar->half),
           bottom = rg_canvas_y(canvas, bar->value - bar->half);
    fprintf(canvas->out,
            "<path d=\"M%.1f %.1fH%.1fM%.1f %.1fH%.1fM%.1f %.1fV%.1f\" stroke=\"currentColor\" "
            "stroke-width=\"1.5\"/>\n",
            x - 4, top, x + 4, x - 4, bottom, x + 4, x, top, bottom);
}

static void draw_bar(rg_canvas_t *canvas, double x, double width, const rg_bar_t *bar, const char *colour)
{
    char number[32];
    if (!isfinite(bar->value)) return;
    double zero = rg_canvas_y(canvas, 0), y = rg_canvas_y(canvas, bar->value), top = fmin(zero, y);
    fprintf(canvas->out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>\n", x, top,
            width, fabs(zero - y), colour);
    if (isfinite(bar->half)) {
        draw_interval(canvas, x + width / 2, bar);
        top = fmin(top, rg_canvas_y(canvas, bar->value + bar->half));
    }
    if (width < 24) return; // no room for it
    snprintf(number, sizeof number, "%.3g", bar->value);
    rg_canvas_text(canvas, x + width / 2, fmax(top - 4, 11), "middle", number);
}

static void draw_groups(rg_canvas_t *canvas, const rg_bars_t *bars)
{
    double group = (double)(RG_CANVAS_RIGHT - RG_CANVAS_LEFT) / (bars->groups ? bars->groups : 1);
    double width = group * 0.8 / (bars->n ? bars->n : 1);
    for (int g = 0; g < bars->groups; g++) {
        double left = RG_CANVAS_LEFT + g * group + group * 0.1;
        for (int s = 0; s < bars->n; s++)
            draw_bar(canvas, left + s * width, width * 0.92, &bars->bar[g * bars->n + s],
                     rg_canvas_colour(s));
        rg_canvas_text(canvas, left + group * 0.4, RG_CANVAS_BOTTOM + 16, "middle", bars->group[g]);
    }
}

static void draw_level(rg_canvas_t *canvas, const rg_level_t *level)
{
    if (!isfinite(level->value)) return;
    double y = rg_canvas_y(canvas, level->value);
    fprintf(canvas->out,
            "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"currentColor\" stroke-dasharray=\"6 "
            "4\"/>\n",
            RG_CANVAS_LEFT, RG_CANVAS_RIGHT, y, y);
    rg_canvas_text(canvas, RG_CANVAS_RIGHT + 6, y + 4, "start", level->name);
}

char *rg_bars_svg(const rg_bars_t *bars)
{
    rg_canvas_t canvas;
    rg_axis_t y;
    assert(bars->n <= RG_BARS_SERIES);
    find_axis(bars, &y);
    rg_canvas_begin(&canvas, bars->title, bars->y_title, &y,
                    NAMES + 16 + rg_canvas_legend_height(bars->series, bars->n));
    draw_groups(&canvas, bars);
    for (int i = 0; i < bars->levels; i++) draw_level(&canvas, &bars->level[i]);
    rg_canvas_legend(&canvas, RG_CANVAS_BOTTOM + NAMES + 18, bars->series, bars->n);
    return rg_canvas_finish(&canvas);
}
