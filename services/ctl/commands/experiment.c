// rg-ctl experiment: trains and measures one of the paper's tables.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/err.h"
#include "services/ctl/caller.h"
#include "services/ctl/command.h"
#include "services/ctl/output.h"
#include "services/report/experiment/experiment.h"

enum { NO_TABLE = -1, SEEDS = 3, SEEDS_MAX = 64 };

typedef struct {
    int table; // enum rg_plan_table
    int seeds;
} experiment_options_t;

static const rg_command_option_t experiment_options[] = {
    {"seeds", 'n', "N", "Seeds: the config's and the N-1 after it (default 3)",
     RG_OPTION_NUMBER(experiment_options_t, seeds, 1, SEEDS_MAX)},
    {0},
};

static int experiment_argument(void *own, char *text)
{
    experiment_options_t *options = own;
    if (options->table != NO_TABLE) return rg_fail(RG_EUSAGE, "%s: expected one table only", text);
    for (int t = 0; t < RG_PLAN_TABLES; t++)
        if (strcmp(text, rg_experiment_name((enum rg_plan_table)t)) == 0) options->table = t;
    return options->table == NO_TABLE ? rg_fail(RG_EUSAGE, "%s: expected table1, table2 or table3", text) : 0;
}

static int experiment_check(const void *own)
{
    const experiment_options_t *options = own;
    return options->table == NO_TABLE ? rg_fail(RG_EUSAGE, "TABLE is missing: table1, table2 or table3") : 0;
}

static void experiment_tell(const rg_options_t *options, enum rg_plan_table table, const char *folder)
{
    if (options->json)
        rg_output_json(json_pack("{s:s, s:s+, s:s+, s:s+}", "table", rg_experiment_name(table), "html",
                                 folder, "/report.html", "markdown", folder, "/report.md", "numbers", folder,
                                 "/numbers.csv"));
    else
        rg_output_line("%s/report.html (report.md, *.csv beside it)", folder);
}

static int experiment_run(const rg_options_t *options, const void *input)
{
    const experiment_options_t *own = input;
    const rg_runner_options_t runner = {.program = "/proc/self/exe",
                                        .config_path = options->path,
                                        .set = options->set,
                                        .n_set = options->n_set,
                                        .quiet = options->json,
                                        .interrupted = rg_interrupted()};
    char *folder;
    int err =
        rg_experiment_run(&runner, &options->config, (enum rg_plan_table)own->table, own->seeds, &folder);
    if (err) return err;
    experiment_tell(options, (enum rg_plan_table)own->table, folder);
    free(folder);
    return 0;
}

const rg_command_t rg_command_experiment = {
    .name = "experiment",
    .summary = "Train and measure one of the paper's tables",
    .args = "TABLE",
    .help = "Trains and measures one table of the paper:\n"
            "  table1  retrieval, by kind of negatives and by ranking\n"
            "  table2  translation: GMM-UNIT continued, RG-UNIT, and RG-UNIT with random\n"
            "          neighbours\n"
            "  table3  translation, by fraction of annotated images\n"
            "Every row trains for the same number of iterations. Rows of a seed share stages 1 and 2 and are "
            "compared in pairs. The command starts and stops services of its own in RUN/experiment, one run "
            "after the other, and skips runs that are finished. The report is written to "
            "RUN/experiment/TABLE, as HTML, Markdown and CSV; with evaluation.follow it also has curves of "
            "measures.",
    .examples = "  rg-ctl experiment table2 --config configs/faces32.yaml --seeds 3\n"
                "  rg-ctl experiment table1 --config configs/smoke.yaml --seeds 2 --json\n",
    .options = experiment_options,
    .argument = experiment_argument,
    .check = experiment_check,
    .size = sizeof(experiment_options_t),
    .defaults = &(const experiment_options_t){.table = NO_TABLE, .seeds = SEEDS},
    .config = RG_COMMAND_CONFIGURED,
    .run = experiment_run,
};
