// What an experiment has to train: runs, each in a folder of its own below RUN/experiment, in an order in
// which every run finds what it begins with.
//
// The paper's three tables (RG-UNIT, section 4) with the controls that say what a difference means:
//   table1   stage 2 by the paper's triplets with each kind of negatives alone, and with all, and by ranking
//   table2   stage 3 by RG-UNIT, the same with random neighbours, and GMM-UNIT continued as long, its
//   encoders
//            learning on or frozen
//   table3   table 2 but for random neighbours, with a quarter, half and all of the annotation
//
// Runs of one seed and fraction share stages 1 and 2, so that rows are compared in pairs; all share one
// classifier, which is the measure and not part of what is measured. Tables share runs.
#ifndef RG_REPORT_EXPERIMENT_PLAN_H
#define RG_REPORT_EXPERIMENT_PLAN_H

#include "common/config/config.h"

enum rg_table { RG_TABLE_1, RG_TABLE_2, RG_TABLE_3, RG_TABLES };

// Rows of tables 2 and 3; the third has no random neighbours.
enum { RG_ROW_CONTINUED, RG_ROW_FROZEN, RG_ROW_RETRIEVED, RG_ROW_RANDOM };

// A row of a table: what sets its runs apart.
enum { RG_ROW_SETS = 7 };
typedef struct {
    const char *name;             // of its folders: "random"
    const char *title;            // for people: "RG-UNIT, random neighbours"
    const char *set[RG_ROW_SETS]; // "key=value", NULL: no more
} rg_row_t;

enum { RG_RUN_SETS = RG_ROW_SETS + 5, RG_RUN_TEXT = 384 };
typedef struct {
    char folder[RG_NAME_SIZE];          // below RUN/experiment: "a100-s1-random"
    char set[RG_RUN_SETS][RG_RUN_TEXT]; // "key=value"
    int n_set;
    int first, last; // stages it trains and evaluates (common/model/stage.h)
    int from;        // position of the run whose earlier stages it takes, or -1
    int row;         // of the table's rows, or -1: what others begin with
    int seed;
    double annotated; // fraction
} rg_run_t;

typedef struct {
    rg_run_t *run; // [n], owned
    int n;
    const rg_row_t *row; // [n_rows]
    int n_rows;
    const double *annotated; // [n_annotated] fractions
    int n_annotated;
    int stage; // that the rows train
    int seeds;
} rg_plan_t;

// Seeds are config->seed and those after it. The folders of runs lie below root.
void rg_plan_init(rg_plan_t *plan, enum rg_table table, const rg_config_t *config, int seeds,
                  const char *root);
void rg_plan_fini(rg_plan_t *plan);

// The run of a row (-1: what its rows begin with) for a fraction and a seed, both by position; NULL: the plan
// has none.
const rg_run_t *rg_plan_find(const rg_plan_t *plan, int row, int annotated, int seed);

#endif
