// rg-ctl experiment: trains and measures a table of report/experiment/plan.h.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "services/ctl/caller.h"
#include "services/ctl/command.h"
#include "services/ctl/output.h"
#include "services/report/experiment/experiment.h"

enum { NO_TABLE = -1, SEEDS = 3, SEEDS_MAX = 64 };
#define TABLES "table1, table2, table3, curve or sizes"

typedef struct {
    int n;
    double value[RG_PLAN_WEIGHTS_MAX];
} weights_t;

typedef struct {
    int table; // enum rg_plan_table
    int seeds;
    weights_t classify; // n 0: not given
} experiment_options_t;

static const weights_t CLASSIFY = {3, {1, 3, 6}};

// Reads "1,3,6".
static int experiment_read_weights(void *field, const char *text)
{
    weights_t weights = {0};
    char *copy = rg_strdup(text), *rest = copy, *end;
    int wrong = 0;
    for (char *word; !wrong && (word = strsep(&rest, ",")) != NULL;) {
        double value = strtod(word, &end), before = weights.n ? weights.value[weights.n - 1] : -1;
        wrong = weights.n == RG_PLAN_WEIGHTS_MAX || end == word || *end || !(value >= 0 && value <= 1e6) ||
                value - before <= 1e-5 * value;
        if (!wrong) weights.value[weights.n++] = value;
    }
    free(copy);
    if (wrong || weights.n < RG_PLAN_WEIGHTS_MIN)
        return rg_fail(RG_EUSAGE, "expected %d to %d ascending weights, such as 1,3,6", RG_PLAN_WEIGHTS_MIN,
                       RG_PLAN_WEIGHTS_MAX);
    *(weights_t *)field = weights;
    return 0;
}

static const rg_command_option_t experiment_options[] = {
    {"seeds", 'n', "N", "Seeds: the config's and the N-1 after it (default 3)",
     RG_OPTION_NUMBER(experiment_options_t, seeds, 1, SEEDS_MAX)},
    {"classify", 0, "LIST", "Of curve: values of stage3.loss.classify (default 1,3,6)",
     RG_OPTION_READ(experiment_options_t, classify, experiment_read_weights)},
    {0},
};

static int experiment_argument(void *own, char *text)
{
    experiment_options_t *options = own;
    if (options->table != NO_TABLE) return rg_fail(RG_EUSAGE, "%s: expected one table only", text);
    for (int t = 0; t < RG_PLAN_TABLES; t++)
        if (strcmp(text, rg_experiment_name((enum rg_plan_table)t)) == 0) options->table = t;
    return options->table == NO_TABLE ? rg_fail(RG_EUSAGE, "%s: expected " TABLES, text) : 0;
}

static int experiment_check(const void *own)
{
    const experiment_options_t *options = own;
    if (options->table == NO_TABLE) return rg_fail(RG_EUSAGE, "TABLE is missing: " TABLES);
    return options->classify.n && options->table != RG_PLAN_CURVE
               ? rg_fail(RG_EUSAGE, "--classify is of curve")
               : 0;
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
    const weights_t *classify = own->classify.n ? &own->classify : &CLASSIFY;
    const rg_plan_spec_t spec = {.table = (enum rg_plan_table)own->table,
                                 .seeds = own->seeds,
                                 .weight = classify->value,
                                 .n_weights = classify->n};
    char *folder;
    int err = rg_experiment_run(&runner, &options->config, &spec, &folder);
    if (err) return err;
    experiment_tell(options, spec.table, folder);
    free(folder);
    return 0;
}

const rg_command_t rg_command_experiment = {
    .name = "experiment",
    .summary = "Train and measure a table: one of the paper's, or a comparison",
    .args = "TABLE",
    .help = "Trains and measures a table. The paper's:\n"
            "  table1  retrieval, by kind of negatives and by ranking\n"
            "  table2  translation: GMM-UNIT continued, RG-UNIT, and RG-UNIT with random\n"
            "          neighbours\n"
            "  table3  translation, by fraction of annotated images\n"
            "And:\n"
            "  curve   table2 at several classification weights: distances at equal accuracy\n"
            "  sizes   RG-UNIT by the number of unannotated images in the retrieval set, also\n"
            "          with all of them added while it trains\n"
            "Every row trains for the same number of iterations. Rows of a seed share stages 1 and 2 and are "
            "compared in pairs. The command starts and stops services of its own in RUN/experiment, one run "
            "after the other, and skips runs that are finished. The report is written to "
            "RUN/experiment/TABLE, as HTML, Markdown and CSV; with evaluation.follow it also has curves of "
            "measures.",
    .examples = "  rg-ctl experiment table2 --config configs/faces32.yaml --seeds 3\n"
                "  rg-ctl experiment table1 --config configs/smoke.yaml --seeds 2 --json\n"
                "  rg-ctl experiment curve --config configs/faces32.yaml --set data.annotated=0.25 \\\n"
                "      --set classifier.images=others --seeds 4 --classify 1,2,3,6\n"
                "  rg-ctl experiment sizes --config configs/faces32.yaml --set data.annotated=0.25\n",
    .options = experiment_options,
    .argument = experiment_argument,
    .check = experiment_check,
    .size = sizeof(experiment_options_t),
    .defaults = &(const experiment_options_t){.table = NO_TABLE, .seeds = SEEDS},
    .config = RG_COMMAND_CONFIGURED,
    .run = experiment_run,
};
