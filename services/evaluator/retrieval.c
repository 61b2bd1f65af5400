// Does retrieval find images that show what is wanted and are alike otherwise? Queries are the test images
// with one attribute flipped, the retrieval set is every training image, and the search is exact, so that the
// numbers judge the embedding and not an index.
//
// Beside the trained R stand: the same net as it was before training, E_a's code alone without any net, the
// same asked with components as a ranked R is (model/embedder.h), and random images. A trained R that does
// not beat the first two is not trained.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "services/evaluator/evaluation.h"
#include "services/evaluator/metrics/metrics.h"
#include "services/evaluator/samples.h"

enum { TRAINED, UNTRAINED, CODE_ONLY, CODE_COMPONENTS, SPACES };

// A space to search in.
typedef struct {
    const char *name;
    const rg_embedder_t *net; // NULL: the codes themselves
    int width;
    float *base, *queries; // [n_train,width], [n_images,width], owned
} space_t;

typedef struct {
    rg_evaluation_t *evaluation;
    rg_model_t *fresh; // the untrained R
    space_t space[SPACES];
    const uint32_t *train; // [n_train] positions in the data set
    uint32_t n_train;
    rg_target_t *target;                  // [n_images], owned
    float *pixels, *content, *own, *code; // one batch, owned
} retrieval_t;

// ------------------------------------------------------------------ life
static void init_space(retrieval_t *self, int which, const char *name, const rg_embedder_t *net, int width)
{
    space_t *space = &self->space[which];
    *space = (space_t){.name = name, .net = net, .width = width};
    space->base = rg_alloc((size_t)self->n_train * (size_t)width * sizeof *space->base);
    space->queries = rg_alloc((size_t)self->evaluation->n_images * (size_t)width * sizeof *space->queries);
}

static void init(retrieval_t *self, rg_evaluation_t *evaluation)
{
    const rg_config_t *config = evaluation->config;
    const rg_dataset_t *set = &evaluation->data.set;
    size_t batch = (size_t)config->evaluation.batch, width = (size_t)rg_code_width(config);
    *self = (retrieval_t){
        .evaluation = evaluation, .train = set->index[RG_SPLIT_TRAIN], .n_train = set->n[RG_SPLIT_TRAIN]};
    rg_model_new(&self->fresh, config, RG_PART_BIT(RG_EMBEDDER), 0);
    init_space(self, TRAINED, "trained", &evaluation->nets.model->embedder, config->model.embed_dim);
    init_space(self, UNTRAINED, "untrained", &self->fresh->embedder, config->model.embed_dim);
    init_space(self, CODE_ONLY, "code_only", NULL, rg_code_width(config));
    init_space(self, CODE_COMPONENTS, "code_components", NULL, rg_code_width(config));
    self->target = rg_alloc(evaluation->n_images * sizeof *self->target);
    self->pixels = rg_alloc(batch * rg_evaluation_pixels(evaluation) * sizeof *self->pixels);
    self->content = rg_alloc(batch * rg_evaluation_content(evaluation) * sizeof *self->content);
    self->own = rg_alloc(batch * width * sizeof *self->own);
    self->code = rg_alloc(batch * width * sizeof *self->code);
}

static void fini(retrieval_t *self)
{
    for (int s = 0; s < SPACES; s++) {
        free(self->space[s].base);
        free(self->space[s].queries);
    }
    free(self->target);
    free(self->pixels);
    free(self->content);
    free(self->own);
    free(self->code);
    rg_model_destroy(&self->fresh);
}

// ------------------------------------------------------------------ embedding
// Rows first.. of the space's images or queries, from the batch's content maps and these codes.
static int project(retrieval_t *self, int which, uint32_t first, const float *code, int n, int query)
{
    const space_t *space = &self->space[which];
    const rg_config_t *config = self->evaluation->config;
    float *rows = (query ? space->queries : space->base) + (size_t)first * (size_t)space->width;
    if (space->net)
        return rg_nets_embed(&self->evaluation->nets, space->net, rows, self->content, code, n, query);
    if (query && which == CODE_COMPONENTS)
        rg_code_components(code, n, config->data.attributes.count, config->model.attr_dims, rows);
    else
        memcpy(rows, code, (size_t)n * (size_t)space->width * sizeof *rows);
    return 0;
}

static int encode(retrieval_t *self, const uint32_t *images, int n)
{
    int err = rg_evaluation_load(self->evaluation, self->pixels, images, n);
    return err ? err : rg_nets_encode(&self->evaluation->nets, self->content, self->own, self->pixels, n);
}

static int embed_training_images(retrieval_t *self)
{
    int err = 0;
    for (uint32_t first = 0; first < self->n_train && !err;) {
        int n = rg_evaluation_batch(self->evaluation, first, self->n_train);
        err = encode(self, self->train + first, n);
        for (int s = 0; s < SPACES && !err; s++) err = project(self, s, first, self->own, n, 0);
        if (!err) err = rg_evaluation_advance(self->evaluation, n);
        first += (uint32_t)n;
    }
    return err;
}

// Codes of the batch's images with the wanted components' means.
static void want(retrieval_t *self, const rg_target_t *targets, int n)
{
    size_t width = (size_t)rg_code_width(self->evaluation->config);
    for (size_t i = 0; i < (size_t)n; i++)
        rg_evaluation_code(self->evaluation, self->code + i * width, self->own + i * width, &targets[i],
                           NULL);
}

static int embed_queries(retrieval_t *self)
{
    rg_evaluation_t *evaluation = self->evaluation;
    int err = 0;
    for (uint32_t first = 0; first < evaluation->n_images && !err;) {
        int n = rg_evaluation_batch(evaluation, first, evaluation->n_images);
        rg_rng_t rng;
        for (uint32_t i = first; i < first + (uint32_t)n; i++)
            rg_evaluation_target(evaluation, &self->target[i], i, &rng);
        err = encode(self, evaluation->images + first, n);
        if (!err) want(self, self->target + first, n);
        for (int s = 0; s < SPACES && !err; s++) err = project(self, s, first, self->code, n, 1);
        if (!err) err = rg_evaluation_advance(evaluation, n);
        first += (uint32_t)n;
    }
    return err;
}

// ------------------------------------------------------------------ numbers
// Positions in the training list become positions in the data set.
static void name_images(const retrieval_t *self, uint32_t *found, size_t n)
{
    for (size_t i = 0; i < n; i++) found[i] = self->train[found[i]];
}

static void draw_random(const retrieval_t *self, uint32_t *found, int k)
{
    for (uint32_t q = 0; q < self->evaluation->n_images; q++) {
        rg_rng_t rng;
        rg_rng_init(&rng, self->evaluation->config->seed, RG_RNG_SEARCH, q);
        for (int i = 0; i < k; i++) *found++ = rg_rng_below(&rng, self->n_train);
    }
}

// Of the images that could be found, the share that some query found: little where all find the same.
static double share_found(const retrieval_t *self, const uint32_t *found, size_t n)
{
    unsigned char *seen = rg_alloc(self->evaluation->data.set.count);
    size_t distinct = 0, most = n < self->n_train ? n : self->n_train;
    for (size_t i = 0; i < n; i++) {
        distinct += !seen[found[i]];
        seen[found[i]] = 1;
    }
    free(seen);
    return (double)distinct / (double)most;
}

static void report_row(const retrieval_t *self, const char *row, uint32_t *found, int k, rg_report_t *report)
{
    const rg_evaluation_t *evaluation = self->evaluation;
    rg_precision_at_k_t precision = {0};
    name_images(self, found, (size_t)evaluation->n_images * (size_t)k);
    for (uint32_t q = 0; q < evaluation->n_images; q++)
        rg_precision_at_k_add(&precision, &evaluation->data, evaluation->config, &self->target[q],
                              found + (size_t)q * (size_t)k, k);
    rg_precision_means_t at = rg_precision_at_k_means(&precision);
    rg_report_number(report, at.attributes, "p%d.%s.attributes", k, row);
    rg_report_number(report, at.content, "p%d.%s.content", k, row);
    rg_report_number(report, at.average, "p%d.%s.average", k, row);
    rg_report_number(report, at.strict, "p%d.%s.strict", k, row);
    rg_report_number(report, share_found(self, found, (size_t)evaluation->n_images * (size_t)k),
                     "p%d.%s.found", k, row);
}

static void conclude(const retrieval_t *self, rg_report_t *report)
{
    const rg_evaluation_t *evaluation = self->evaluation;
    int k = evaluation->config->evaluation.k;
    uint32_t *found = rg_alloc((size_t)evaluation->n_images * (size_t)k * sizeof *found);
    rg_report_integer(report, "retrieval_images", self->n_train);
    for (int s = 0; s < SPACES; s++) {
        const space_t *space = &self->space[s];
        const rg_vectors_t queries = {space->queries, evaluation->n_images, space->width},
                           base = {space->base, self->n_train, space->width};
        rg_search_exact(found, &queries, &base, k);
        report_row(self, space->name, found, k, report);
    }
    draw_random(self, found, k);
    report_row(self, "random", found, k, report);
    free(found);
}

// Finds for the first test images with the first attribute flipped.
static int draw_samples(retrieval_t *self)
{
    rg_evaluation_t *evaluation = self->evaluation;
    int rows = rg_evaluation_batch(evaluation, 0, evaluation->n_images);
    if (rows > RG_SAMPLE_ROWS) rows = RG_SAMPLE_ROWS;
    int k = self->n_train < RG_SAMPLE_NEIGHBOURS ? (int)self->n_train : RG_SAMPLE_NEIGHBOURS;
    rg_target_t target[RG_SAMPLE_ROWS];
    uint32_t found[RG_SAMPLE_ROWS * RG_SAMPLE_NEIGHBOURS], shown[RG_SAMPLE_ROWS * (1 + RG_SAMPLE_NEIGHBOURS)];
    char edit[RG_NAME_SIZE + 8];
    space_t *space = &self->space[TRAINED];
    for (int row = 0; row < rows; row++) rg_samples_target(evaluation, &target[row], row, 0);
    int err = encode(self, evaluation->images, rows);
    if (err) return err;
    want(self, target, rows);
    err = project(self, TRAINED, 0, self->code, rows, 1); // their queries have been answered
    if (err) return err;
    const rg_vectors_t queries = {space->queries, (size_t)rows, space->width},
                       base = {space->base, self->n_train, space->width};
    rg_search_exact(found, &queries, &base, k);
    name_images(self, found, (size_t)(rows * k));
    for (int row = 0; row < rows; row++) {
        shown[row * (1 + k)] = target[row].image;
        memcpy(shown + row * (1 + k) + 1, found + row * k, (size_t)k * sizeof *found);
    }
    snprintf(edit, sizeof edit, "flip %s", evaluation->config->data.attributes.name[0]);
    return rg_samples_retrieval(evaluation, shown, rows, k, edit);
}

int rg_evaluate_retrieval(rg_evaluation_t *evaluation, rg_report_t *report)
{
    retrieval_t self;
    int k = evaluation->config->evaluation.k;
    uint32_t n_train = evaluation->data.set.n[RG_SPLIT_TRAIN];
    if ((uint32_t)k > n_train)
        return rg_fail(RG_ECONFIG, "evaluation.k: %d images asked of a retrieval set of %u", k, n_train);
    init(&self, evaluation);
    atomic_store(&evaluation->progress->total, n_train + evaluation->n_images);
    int err = embed_training_images(&self);
    if (!err) err = embed_queries(&self);
    if (!err) conclude(&self, report);
    if (!err) err = draw_samples(&self);
    fini(&self);
    return err;
}
