// The report of a run, top to bottom: an overview table, then for each stage its curves of training (one
// figure per curve family), its pictures, and its measures as tables and curves.
#include "services/report/run_report.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/report/chart.h"
#include "services/report/measures.h"
#include "services/report/record.h"

// ---- training

// The entries of a family that the last line has, with one curve each.
static void draw_family(rg_document_t *document, const char *stage, const json_t *lines,
                        const rg_chart_family_t *family)
{
    rg_chart_curve_t curve[RG_CHART_KEYS];
    int n = 0;
    for (int i = 0; i < RG_CHART_KEYS && family->key[i]; i++)
        if (json_object_get(rg_run_last_line(lines), family->key[i]))
            curve[n++] = (rg_chart_curve_t){family->key[i], lines, family->key[i]};
    char *id = rg_format("%s-%s", stage, family->key[0]);
    rg_chart_draw(document, id, family->title, !family->is_rate, curve, n);
    free(id);
}

static void draw_other_losses(rg_document_t *document, const char *stage, const json_t *lines)
{
    const char *key;
    json_t *value;
    json_object_foreach(rg_run_last_line(lines), key, value)
    {
        const rg_chart_family_t own = {.title = key, .key = {key}};
        if (rg_chart_is_loss(key) && !rg_chart_family_find(key)) draw_family(document, stage, lines, &own);
    }
}

static void page_training(rg_document_t *document, const rg_run_record_t *record, int stage)
{
    const char *name = rg_stage_name(stage);
    const json_t *lines = json_object_get(record->training, name);
    if (!lines) return;
    char *heading = rg_format("%s: training", name);
    rg_document_heading(document, heading);
    for (const rg_chart_family_t *family = rg_chart_training; family->title; family++)
        draw_family(document, name, lines, family);
    draw_other_losses(document, name, lines);
    free(heading);
}

// ---- measurements

// Whether an entry is a number that was measured on all images.
static int is_whole_measure(rg_measure_t *measure, const char *key, const json_t *value)
{
    return json_is_real(value) && rg_measure_parse(measure, key) && !*measure->part;
}

// A figure of one measure, with a curve for each mode.
static void draw_measure(rg_document_t *document, const char *stage, const json_t *lines, const char *name)
{
    rg_chart_curve_t curve[RG_MEASURE_MODES + 1];
    json_t *value;
    const char *key;
    int n = 0;
    json_object_foreach(rg_run_last_line(lines), key, value)
    {
        rg_measure_t measure;
        if (!is_whole_measure(&measure, key, value) || strcmp(measure.name, name) != 0) continue;
        if (n <= RG_MEASURE_MODES)
            curve[n++] = (rg_chart_curve_t){
                measure.mode == RG_MEASURE_NO_MODE ? name : rg_measure_modes[measure.mode], lines, key};
    }
    char *id = rg_format("%s-%s", stage, name);
    rg_chart_draw(document, id, name, 0, curve, n);
    free(id);
}

// A figure of every measure, in the order of the report.
static void draw_measures(rg_document_t *document, const char *stage, const json_t *lines)
{
    json_t *drawn = json_object(), *value;
    const char *key;
    json_object_foreach(rg_run_last_line(lines), key, value)
    {
        rg_measure_t measure;
        if (!is_whole_measure(&measure, key, value)) continue;
        if (json_object_get(drawn, measure.name)) continue;
        json_object_set_new(drawn, measure.name, json_true());
        draw_measure(document, stage, lines, measure.name);
    }
    json_decref(drawn);
}

static void page_measured(rg_document_t *document, const rg_run_record_t *record, int stage)
{
    const char *name = rg_stage_name(stage);
    json_t *report = record->report[stage];
    if (!report) return;
    char *heading = rg_format("%s: measured", name), *id = rg_format("%s-protocol", name);
    rg_document_heading(document, heading);
    rg_measures_put(document, name, report);
    draw_measures(document, name, json_object_get(record->evaluations, name));
    rg_measures_put_protocol(document, id, report, 0, "How these numbers were measured, and of what.");
    free(id);
    free(heading);
}

// ---- pictures

// All grids of the evaluation, and the last one of training.
static int page_pictures(rg_document_t *document, const rg_run_record_t *record, int stage)
{
    const char *last = NULL;
    char *evaluated = rg_format("eval-%s*.png", rg_stage_name(stage)),
         *trained = rg_format("%s-*.png", rg_stage_name(stage));
    int err = 0;
    for (size_t i = 0; i < record->n_pictures; i++)
        if (fnmatch(trained, record->picture[i], 0) == 0) last = record->picture[i];
    for (size_t i = 0; i < record->n_pictures && !err; i++) {
        const char *name = record->picture[i];
        if (name != last && fnmatch(evaluated, name, 0) != 0) continue;
        char *path = rg_format("%s/samples/%s", record->run, name),
             *id = rg_format("%.*s", (int)(strlen(name) - strlen(".png")), name);
        err = rg_document_picture(document, id, path, id);
        free(id);
        free(path);
    }
    free(trained);
    free(evaluated);
    return err;
}

// ---- the page

// The mean of an entry over all lines.
static double lines_mean(const json_t *lines, const char *key)
{
    double sum = 0;
    json_t *line;
    size_t i;
    json_array_foreach(lines, i, line) sum += json_number_value(json_object_get(line, key));
    return i ? sum / (double)i : 0;
}

static void page_overview(rg_document_t *document, const rg_run_record_t *record)
{
    static const char *const titles[] = {"stage", "iterations", "images/s", "waiting", "measured at"};
    rg_table_t table;
    rg_table_init(&table, "overview", titles, 5);
    for (int stage = 0; stage < RG_STAGES; stage++) {
        const json_t *lines = json_object_get(record->training, rg_stage_name(stage)),
                     *at = json_object_get(record->report[stage], "iteration");
        if (!lines && !at) continue;
        rg_table_cell(&table, "%s", rg_stage_name(stage));
        rg_table_cell(&table, "%lld",
                      (long long)json_integer_value(json_object_get(rg_run_last_line(lines), "iteration")));
        rg_table_cell(&table, "%.0f", lines_mean(lines, "images_per_s"));
        rg_table_cell(&table, "%.2f %%", 100 * lines_mean(lines, "wait_share"));
        rg_table_cell(&table, at ? "%lld" : "–", (long long)json_integer_value(at));
    }
    rg_document_table(document, &table,
                      "Iterations done, mean speed, mean share of the time spent waiting for batches and "
                      "neighbours, and the iteration of the measured weights.");
}

static int write_page(const rg_run_record_t *record, const char *folder)
{
    rg_document_t *document;
    char *title = rg_format("Run %s", record->run);
    int err = 0;
    rg_document_new(&document, title);
    page_overview(document, record);
    for (int stage = 0; stage < RG_STAGES && !err; stage++) {
        page_training(document, record, stage);
        err = page_pictures(document, record, stage);
        page_measured(document, record, stage);
    }
    if (!err) err = rg_document_write(document, folder, "report");
    rg_document_destroy(&document);
    free(title);
    return err;
}

int rg_run_report_write(const char *run, const char *folder)
{
    rg_run_record_t record;
    int err = rg_run_record_open(&record, run);
    if (err) return err;
    err = write_page(&record, folder);
    rg_run_record_close(&record);
    return err;
}
