// rg-ctl experiment: the paper's tables, from data to report.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "services/ctl/command.h"
#include "services/report/experiment/plan.h"
#include "services/report/experiment/runner.h"
#include "services/report/experiment/tables.h"
#include "services/report/experiment/training.h"
#include "services/ctl/output.h"
#include "services/report/protocol.h"
#include "common/model/stage.h"

enum { NO_TABLE = -1, SEEDS = 3 };

typedef struct {
    int table; // enum rg_table
    int seeds;
} experiment_t;

static const char *const TABLES[RG_TABLES] = {"table1", "table2", "table3"};

static const rg_command_option_t experiment_options[] = {
    {"seeds", 'n', "N", "Seeds: the config's and the N-1 after it (default 3)",
     RG_OPTION_NUMBER(experiment_t, seeds, 1, RG_STATISTIC_MAX)},
    {0},
};

static int experiment_argument(void *own, char *text)
{
    experiment_t *experiment = own;
    if (experiment->table != NO_TABLE) return rg_fail(RG_EUSAGE, "%s: expected one table only", text);
    for (int t = 0; t < RG_TABLES; t++)
        if (strcmp(text, TABLES[t]) == 0) experiment->table = t;
    return experiment->table == NO_TABLE ? rg_fail(RG_EUSAGE, "%s: expected table1, table2 or table3", text)
                                         : 0;
}

static int experiment_check(const void *own)
{
    const experiment_t *experiment = own;
    return experiment->table == NO_TABLE ? rg_fail(RG_EUSAGE, "which one: table1, table2 or table3?") : 0;
}

// ---- the report

static int write_numbers(const rg_results_t *results, const char *path)
{
    rg_table_t table;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out) return rg_fail_errno(RG_ELIMIT, "%s", path);
    rg_results_list(results, &table);
    rg_table_csv(&table, out);
    int failed = fclose(out) != 0;
    int err = failed ? rg_fail(RG_ELIMIT, "%s: out of memory", path) : rg_file_write(path, text, size);
    rg_table_fini(&table);
    free(text);
    return err;
}

static void tell(const rg_options_t *options, enum rg_table which, const char *folder)
{
    if (options->json)
        rg_output_json(json_pack("{s:s, s:s+, s:s+, s:s+}", "table", TABLES[which], "html", folder,
                                 "/report.html", "markdown", folder, "/report.md", "numbers", folder,
                                 "/numbers.csv"));
    else
        printf("%s/report.html (report.md, *.csv beside it)\n", folder);
}

static void tell_protocol(rg_document_t *document, const rg_results_t *results)
{
    rg_document_heading(document, "Protocol");
    rg_protocol_put(document, "protocol", rg_results_report(results, 0, results->plan->stage), 1,
                    "The same for every number above, but for the seed.");
}

// A grid of the first seed's run, if it was drawn.
static int show_grid(rg_document_t *document, const rg_plan_t *plan, const char *root, int row,
                     const char *part)
{
    const rg_run_t *run = rg_plan_find(plan, row, plan->n_annotated - 1, 0);
    char *path =
             rg_format("%s/%s/samples/eval-%s%s.png", root, run->folder, rg_stage_name(plan->stage), part),
         *id = rg_format("grid-%s%s", plan->row[row].name, part),
         *caption = rg_format("%s%s", plan->row[row].title, part);
    int err = rg_exists(path) ? rg_document_picture(document, id, path, caption) : 0;
    free(caption);
    free(id);
    free(path);
    return err;
}

static int show_grids(rg_document_t *document, const rg_options_t *options, const rg_plan_t *plan,
                      const char *root)
{
    const rg_names_t *attributes = &options->config.data.attributes;
    char part[RG_NAME_SIZE + 2];
    int err = 0;
    rg_document_heading(document, "Pictures");
    for (int row = 0; row < plan->n_rows && !err; row++) err = show_grid(document, plan, root, row, "");
    for (int a = 0; a < attributes->count && plan->stage == RG_STAGE_3 && !err; a++) {
        snprintf(part, sizeof part, "-%s", attributes->name[a]);
        err = show_grid(document, plan, root, RG_ROW_RETRIEVED, part);
    }
    return err;
}

static void fill(rg_document_t *document, enum rg_table which, const rg_results_t *results, int k)
{
    switch (which) {
    case RG_TABLE_1:
        rg_tables_retrieval(document, results, k);
        break;
    case RG_TABLE_2:
        rg_tables_translation(document, results, k);
        break;
    default:
        rg_tables_annotation(document, results, k);
    }
}

static int write_report(const rg_options_t *options, enum rg_table which, const rg_results_t *results,
                        const char *root)
{
    static const char *const titles[RG_TABLES] = {"Table 1: retrieval by what R was trained with",
                                                  "Table 2: translation",
                                                  "Table 3: translation by fraction of annotation"};
    rg_document_t *document;
    char *folder = rg_format("%s/%s", root, TABLES[which]), *csv = rg_format("%s/numbers.csv", folder);
    rg_document_new(&document, titles[which]);
    fill(document, which, results, options->config.evaluation.k);
    int err = rg_training_put(document, results->plan, root);
    if (!err) err = show_grids(document, options, results->plan, root);
    tell_protocol(document, results);
    if (!err) err = rg_document_write(document, folder, "report");
    if (!err) err = write_numbers(results, csv);
    if (!err) tell(options, which, folder);
    rg_document_destroy(&document);
    free(csv);
    free(folder);
    return err;
}

static int report(const rg_options_t *options, enum rg_table which, const rg_plan_t *plan, const char *root)
{
    rg_results_t results;
    int err = rg_results_open(&results, plan, root);
    if (err) return err;
    err = write_report(options, which, &results, root);
    rg_results_close(&results);
    return err;
}

static int run(const rg_options_t *options, const void *input)
{
    const experiment_t *own = input;
    enum rg_table which = (enum rg_table)own->table;
    rg_plan_t plan;
    char root[RG_PATH_SIZE];
    rg_config_path(&options->config, "experiment", root);
    rg_plan_init(&plan, which, &options->config, own->seeds, root);
    int err = rg_runner_run(options, &plan, root);
    if (!err) err = report(options, which, &plan, root);
    rg_plan_fini(&plan);
    return err;
}

const rg_command_t rg_command_experiment = {
    .name = "experiment",
    .summary = "Train and measure one of the paper's tables, with controls and intervals",
    .args = "TABLE",
    .help =
        "table1: retrieval by kind of negatives, and by ranking. table2: GMM-UNIT continued, RG-UNIT, and "
        "RG-UNIT with "
        "random neighbours. table3: the same by fraction of annotation. Every row has the same budget; "
        "rows of a seed share stages 1 and 2 and are compared in pairs. Starts and stops services of its "
        "own, one run after the other, in RUN/experiment; what is finished is not done again. The report "
        "is left in RUN/experiment/TABLE, as HTML, Markdown and CSV; with evaluation.follow it has curves "
        "of measures beside those of losses.",
    .examples = "  rg-ctl experiment table2 --config configs/faces32.yaml --seeds 3\n"
                "  rg-ctl experiment table1 --config configs/smoke.yaml --seeds 2 --json\n",
    .options = experiment_options,
    .argument = experiment_argument,
    .check = experiment_check,
    .size = sizeof(experiment_t),
    .defaults = &(const experiment_t){.table = NO_TABLE, .seeds = SEEDS},
    .config = RG_COMMAND_CONFIGURED,
    .run = run,
};
