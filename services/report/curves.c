#include "services/report/curves.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/data/lines.h"
#include "services/report/document/plot.h"
#include "common/report/evaluation_report.h"

enum { POINTS = 400 };

// ---- reading

static json_int_t iteration_of(const json_t *line)
{
    return json_integer_value(json_object_get(line, "iteration"));
}

static void take(json_t *stages, json_t *line)
{
    const char *stage = json_string_value(json_object_get(line, "stage"));
    if (!stage || !json_is_integer(json_object_get(line, "iteration"))) return;
    if (!json_object_get(stages, stage)) json_object_set_new(stages, stage, json_array());
    json_array_append(json_object_get(stages, stage), line);
}

static int read_journal(json_t *stages, const char *run, const char *name)
{
    rg_lines_t lines;
    char *path = rg_format("%s/%s", run, name);
    int err = rg_lines_open(&lines, path);
    if (!err) {
        for (const char *text; (text = rg_lines_next(&lines));) {
            json_t *line = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
            take(stages, line);
            json_decref(line);
        }
        rg_lines_close(&lines);
    }
    free(path);
    return err == RG_ENOENT ? 0 : err;
}

// A line takes back those before it that are not before it in iterations.
static json_t *without_repeated(const json_t *lines)
{
    json_t *kept = json_array(), *line;
    size_t i;
    json_array_foreach(lines, i, line)
    {
        for (size_t n; (n = json_array_size(kept)) > 0 &&
                       iteration_of(json_array_get(kept, n - 1)) >= iteration_of(line);)
            json_array_remove(kept, n - 1);
        json_array_append(kept, line);
    }
    return kept;
}

// The group of lines that are comparable with this one.
static json_t *group_of(json_t *groups, const json_t *line)
{
    json_t *group;
    size_t i;
    json_array_foreach(groups, i, group)
    {
        if (rg_report_comparable(json_array_get(group, 0), line) == 0) return group;
    }
    group = json_array();
    json_array_append_new(groups, group);
    return group;
}

// The most that are comparable with each other; of equally many the latest.
static json_t *most_comparable(const json_t *lines)
{
    json_t *groups = json_array(), *best = json_array(), *line, *group;
    size_t i;
    json_array_foreach(lines, i, line) json_array_append(group_of(groups, line), line);
    json_array_foreach(groups, i, group)
    {
        if (json_array_size(group) < json_array_size(best)) continue;
        json_decref(best);
        best = json_incref(group);
    }
    json_decref(groups);
    return best;
}

static int read_stages(json_t **stages, const char *run, const char *name,
                       json_t *(*choose)(const json_t *lines))
{
    const char *stage;
    json_t *all = json_object(), *lines;
    int err = read_journal(all, run, name);
    if (err) {
        json_decref(all);
        return err;
    }
    json_object_foreach(all, stage, lines)
    {
        json_t *chosen = choose ? choose(lines) : json_incref(lines);
        json_object_set_new(all, stage, without_repeated(chosen));
        json_decref(chosen);
    }
    *stages = all;
    return 0;
}

int rg_curves_of_training(json_t **stages, const char *run)
{
    return read_stages(stages, run, "metrics.jsonl", NULL);
}

int rg_curves_of_evaluations(json_t **stages, const char *run)
{
    return read_stages(stages, run, "evaluations.jsonl", most_comparable);
}

// ---- drawing

int rg_curves_is_loss(const char *key)
{
    static const char *const others[] = {"stage", "iteration", "lr", "images_per_s", "wait_share"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(key, others[i]) == 0) return 0;
    return 1;
}

typedef struct {
    double x[POINTS], y[POINTS];
} points_t;

static double mean_of(const rg_curve_t *curve, const char *key, size_t first, size_t end)
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

// How many points are finite.
static int fill(points_t *points, rg_series_t *series, const rg_curve_t *curve)
{
    size_t lines = json_array_size(curve->lines), n = lines < POINTS ? lines : POINTS;
    int finite = 0;
    for (size_t i = 0; i < n; i++) {
        size_t first = i * lines / n, end = (i + 1) * lines / n;
        points->x[i] = mean_of(curve, "iteration", first, end);
        points->y[i] = mean_of(curve, curve->key, first, end);
        finite += isfinite(points->y[i]);
    }
    *series = (rg_series_t){curve->name, points->x, points->y, (int)n};
    return finite;
}

void rg_curves_draw(rg_document_t *document, const char *id, const char *title, int log,
                    const rg_curve_t *curve, int n)
{
    points_t *points = rg_alloc((size_t)n * sizeof *points);
    rg_series_t series[RG_PLOT_SERIES];
    int drawn = 0, most = 0;
    for (int i = 0; i < n && drawn < RG_PLOT_SERIES; i++) {
        int finite = fill(&points[drawn], &series[drawn], &curve[i]);
        if (finite > most) most = finite;
        drawn += finite > 0;
    }
    const rg_plot_t plot = {title, "iteration", title, log, series, drawn};
    if (most >= 2) rg_document_figure(document, id, rg_plot_svg(&plot), title);
    free(points);
}
