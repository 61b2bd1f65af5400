#include "services/report/experiment/training.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "services/report/document/plot.h"
#include "services/report/curves.h"
#include "common/model/stage.h"

// Of each row the lines of one of its journals, by stage.
typedef struct {
    const rg_plan_t *plan;
    json_t **stages; // [n_rows], owned
} journals_t;

typedef int read_fn(json_t **stages, const char *run);

static const json_t *lines_of(const journals_t *journals, int row)
{
    return json_object_get(journals->stages[row], rg_stage_name(journals->plan->stage));
}

static int read_row(const journals_t *journals, const char *root, int row, read_fn *read)
{
    const rg_plan_t *plan = journals->plan;
    const rg_run_t *run = rg_plan_find(plan, row, plan->n_annotated - 1, 0);
    char *folder = rg_format("%s/%s", root, run->folder);
    int err = read(&journals->stages[row], folder);
    free(folder);
    return err;
}

static int open_journals(journals_t *journals, const rg_plan_t *plan, const char *root, read_fn *read)
{
    *journals = (journals_t){plan, rg_alloc((size_t)plan->n_rows * sizeof *journals->stages)};
    int err = 0;
    for (int row = 0; row < plan->n_rows && !err; row++) err = read_row(journals, root, row, read);
    return err;
}

static void close_journals(journals_t *journals)
{
    for (int row = 0; row < journals->plan->n_rows; row++) json_decref(journals->stages[row]);
    free(journals->stages);
}

// One curve per row of what the key says.
static void draw(rg_document_t *document, const journals_t *journals, const char *key, int log)
{
    const rg_plan_t *plan = journals->plan;
    rg_curve_t curve[RG_PLOT_SERIES];
    int n = 0;
    for (int row = 0; row < plan->n_rows && n < RG_PLOT_SERIES; row++)
        curve[n++] = (rg_curve_t){plan->row[row].title, lines_of(journals, row), key};
    char *id = rg_format("curve-%s", key);
    rg_curves_draw(document, id, key, log, curve, n);
    free(id);
}

static int is_measure(const char *key)
{
    return !strchr(key, '.'); // of all images
}

// Every number that some row tells, and that is one of those.
static void draw_all(rg_document_t *document, const journals_t *journals, int (*is_one)(const char *key),
                     int log)
{
    json_t *keys = json_object(), *value;
    const char *key;
    for (int row = 0; row < journals->plan->n_rows; row++)
        json_object_update(keys, json_array_get(lines_of(journals, row), 0));
    json_object_foreach(keys, key, value)
    {
        if (json_is_real(value) && is_one(key)) draw(document, journals, key, log);
    }
    json_decref(keys);
}

static int put(rg_document_t *document, const rg_plan_t *plan, const char *root, read_fn *read,
               int (*is_one)(const char *key), int log)
{
    journals_t journals;
    int err = open_journals(&journals, plan, root, read);
    if (!err) draw_all(document, &journals, is_one, log);
    close_journals(&journals);
    return err;
}

int rg_training_put(rg_document_t *document, const rg_plan_t *plan, const char *root)
{
    rg_document_heading(document, "Training");
    int err = put(document, plan, root, rg_curves_of_training, rg_curves_is_loss, 1);
    return err ? err : put(document, plan, root, rg_curves_of_evaluations, is_measure, 0);
}
