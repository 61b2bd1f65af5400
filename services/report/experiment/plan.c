// The runs of a plan. An arrow: the second run takes the earlier stages of the first.
//
//   classifier -> a100-s1 (stages 1 and 2) -> a100-s1-continued   (stage 3, row "continued")
//                                          -> a100-s1-retrieved   (stage 3, row "retrieved") ...
//              -> a100-s2                  -> ...                 the next seed
//              -> a25-s1                   -> ...                 table 3: a quarter of the annotation
//
// The rows of table 1 train stage 2 and take stage 1 only.
#include "services/report/experiment/plan.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/model/stage.h"

// The paper's R and its optimiser. The last four keys choose the kinds of negatives.
#define TRIPLETS(easy, medium, hard, hardest)                                                                \
    {                                                                                                        \
        "model.retrieval=triplet", "stage2.optimizer=sgd", "stage2.lr=0.01", "triplet.easy=" easy,           \
            "triplet.medium=" medium, "triplet.hard=" hard, "triplet.hardest=" hardest                       \
    }

static const rg_plan_row_t RETRIEVALS[] = {
    {"easy", "easy negatives", TRIPLETS("true", "false", "false", "false")},
    {"medium", "medium negatives", TRIPLETS("false", "true", "false", "false")},
    {"hard", "hard negatives", TRIPLETS("false", "false", "true", "false")},
    {"hardest", "hardest negatives", TRIPLETS("false", "false", "false", "true")},
    {"all", "all negatives", TRIPLETS("true", "true", "true", "true")},
    {"ranked", "ranked, no triplets", {"model.retrieval=ranked"}},
};

static const rg_plan_row_t MODELS[] = {
    [RG_PLAN_ROW_CONTINUED] = {"continued",
                               "GMM-UNIT continued",
                               {"retrieval.neighbours=none", "stage3.encoders=trained"}},
    [RG_PLAN_ROW_FROZEN] = {"frozen",
                            "GMM-UNIT continued, encoders frozen",
                            {"retrieval.neighbours=none", "stage3.encoders=frozen"}},
    [RG_PLAN_ROW_RETRIEVED] = {"retrieved", "RG-UNIT", {"retrieval.neighbours=retrieved"}},
    [RG_PLAN_ROW_RANDOM] = {"random", "RG-UNIT, random neighbours", {"retrieval.neighbours=random"}},
};

static const double FRACTIONS[] = {0.25, 0.5, 1};

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

static void add_set(rg_plan_run_t *run, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add_set(rg_plan_run_t *run, const char *fmt, ...)
{
    va_list args;
    assert(run->n_set < RG_PLAN_RUN_SETS);
    va_start(args, fmt);
    vsnprintf(run->set[run->n_set++], RG_PLAN_TEXT, fmt, args);
    va_end(args);
}

static rg_plan_run_t *add_run(rg_plan_t *plan, const char *root, const rg_plan_run_t *run)
{
    rg_plan_run_t *added = &plan->run[plan->n++];
    *added = *run;
    add_set(added, "run=%s/%s", root, run->folder);
    add_set(added, "data.annotated=%g", run->annotated);
    add_set(added, "seed=%d", run->seed);
    add_set(added, "evaluation.cache=%s/features",
            root); // features of real images are the same for every run
    return added;
}

static int add_classifier(rg_plan_t *plan, const rg_config_t *config, const char *root)
{
    rg_plan_run_t run = {
        .folder = "classifier", .from = -1, .row = -1, .seed = (int)config->seed, .annotated = 1};
    run.first = run.last = RG_STAGE_CLASSIFIER;
    add_run(plan, root, &run);
    return plan->n - 1;
}

// Stages 1 and 2 of a fraction and a seed.
static int add_base(rg_plan_t *plan, const char *root, double annotated, int seed, int from)
{
    rg_plan_run_t run = {.first = RG_STAGE_1,
                         .last = RG_STAGE_2,
                         .from = from,
                         .row = -1,
                         .seed = seed,
                         .annotated = annotated};
    snprintf(run.folder, sizeof run.folder, "a%.0f-s%d", 100 * annotated, seed);
    add_run(plan, root, &run);
    return plan->n - 1;
}

static void add_row(rg_plan_t *plan, const char *root, int row, int from)
{
    rg_plan_run_t run = plan->run[from];
    run.n_set = 0;
    run.first = run.last = plan->stage;
    run.from = from;
    run.row = row;
    snprintf(run.folder, sizeof run.folder, "%.40s-%.16s", plan->run[from].folder, plan->row[row].name);
    rg_plan_run_t *added = add_run(plan, root, &run);
    for (int i = 0; i < RG_PLAN_ROW_SETS && plan->row[row].set[i]; i++)
        add_set(added, "%s", plan->row[row].set[i]);
    if (plan->stage == RG_STAGE_3) // shares the embedded images of its base
        add_set(added, "retrieval.path=%s/%s/store", root, plan->run[from].folder);
}

void rg_plan_init(rg_plan_t *plan, enum rg_plan_table table, const rg_config_t *config, int seeds,
                  const char *root)
{
    *plan = (rg_plan_t){.row = table == RG_PLAN_TABLE_1 ? RETRIEVALS : MODELS,
                        .n_rows = table == RG_PLAN_TABLE_1   ? COUNT(RETRIEVALS)
                                  : table == RG_PLAN_TABLE_2 ? COUNT(MODELS)
                                                             : COUNT(MODELS) - 1,
                        .annotated = table == RG_PLAN_TABLE_3 ? FRACTIONS : &config->data.annotated,
                        .n_annotated = table == RG_PLAN_TABLE_3 ? COUNT(FRACTIONS) : 1,
                        .stage = table == RG_PLAN_TABLE_1 ? RG_STAGE_2 : RG_STAGE_3,
                        .seeds = seeds};
    plan->run = rg_alloc((size_t)(1 + plan->n_annotated * seeds * (1 + plan->n_rows)) * sizeof *plan->run);
    int classifier = add_classifier(plan, config, root);
    for (int s = 0; s < seeds; s++) // seed by seed: an interrupted experiment has complete pairs
        for (int a = 0; a < plan->n_annotated; a++) {
            int base = add_base(plan, root, plan->annotated[a], (int)config->seed + s, classifier);
            for (int row = 0; row < plan->n_rows; row++) add_row(plan, root, row, base);
        }
}

void rg_plan_fini(rg_plan_t *plan)
{
    free(plan->run);
    plan->run = NULL;
}

const rg_plan_run_t *rg_plan_find(const rg_plan_t *plan, int row, int annotated, int seed)
{
    int first = plan->run[0].seed;
    for (int i = 1; i < plan->n; i++)
        if (plan->run[i].row == row && plan->run[i].annotated == plan->annotated[annotated] &&
            plan->run[i].seed == first + seed)
            return &plan->run[i];
    return NULL;
}
