// A run writes its journals only by appending. After a crash or a restart, training repeats iterations from
// its last checkpoint, so a journal can hold an iteration twice; without_repeated keeps the later line.
// Evaluations may have been made with different settings; most_comparable keeps the largest group that can
// be drawn as one curve.
#include "services/report/record.h"

#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/report/evaluation_report.h"

// ---- journals

static json_int_t iteration_of(const json_t *line)
{
    return json_integer_value(json_object_get(line, "iteration"));
}

static void take_line(json_t *stages, json_t *line)
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
            take_line(stages, line);
            json_decref(line);
        }
        rg_lines_close(&lines);
    }
    free(path);
    return err == RG_ENOENT ? 0 : err;
}

// A line replaces the earlier lines whose iteration is not below its own.
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

// The group whose lines are comparable with this one; a new group if there is none.
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

// The largest group of comparable lines; of equally large groups the latest.
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

int rg_run_read_training(json_t **stages, const char *run)
{
    return read_stages(stages, run, "metrics.jsonl", NULL);
}

int rg_run_read_evaluations(json_t **stages, const char *run)
{
    return read_stages(stages, run, "evaluations.jsonl", most_comparable);
}

json_t *rg_run_last_line(const json_t *lines)
{
    size_t n = json_array_size(lines);
    return n ? json_array_get(lines, n - 1) : NULL;
}

// ---- reports and pictures

static char *report_path(const char *run, int stage)
{
    return rg_format("%s/reports/%s.json", run, rg_stage_name(stage));
}

int rg_run_read_report(json_t **out, const char *run, int stage)
{
    char *path = report_path(run, stage);
    json_error_t error;
    json_t *report = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    int err = 0;
    if (!report)
        err = rg_fail(RG_EFORMAT, "%s:%d: %s", path, error.line, error.text);
    else if (!json_is_object(report))
        err = rg_fail(RG_EFORMAT, "%s: expected a JSON object", path);
    if (err)
        json_decref(report);
    else
        *out = report;
    free(path);
    return err;
}

// A stage that was only evaluated during training has no report file: its latest evaluation is its report.
static int take_report(rg_run_record_t *record, int stage)
{
    char *path = report_path(record->run, stage);
    int stored = rg_exists(path);
    free(path);
    if (stored) return rg_run_read_report(&record->report[stage], record->run, stage);
    record->report[stage] =
        json_incref(rg_run_last_line(json_object_get(record->evaluations, rg_stage_name(stage))));
    return 0;
}

static int list_pictures(rg_run_record_t *record)
{
    char *folder = rg_format("%s/samples", record->run);
    int err = rg_exists(folder) ? rg_list_dir(folder, &record->picture, &record->n_pictures) : 0;
    free(folder);
    return err;
}

void rg_run_record_close(rg_run_record_t *record)
{
    json_decref(record->training);
    json_decref(record->evaluations);
    for (int stage = 0; stage < RG_STAGES; stage++) json_decref(record->report[stage]);
    rg_list_free(&record->picture, record->n_pictures);
    *record = (rg_run_record_t){0};
}

int rg_run_record_open(rg_run_record_t *record, const char *run)
{
    *record = (rg_run_record_t){.run = run};
    int err = rg_run_read_training(&record->training, run), measured = 0;
    if (!err) err = rg_run_read_evaluations(&record->evaluations, run);
    for (int stage = 0; stage < RG_STAGES && !err; stage++) {
        err = take_report(record, stage);
        measured |= record->report[stage] != NULL;
    }
    if (!err) err = list_pictures(record);
    if (!err && !measured && json_object_size(record->training) == 0)
        err = rg_fail(RG_ENOENT, "%s: not a run: it has neither metrics.jsonl nor an evaluation", run);
    if (err) rg_run_record_close(record);
    return err;
}
