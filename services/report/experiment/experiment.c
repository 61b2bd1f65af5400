// rg_experiment_run, step by step:
//
//   rg_plan_init       which runs the table needs                                         plan.c
//   rg_runner_run      trains and evaluates those that are not finished                   runner.c
//   rg_results_open    reads their evaluation reports, checks that they are comparable    results.c
//   TABLES[].put       the table, differences and controls                                tables*.c
//   put_training       curves of the rows
//   put_grids          pictures
//   put_protocol       how the numbers were measured
#include "services/report/experiment/experiment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/file.h"
#include "common/report/chart.h"
#include "common/report/svg.h"
#include "services/report/experiment/tables.h"
#include "services/report/measures.h"
#include "services/report/record.h"

static const struct {
    const char *name, *title;
    void (*put)(rg_document_t *document, const rg_results_t *results, int k);
} TABLES[RG_PLAN_TABLES] = {
    {"table1", "Table 1: retrieval by what R was trained with", rg_tables_retrieval},
    {"table2", "Table 2: translation", rg_tables_translation},
    {"table3", "Table 3: translation by fraction of annotation", rg_tables_annotation},
    {"curve", "Translation at equal accuracy", rg_tables_curve},
    {"sizes", "Translation by the size of the retrieval set", rg_tables_sizes},
};

const char *rg_experiment_name(enum rg_plan_table table)
{
    return TABLES[table].name;
}

// ---- curves of training: each loss, and each measure if checkpoints were measured during training
// (evaluation.follow), with one curve per row

// The run of a row whose curves and pictures are shown: of the first seed, with the most annotation, at the
// middle weight.
static const rg_plan_run_t *shown_run(const rg_plan_t *plan, int row)
{
    return rg_plan_find(plan, row, plan->n_annotated - 1, plan->n_weights / 2, 0);
}

// One journal of each row, of the shown run.
typedef struct {
    const rg_plan_t *plan;
    json_t **stages; // [n_rows] STAGE -> lines (record.h), owned
} row_journals_t;

typedef int read_fn(json_t **stages, const char *run);

static const json_t *row_lines(const row_journals_t *journals, int row)
{
    return json_object_get(journals->stages[row], rg_stage_name(journals->plan->stage));
}

static int row_read(const row_journals_t *journals, const char *root, int row, read_fn *read)
{
    char *folder = rg_format("%s/%s", root, shown_run(journals->plan, row)->folder);
    int err = read(&journals->stages[row], folder);
    free(folder);
    return err;
}

static int row_journals_open(row_journals_t *journals, const rg_plan_t *plan, const char *root, read_fn *read)
{
    *journals = (row_journals_t){plan, rg_alloc((size_t)plan->n_rows * sizeof *journals->stages)};
    int err = 0;
    for (int row = 0; row < plan->n_rows && !err; row++) err = row_read(journals, root, row, read);
    return err;
}

static void row_journals_close(row_journals_t *journals)
{
    for (int row = 0; row < journals->plan->n_rows; row++) json_decref(journals->stages[row]);
    free(journals->stages);
}

// A figure of one entry of the journals, with a curve per row.
static void draw_row_curves(rg_document_t *document, const row_journals_t *journals, const char *key, int log)
{
    const rg_plan_t *plan = journals->plan;
    rg_chart_curve_t curve[RG_SVG_CURVES];
    int n = 0;
    for (int row = 0; row < plan->n_rows && n < RG_SVG_CURVES; row++)
        curve[n++] = (rg_chart_curve_t){plan->row[row].title, row_lines(journals, row), key};
    char *id = rg_format("curve-%s", key);
    rg_chart_draw(document, id, key, log, curve, n);
    free(id);
}

static int is_measure(const char *key)
{
    return !strchr(key, '.'); // a dot: a measure of a part of the images
}

// A figure of every number in the journals for which is_one is true.
static void draw_all_curves(rg_document_t *document, const row_journals_t *journals,
                            int (*is_one)(const char *key), int log)
{
    json_t *keys = json_object(), *value;
    const char *key;
    for (int row = 0; row < journals->plan->n_rows; row++)
        json_object_update(keys, json_array_get(row_lines(journals, row), 0));
    json_object_foreach(keys, key, value)
    {
        if (json_is_real(value) && is_one(key)) draw_row_curves(document, journals, key, log);
    }
    json_decref(keys);
}

static int put_journals(rg_document_t *document, const rg_plan_t *plan, const char *root, read_fn *read,
                        int (*is_one)(const char *key), int log)
{
    row_journals_t journals;
    int err = row_journals_open(&journals, plan, root, read);
    if (!err) draw_all_curves(document, &journals, is_one, log);
    row_journals_close(&journals);
    return err;
}

static int put_training(rg_document_t *document, const rg_plan_t *plan, const char *root)
{
    rg_document_heading(document, "Training");
    int err = put_journals(document, plan, root, rg_run_read_training, rg_chart_is_loss, 1);
    return err ? err : put_journals(document, plan, root, rg_run_read_evaluations, is_measure, 0);
}

// ---- pictures, protocol and numbers

static int write_numbers(const rg_results_t *results, const char *folder)
{
    rg_table_t table;
    char *path = rg_format("%s/numbers.csv", folder);
    rg_results_list(results, &table);
    int err = rg_table_write(&table, path);
    rg_table_fini(&table);
    free(path);
    return err;
}

static void put_protocol(rg_document_t *document, const rg_results_t *results)
{
    rg_document_heading(document, "Protocol");
    rg_measures_put_protocol(document, "protocol", rg_results_report(results, 0, results->plan->stage), 1,
                             "The same for every number above, except the seed.");
}

// A grid of images from the shown run, if there is one.
static int put_grid(rg_document_t *document, const rg_plan_t *plan, const char *root, int row,
                    const char *part)
{
    char *path = rg_format("%s/%s/samples/eval-%s%s.png", root, shown_run(plan, row)->folder,
                           rg_stage_name(plan->stage), part),
         *id = rg_format("grid-%s%s", plan->row[row].name, part),
         *caption = rg_format("%s%s", plan->row[row].title, part);
    int err = rg_exists(path) ? rg_document_picture(document, id, path, caption) : 0;
    free(caption);
    free(id);
    free(path);
    return err;
}

static int put_grids(rg_document_t *document, const rg_config_t *config, const rg_plan_t *plan,
                     const char *root)
{
    const rg_names_t *attributes = &config->data.attributes;
    char part[RG_NAME_SIZE + 2];
    int err = 0;
    rg_document_heading(document, "Pictures");
    for (int row = 0; row < plan->n_rows && !err; row++) err = put_grid(document, plan, root, row, "");
    for (int a = 0; a < attributes->count && plan->stage == RG_STAGE_3 && !err; a++) {
        snprintf(part, sizeof part, "-%s", attributes->name[a]);
        err = put_grid(document, plan, root, plan->main_row, part);
    }
    return err;
}

static int write_report(const rg_config_t *config, enum rg_plan_table which, const rg_results_t *results,
                        const char *root, const char *folder)
{
    rg_document_t *document;
    rg_document_new(&document, TABLES[which].title);
    TABLES[which].put(document, results, config->evaluation.k);
    int err = put_training(document, results->plan, root);
    if (!err) err = put_grids(document, config, results->plan, root);
    put_protocol(document, results);
    if (!err) err = rg_document_write(document, folder, "report");
    if (!err) err = write_numbers(results, folder);
    rg_document_destroy(&document);
    return err;
}

static int report_results(const rg_config_t *config, enum rg_plan_table which, const rg_plan_t *plan,
                          const char *root, const char *folder)
{
    rg_results_t results;
    int err = rg_results_open(&results, plan, root);
    if (err) return err;
    err = write_report(config, which, &results, root, folder);
    rg_results_close(&results);
    return err;
}

int rg_experiment_run(const rg_runner_options_t *options, const rg_config_t *config,
                      const rg_plan_spec_t *spec, char **out)
{
    rg_plan_t plan;
    char root[RG_PATH_SIZE];
    rg_config_path(config, "experiment", root);
    int err = rg_plan_init(&plan, spec, config, root);
    if (err) return err;
    char *folder = rg_format("%s/%s", root, TABLES[spec->table].name);
    err = rg_runner_run(options, &plan, root);
    if (!err) err = report_results(config, spec->table, &plan, root, folder);
    rg_plan_fini(&plan);
    if (err)
        free(folder);
    else
        *out = folder;
    return err;
}
