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
// And two that the paper has not:
//
//   curve    table 2 at several values of stage3.loss.classify, which trade accuracy for realism
//   sizes    stage 3 of RG-UNIT by the share of the unannotated training images in the retrieval set, also
//            with all of them added while it trains
//
// Runs of one seed and fraction of annotation share stages 1 and 2, so rows are compared in pairs. All runs
// share one classifier: it measures, and is not measured. With classifier.images: others each seed has a
// classifier of its own, because each has its own draw of the annotated images. Tables share runs.
#ifndef RG_EXPERIMENT_PLAN_H
#define RG_EXPERIMENT_PLAN_H

#include "common/config/config.h"

enum rg_plan_table {
    RG_PLAN_TABLE_1,
    RG_PLAN_TABLE_2,
    RG_PLAN_TABLE_3,
    RG_PLAN_CURVE,
    RG_PLAN_SIZES,
    RG_PLAN_TABLES
};

// Rows of tables 2 and 3 and of curve. Table 3 has no random neighbours. BASE stands for the run that the
// rows begin with, JUDGE for a classifier.
enum {
    RG_PLAN_JUDGE = -2,
    RG_PLAN_BASE,
    RG_PLAN_ROW_CONTINUED,
    RG_PLAN_ROW_FROZEN,
    RG_PLAN_ROW_RETRIEVED,
    RG_PLAN_ROW_RANDOM
};
enum { RG_PLAN_SIZE_ALL = 3 }; // row of sizes: RG-UNIT as in table 2

// A row of a table, with the configuration that makes it different.
enum { RG_PLAN_ROW_SETS = 7 };
typedef struct {
    const char *name;                  // in names of folders: "random"
    const char *title;                 // for people: "RG-UNIT, random neighbours"
    const char *set[RG_PLAN_ROW_SETS]; // "key=value", NULL ends the list
    // The retrieval set: that of the base, or one of its own with the annotated training images and a share
    // of the others.
    int own_set;
    double share;
    int grows; // 1: the remaining images are added while the row trains
} rg_plan_row_t;

enum { RG_PLAN_RUN_SETS = RG_PLAN_ROW_SETS + 6, RG_PLAN_TEXT = 384 };
typedef struct {
    char folder[RG_NAME_SIZE];                // below RUN/experiment: "a100-s1-random"
    char set[RG_PLAN_RUN_SETS][RG_PLAN_TEXT]; // "key=value"
    int n_set;
    int first, last; // the stages that it trains and evaluates
    int from;        // position of the run whose earlier stages it takes, or -1
    int row;         // of the table's rows, or RG_PLAN_BASE or RG_PLAN_JUDGE
    int weight;      // position of its weight in the plan
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
    const double *weight; // [n_weights] values of stage3.loss.classify
    int n_weights;
    int stage;    // that the rows train
    int main_row; // the row that the table is about
    int first_seed, seeds;
} rg_plan_t;

enum { RG_PLAN_WEIGHTS_MIN = 3, RG_PLAN_WEIGHTS_MAX = 8 };
typedef struct {
    enum rg_plan_table table;
    int seeds;            // config->seed and those after it
    const double *weight; // [n_weights] of curve, ascending; borrowed by the plan
    int n_weights;
} rg_plan_spec_t;

// Plans a table. config is borrowed, root is the folder that holds the runs' folders. RG_ECONFIG if the table
// needs another configuration.
int rg_plan_init(rg_plan_t *plan, const rg_plan_spec_t *spec, const rg_config_t *config, const char *root);
void rg_plan_fini(rg_plan_t *plan);

// The run of a row (or RG_PLAN_BASE), of a fraction, of a weight and of a seed, all by position; NULL if the
// plan has none. A base has no weight.
const rg_plan_run_t *rg_plan_find(const rg_plan_t *plan, int row, int annotated, int weight, int seed);

#endif
