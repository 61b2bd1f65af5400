#include "services/report/curves.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/report/curve_families.h"
#include "common/report/svg.h"

enum { POINTS = 400 }; // of a drawn curve

int rg_run_curve_is_loss(const char *key)
{
    const rg_curve_family_t *family = rg_training_family_find(key);
    return family ? !family->is_rate : strcmp(key, "stage") != 0 && strcmp(key, "iteration") != 0;
}

typedef struct {
    double x[POINTS], y[POINTS];
} points_t;

static double curve_mean(const rg_run_curve_t *curve, const char *key, size_t first, size_t end)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = first; i < end; i++) {
        const json_t *value = json_object_get(json_array_get(curve->lines, i), key);
        if (!json_is_number(value)) continue;
        sum += json_number_value(value);
        n++;
    }
    return n ? sum / (double)n : NAN;
}

// Averages the lines to at most POINTS points. Returns how many of them are finite.
static int curve_fill(points_t *points, rg_svg_series_t *series, const rg_run_curve_t *curve)
{
    size_t lines = json_array_size(curve->lines), n = lines < POINTS ? lines : POINTS;
    int finite = 0;
    for (size_t i = 0; i < n; i++) {
        size_t first = i * lines / n, end = (i + 1) * lines / n;
        points->x[i] = curve_mean(curve, "iteration", first, end);
        points->y[i] = curve_mean(curve, curve->key, first, end);
        finite += isfinite(points->y[i]);
    }
    *series = (rg_svg_series_t){curve->name, points->x, points->y, (int)n};
    return finite;
}

void rg_run_curves_draw(rg_document_t *document, const char *id, const char *title, int log,
                        const rg_run_curve_t *curve, int n)
{
    points_t *points = rg_alloc((size_t)n * sizeof *points);
    rg_svg_series_t series[RG_SVG_CURVES];
    int drawn = 0, most = 0;
    for (int i = 0; i < n && drawn < RG_SVG_CURVES; i++) {
        int finite = curve_fill(&points[drawn], &series[drawn], &curve[i]);
        if (finite > most) most = finite;
        drawn += finite > 0;
    }
    const rg_svg_plot_t plot = {title, "iteration", title, log, series, drawn};
    if (most >= 2) rg_document_figure(document, id, rg_svg_plot(&plot), title);
    free(points);
}
