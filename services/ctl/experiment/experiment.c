// rg-ctl experiment: the paper's tables, from data to report.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/err.h"
#include "services/ctl/commands.h"
#include "services/ctl/experiment/plan.h"
#include "services/ctl/experiment/runner.h"
#include "services/ctl/experiment/statistics.h"

enum { KEY_SEEDS = 0x2000, NO_TABLE = -1, SEEDS = 3 };

typedef struct {
    int table; // enum rg_table
    int seeds;
} experiment_t;

static const char *const TABLES[RG_TABLES] = {"table1", "table2", "table3"};

static const struct argp_option own_options[] = {
    {"seeds", 'n', "N", 0, "Seeds: the config's and the N-1 after it (default 3)"},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    experiment_t *own = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        *own = (experiment_t){.table = NO_TABLE, .seeds = SEEDS};
        return 0;
    case 'n':
        own->seeds = (int)rg_command_number(state, "--seeds", arg, 1, RG_STATISTIC_MAX);
        return 0;
    case ARGP_KEY_ARG:
        if (own->table != NO_TABLE) return ARGP_ERR_UNKNOWN;
        for (int t = 0; t < RG_TABLES; t++)
            if (strcmp(arg, TABLES[t]) == 0) own->table = t;
        if (own->table == NO_TABLE) argp_error(state, "%s: expected table1, table2 or table3", arg);
        return 0;
    case ARGP_KEY_END:
        if (own->table == NO_TABLE) argp_error(state, "which one: table1, table2 or table3?");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int run(const rg_options_t *options, const void *input)
{
    const experiment_t *own = input;
    rg_plan_t plan;
    char root[RG_PATH_SIZE];
    rg_config_path(&options->config, "experiment", root);
    rg_plan_init(&plan, (enum rg_table)own->table, &options->config, own->seeds, root);
    int err = rg_runner_run(options, &plan, root);
    rg_plan_fini(&plan);
    return err;
}

const rg_command_t rg_command_experiment = {
    .name = "experiment",
    .summary = "Train and measure one of the paper's tables, with controls and intervals",
    .args = "TABLE",
    .doc = "table1: retrieval by kind of negatives. table2: GMM-UNIT continued, RG-UNIT, and RG-UNIT with "
           "random neighbours. table3: the same by fraction of annotation. Every row has the same budget; "
           "rows of a seed share stages 1 and 2 and are compared in pairs. Starts and stops services of its "
           "own, one run after the other, in RUN/experiment; what is finished is not done again.\v"
           "Examples:\n"
           "  rg-ctl experiment table2 --config configs/faces32.yaml --seeds 3\n"
           "  rg-ctl experiment table1 --config configs/smoke.yaml --seeds 2 --json\n",
    .options = own_options,
    .parse = parse,
    .size = sizeof(experiment_t),
    .config = RG_COMMAND_CONFIGURED,
    .run = run,
};
