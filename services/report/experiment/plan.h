// The plan of an experiment: the runs to train, each in a folder of its own below RUN/experiment. A run
// comes after the runs whose stages it takes.
//
// The paper's three tables (RG-UNIT, section 4), with controls:
//
//   table1   stage 2 with the paper's triplets: each kind of negatives alone, all kinds, and ranking
//   table2   stage 3 of RG-UNIT; the same with random neighbours; GMM-UNIT continued for as long, with its
//            encoders trained or frozen
//   table3   table 2 without random neighbours, with a quarter, half and all of the annotation
//
// Runs of one seed and fraction of annotation share stages 1 and 2, so rows are compared in pairs. All runs
// share one classifier: it measures, and is not measured. Tables share runs.
#ifndef RG_EXPERIMENT_PLAN_H
#define RG_EXPERIMENT_PLAN_H

#include "common/config/config.h"

enum rg_plan_table { RG_PLAN_TABLE_1, RG_PLAN_TABLE_2, RG_PLAN_TABLE_3, RG_PLAN_TABLES };

// Rows of tables 2 and 3. Table 3 has no random neighbours. BASE stands for the run that the rows begin with.
enum {
    RG_PLAN_BASE = -1,
    RG_PLAN_ROW_CONTINUED,
    RG_PLAN_ROW_FROZEN,
    RG_PLAN_ROW_RETRIEVED,
    RG_PLAN_ROW_RANDOM
};

// A row of a table, with the configuration that makes it different.
enum { RG_PLAN_ROW_SETS = 7 };
typedef struct {
    const char *name;                  // in names of folders: "random"
    const char *title;                 // for people: "RG-UNIT, random neighbours"
    const char *set[RG_PLAN_ROW_SETS]; // "key=value", NULL ends the list
} rg_plan_row_t;

enum { RG_PLAN_RUN_SETS = RG_PLAN_ROW_SETS + 5, RG_PLAN_TEXT = 384 };
typedef struct {
    char folder[RG_NAME_SIZE];                // below RUN/experiment: "a100-s1-random"
    char set[RG_PLAN_RUN_SETS][RG_PLAN_TEXT]; // "key=value"
    int n_set;
    int first, last; // the stages that it trains and evaluates
    int from;        // position of the run whose earlier stages it takes, or -1
    int row;         // of the table's rows, or RG_PLAN_BASE
    int seed;
    double annotated; // fraction of the training images
} rg_plan_run_t;

typedef struct {
    rg_plan_run_t *run; // [n], owned
    int n;
    const rg_plan_row_t *row; // [n_rows]
    int n_rows;
    const double *annotated; // [n_annotated] fractions
    int n_annotated;
    int stage; // that the rows train
    int seeds;
} rg_plan_t;

// Plans a table with the seeds config->seed and those after it. root: the folder that holds the runs'
// folders.
void rg_plan_init(rg_plan_t *plan, enum rg_plan_table table, const rg_config_t *config, int seeds,
                  const char *root);
void rg_plan_fini(rg_plan_t *plan);

// The run of a row (or RG_PLAN_BASE), of a fraction and of a seed, all by position; NULL if the plan has
// none.
const rg_plan_run_t *rg_plan_find(const rg_plan_t *plan, int row, int annotated, int seed);

#endif
