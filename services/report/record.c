#include "services/report/record.h"

#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "services/report/curves.h"

json_t *rg_record_last(const json_t *lines)
{
    size_t n = json_array_size(lines);
    return n ? json_array_get(lines, n - 1) : NULL;
}

// A stage that was measured in passing only has no report of its own: its latest measurement is it.
static int read_report(rg_record_t *record, int stage)
{
    char *path = rg_format("%s/reports/%s.json", record->run, rg_stage_name(stage));
    json_error_t error;
    int err = 0;
    if (rg_exists(path)) {
        record->report[stage] = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
        if (!json_is_object(record->report[stage]))
            err = rg_fail(RG_EFORMAT, "%s:%d: %s", path, error.line, error.text);
    } else {
        record->report[stage] =
            json_incref(rg_record_last(json_object_get(record->evaluations, rg_stage_name(stage))));
    }
    free(path);
    return err;
}

static int list_pictures(rg_record_t *record)
{
    char *folder = rg_format("%s/samples", record->run);
    int err = rg_exists(folder) ? rg_list_dir(folder, &record->picture, &record->n_pictures) : 0;
    free(folder);
    return err;
}

void rg_record_close(rg_record_t *record)
{
    json_decref(record->training);
    json_decref(record->evaluations);
    for (int stage = 0; stage < RG_STAGES; stage++) json_decref(record->report[stage]);
    rg_names_free(&record->picture, record->n_pictures);
    *record = (rg_record_t){0};
}

int rg_record_open(rg_record_t *record, const char *run)
{
    *record = (rg_record_t){.run = run};
    int err = rg_curves_of_training(&record->training, run), measured = 0;
    if (!err) err = rg_curves_of_evaluations(&record->evaluations, run);
    for (int stage = 0; stage < RG_STAGES && !err; stage++) {
        err = read_report(record, stage);
        measured |= record->report[stage] != NULL;
    }
    if (!err) err = list_pictures(record);
    if (!err && !measured && json_object_size(record->training) == 0)
        err = rg_fail(RG_ENOENT, "%s: no run: neither metrics.jsonl nor an evaluation is there", run);
    if (err) rg_record_close(record);
    return err;
}
