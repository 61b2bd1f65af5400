// The runs of a plan. An arrow: the second run takes the earlier stages of the first.
//
//   classifier -> a100-s1 (stages 1 and 2) -> a100-s1-continued   (stage 3, row "continued")
//                                          -> a100-s1-retrieved   (stage 3, row "retrieved") ...
//              -> a100-s2                  -> ...                 the next seed
//              -> a25-s1                   -> ...                 table 3: a quarter of the annotation
//                     a25-s1-retrieved-c6                         curve: with stage3.loss.classify 6
//                     a25-s1-set50                                sizes: half of the unannotated images
//   a25-s1-judge -> a25-s1 ...                                    with classifier.images: others
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
#include "common/core/err.h"
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

static const rg_plan_row_t SIZES[] = {
    {"set0", "none", {"retrieval.neighbours=retrieved"}, .own_set = 1},
    {"set25", "25 %", {"retrieval.neighbours=retrieved"}, .own_set = 1, .share = 0.25},
    {"set50", "50 %", {"retrieval.neighbours=retrieved"}, .own_set = 1, .share = 0.5},
    [RG_PLAN_SIZE_ALL] = {"retrieved", "all", {"retrieval.neighbours=retrieved"}, .share = 1},
    {"growing", "all, added while it trained", {"retrieval.neighbours=retrieved"}, .own_set = 1, .grows = 1},
};

static const double FRACTIONS[] = {0.25, 0.5, 1};

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

static const struct {
    const rg_plan_row_t *row;
    int rows, stage, main_row;
} TABLES[RG_PLAN_TABLES] = {
    [RG_PLAN_TABLE_1] = {RETRIEVALS, COUNT(RETRIEVALS), RG_STAGE_2, 0},
    [RG_PLAN_TABLE_2] = {MODELS, COUNT(MODELS), RG_STAGE_3, RG_PLAN_ROW_RETRIEVED},
    [RG_PLAN_TABLE_3] = {MODELS, COUNT(MODELS) - 1, RG_STAGE_3, RG_PLAN_ROW_RETRIEVED},
    [RG_PLAN_CURVE] = {MODELS, COUNT(MODELS), RG_STAGE_3, RG_PLAN_ROW_RETRIEVED},
    [RG_PLAN_SIZES] = {SIZES, COUNT(SIZES), RG_STAGE_3, RG_PLAN_SIZE_ALL},
};

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
    if (run->annotated >= 1) add_set(added, "classifier.images=annotated"); // no image is left for the judge
    add_set(added, "evaluation.cache=%s/features",
            root); // features of real images are the same for every run
    return added;
}

static int add_classifier(rg_plan_t *plan, const char *root, const char *folder, double annotated, int seed)
{
    rg_plan_run_t run = {.from = -1, .row = RG_PLAN_JUDGE, .seed = seed, .annotated = annotated};
    run.first = run.last = RG_STAGE_CLASSIFIER;
    snprintf(run.folder, sizeof run.folder, "%s", folder);
    add_run(plan, root, &run);
    return plan->n - 1;
}

// Stages 1 and 2 of a fraction and a seed.
static int add_base(rg_plan_t *plan, const char *root, double annotated, int seed, int from)
{
    rg_plan_run_t run = {.first = RG_STAGE_1,
                         .last = RG_STAGE_2,
                         .from = from,
                         .row = RG_PLAN_BASE,
                         .seed = seed,
                         .annotated = annotated};
    snprintf(run.folder, sizeof run.folder, "a%.0f-s%d", 100 * annotated, seed);
    add_run(plan, root, &run);
    return plan->n - 1;
}

// A weight that is the configuration's leaves no trace: the run is that of table 2.
static void add_row(rg_plan_t *plan, const rg_config_t *config, const char *root, int row, int weight,
                    int from)
{
    const rg_plan_row_t *of = &plan->row[row];
    const int weighted = plan->weight[weight] != config->stage3_loss.classify;
    rg_plan_run_t run = plan->run[from];
    size_t length;
    run.n_set = 0;
    run.first = run.last = plan->stage;
    run.from = from;
    run.row = row;
    run.weight = weight;
    snprintf(run.folder, sizeof run.folder, "%.30s-%.16s", plan->run[from].folder, of->name);
    length = strlen(run.folder);
    if (weighted) snprintf(run.folder + length, sizeof run.folder - length, "-c%g", plan->weight[weight]);
    rg_plan_run_t *added = add_run(plan, root, &run);
    for (int i = 0; i < RG_PLAN_ROW_SETS && of->set[i]; i++) add_set(added, "%s", of->set[i]);
    if (weighted) add_set(added, "stage3.loss.classify=%g", plan->weight[weight]);
    if (plan->stage == RG_STAGE_3 && !of->own_set) // shares the embedded images of its base
        add_set(added, "retrieval.path=%s/%s/store", root, plan->run[from].folder);
}

// The runs of a seed and a fraction. classifier: the run of the shared one; -1: this seed has its own.
static void add_seed(rg_plan_t *plan, const rg_config_t *config, const char *root, double annotated, int seed,
                     int classifier)
{
    char folder[RG_NAME_SIZE];
    snprintf(folder, sizeof folder, "a%.0f-s%d-judge", 100 * annotated, seed);
    if (classifier < 0) classifier = add_classifier(plan, root, folder, annotated, seed);
    int base = add_base(plan, root, annotated, seed, classifier);
    for (int row = 0; row < plan->n_rows; row++)
        for (int weight = 0; weight < plan->n_weights; weight++)
            add_row(plan, config, root, row, weight, base);
}

static void add_runs(rg_plan_t *plan, const rg_config_t *config, const char *root)
{
    const int others = config->classifier_images == RG_CLASSIFIER_OTHERS;
    int shared = -1;
    for (int a = 0; a < plan->n_annotated && shared < 0; a++)
        if (!others || plan->annotated[a] >= 1)
            shared = add_classifier(plan, root, "classifier", 1, plan->first_seed);
    for (int s = 0; s < plan->seeds; s++) // seed by seed: an interrupted experiment has complete pairs
        for (int a = 0; a < plan->n_annotated; a++)
            add_seed(plan, config, root, plan->annotated[a], plan->first_seed + s,
                     others && plan->annotated[a] < 1 ? -1 : shared);
}

int rg_plan_init(rg_plan_t *plan, const rg_plan_spec_t *spec, const rg_config_t *config, const char *root)
{
    const int table = spec->table;
    if (table == RG_PLAN_SIZES && config->data.annotated >= 1)
        return rg_fail(RG_ECONFIG, "data.annotated: is 1, so that there are no unannotated images to add");
    *plan = (rg_plan_t){.row = TABLES[table].row,
                        .n_rows = TABLES[table].rows,
                        .annotated = table == RG_PLAN_TABLE_3 ? FRACTIONS : &config->data.annotated,
                        .n_annotated = table == RG_PLAN_TABLE_3 ? COUNT(FRACTIONS) : 1,
                        .weight = table == RG_PLAN_CURVE ? spec->weight : &config->stage3_loss.classify,
                        .n_weights = table == RG_PLAN_CURVE ? spec->n_weights : 1,
                        .stage = TABLES[table].stage,
                        .main_row = TABLES[table].main_row,
                        .first_seed = (int)config->seed,
                        .seeds = spec->seeds};
    int most = 1 + plan->n_annotated * plan->seeds * (2 + plan->n_rows * plan->n_weights);
    plan->run = rg_alloc((size_t)most * sizeof *plan->run);
    add_runs(plan, config, root);
    return 0;
}

void rg_plan_fini(rg_plan_t *plan)
{
    free(plan->run);
    plan->run = NULL;
}

const rg_plan_run_t *rg_plan_find(const rg_plan_t *plan, int row, int annotated, int weight, int seed)
{
    for (int i = 0; i < plan->n; i++) {
        const rg_plan_run_t *run = &plan->run[i];
        if (run->row == row && run->annotated == plan->annotated[annotated] &&
            (row == RG_PLAN_BASE || run->weight == weight) && run->seed == plan->first_seed + seed)
            return run;
    }
    return NULL;
}
