// The evaluation of the retrieval net: does a search find images that show what is wanted and look the same
// otherwise? Queries are the test images with one attribute flipped, the retrieval set is every training
// image, and the search is exact, so the numbers measure the embedding and not an index.
//
// The trained R is one of several spaces that are searched. The others are for comparison:
//
//   trained          R
//   untrained        the same net before training
//   code_only        E_a's code alone, without any net
//   code_components  the same, asked with components as a ranked R is asked (model/embedder.h)
//   random           random images, without a search
//
// If trained does not beat untrained and code_only, the training was useless.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "services/evaluator/batch.h"
#include "services/evaluator/samples.h"

enum { TRAINED, UNTRAINED, CODE_ONLY, CODE_COMPONENTS, SPACES };

typedef struct {
    const char *name;
    const rg_embedder_t *net; // NULL: the codes themselves
    int width;
    float *base, *queries; // [n_train,width], [n_images,width], owned
} space_t;

typedef struct {
    rg_evaluation_t *evaluation;
    rg_evaluation_batch_t batch;
    rg_model_t *untrained;
    space_t space[SPACES];
    uint32_t *train; // [n_train] positions of the usable training images in the data set, owned
    uint32_t n_train;
    rg_target_t *target; // [n_images], owned
} retrieval_t;

// ---- life

static void space_init(retrieval_t *self, int which, const char *name, const rg_embedder_t *net, int width)
{
    space_t *space = &self->space[which];
    *space = (space_t){.name = name, .net = net, .width = width};
    space->base = rg_alloc((size_t)self->n_train * (size_t)width * sizeof *space->base);
    space->queries = rg_alloc((size_t)self->evaluation->n_images * (size_t)width * sizeof *space->queries);
}

static int select_training_images(retrieval_t *self)
{
    const rg_dataset_t *set = &self->evaluation->data.set;
    uint32_t n = set->n[RG_SPLIT_TRAIN], k = (uint32_t)self->evaluation->config->evaluation.k;
    self->train = rg_alloc(n * sizeof *self->train);
    int err =
        rg_evaluation_select(self->evaluation, set->index[RG_SPLIT_TRAIN], n, n, self->train, &self->n_train);
    if (err || k <= self->n_train) return err;
    return rg_fail(RG_ECONFIG, "evaluation.k: %u images asked of a retrieval set of %u", k, self->n_train);
}

static void retrieval_init(retrieval_t *self)
{
    rg_evaluation_t *evaluation = self->evaluation;
    const rg_config_t *config = evaluation->config;
    self->target = rg_alloc(evaluation->n_images * sizeof *self->target);
    rg_evaluation_batch_init(&self->batch, evaluation, config->evaluation.batch);
    rg_model_new(&self->untrained, config, RG_PART_BIT(RG_EMBEDDER), 0);
    space_init(self, TRAINED, "trained", &evaluation->inference->model->embedder, config->model.embed_dim);
    space_init(self, UNTRAINED, "untrained", &self->untrained->embedder, config->model.embed_dim);
    space_init(self, CODE_ONLY, "code_only", NULL, rg_code_width(config));
    space_init(self, CODE_COMPONENTS, "code_components", NULL, rg_code_width(config));
}

static void retrieval_fini(retrieval_t *self)
{
    for (int s = 0; s < SPACES; s++) {
        free(self->space[s].base);
        free(self->space[s].queries);
    }
    free(self->target);
    free(self->train);
    rg_evaluation_batch_fini(&self->batch);
    rg_model_destroy(&self->untrained);
}

// ---- embedding

// Embeds the batch's first n images with these codes: rows `first` and up of the space's base or queries.
static int embed_batch(retrieval_t *self, int which, uint32_t first, const float *code, int n, int query)
{
    const space_t *space = &self->space[which];
    const rg_config_t *config = self->evaluation->config;
    float *rows = (query ? space->queries : space->base) + (size_t)first * (size_t)space->width;
    if (space->net)
        return rg_inference_embed(self->evaluation->inference, space->net, rows, self->batch.content, code, n,
                                  query);
    if (query && which == CODE_COMPONENTS)
        rg_code_components(code, n, config->data.attributes.count, config->model.attr_dims, rows);
    else
        memcpy(rows, code, (size_t)n * (size_t)space->width * sizeof *rows);
    return 0;
}

static int embed_training_images(retrieval_t *self)
{
    int err = 0;
    for (uint32_t first = 0; first < self->n_train && !err;) {
        int n = rg_evaluation_batch_size(self->evaluation, first, self->n_train);
        err = rg_evaluation_batch_encode(&self->batch, self->train + first, n);
        for (int s = 0; s < SPACES && !err; s++) err = embed_batch(self, s, first, self->batch.own, n, 0);
        if (!err) err = rg_evaluation_advance(self->evaluation, n);
        first += (uint32_t)n;
    }
    return err;
}

static int embed_queries(retrieval_t *self)
{
    rg_evaluation_t *evaluation = self->evaluation;
    int err = 0;
    for (uint32_t first = 0; first < evaluation->n_images && !err;) {
        int n = rg_evaluation_batch_size(evaluation, first, evaluation->n_images);
        rg_rng_t rng;
        for (uint32_t i = first; i < first + (uint32_t)n; i++)
            rg_evaluation_target(evaluation, &self->target[i], i, &rng);
        err = rg_evaluation_batch_encode(&self->batch, evaluation->images + first, n);
        if (!err) rg_evaluation_batch_codes(&self->batch, self->target + first, NULL, n);
        for (int s = 0; s < SPACES && !err; s++) err = embed_batch(self, s, first, self->batch.code, n, 1);
        if (!err) err = rg_evaluation_advance(evaluation, n);
        first += (uint32_t)n;
    }
    return err;
}

// ---- search

// found [n,k]: the k nearest training images to each of the space's first n queries, as positions in the data
// set.
static void search_space(const retrieval_t *self, int which, uint32_t *found, size_t n, int k)
{
    const space_t *space = &self->space[which];
    const rg_vectors_t queries = {space->queries, n, space->width},
                       base = {space->base, self->n_train, space->width};
    rg_search_exact(found, &queries, &base, k);
    for (size_t i = 0; i < n * (size_t)k; i++) found[i] = self->train[found[i]];
}

static void draw_random(const retrieval_t *self, uint32_t *found, int k)
{
    for (uint32_t q = 0; q < self->evaluation->n_images; q++) {
        rg_rng_t rng;
        rg_rng_init(&rng, self->evaluation->config->seed, RG_RNG_SEARCH, q);
        for (int i = 0; i < k; i++) *found++ = self->train[rg_rng_below(&rng, self->n_train)];
    }
}

// ---- numbers

// The share of images that some query found, of those that n results can find. It is small if all queries
// find the same images.
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

static void report_space(const retrieval_t *self, const char *name, const uint32_t *found, int k,
                         rg_report_t *report)
{
    const rg_evaluation_t *evaluation = self->evaluation;
    rg_precision_at_k_t precision = {0};
    for (uint32_t q = 0; q < evaluation->n_images; q++)
        rg_precision_at_k_add(&precision, &evaluation->data, evaluation->config, &self->target[q],
                              found + (size_t)q * (size_t)k, k);
    rg_precision_means_t means = rg_precision_at_k_means(&precision);
    rg_report_number(report, means.attributes, "p%d.%s.attributes", k, name);
    rg_report_number(report, means.content, "p%d.%s.content", k, name);
    rg_report_number(report, means.average, "p%d.%s.average", k, name);
    rg_report_number(report, means.strict, "p%d.%s.strict", k, name);
    rg_report_number(report, share_found(self, found, (size_t)evaluation->n_images * (size_t)k),
                     "p%d.%s.found", k, name);
}

static void report_spaces(const retrieval_t *self, rg_report_t *report)
{
    int k = self->evaluation->config->evaluation.k;
    uint32_t *found = rg_alloc((size_t)self->evaluation->n_images * (size_t)k * sizeof *found);
    rg_report_integer(report, "retrieval_images", self->n_train);
    for (int s = 0; s < SPACES; s++) {
        search_space(self, s, found, self->evaluation->n_images, k);
        report_space(self, self->space[s].name, found, k, report);
    }
    draw_random(self, found, k);
    report_space(self, "random", found, k, report);
    free(found);
}

// ---- pictures

// Shows what is found for the first test images with the first attribute flipped. Overwrites their queries.
static int draw_retrieval(retrieval_t *self)
{
    rg_evaluation_t *evaluation = self->evaluation;
    int rows = rg_evaluation_batch_size(evaluation, 0, evaluation->n_images);
    if (rows > RG_SAMPLE_ROWS) rows = RG_SAMPLE_ROWS;
    int k = self->n_train < RG_SAMPLE_NEIGHBOURS ? (int)self->n_train : RG_SAMPLE_NEIGHBOURS;
    rg_target_t target[RG_SAMPLE_ROWS];
    uint32_t found[RG_SAMPLE_ROWS * RG_SAMPLE_NEIGHBOURS], shown[RG_SAMPLE_ROWS * (1 + RG_SAMPLE_NEIGHBOURS)];
    char edit[RG_NAME_SIZE + 8];
    for (int row = 0; row < rows; row++) rg_samples_target(evaluation, &target[row], row, 0);
    int err = rg_evaluation_batch_encode(&self->batch, evaluation->images, rows);
    if (err) return err;
    rg_evaluation_batch_codes(&self->batch, target, NULL, rows);
    err = embed_batch(self, TRAINED, 0, self->batch.code, rows, 1);
    if (err) return err;
    search_space(self, TRAINED, found, (size_t)rows, k);
    for (int row = 0; row < rows; row++) {
        shown[row * (1 + k)] = target[row].image;
        memcpy(shown + row * (1 + k) + 1, found + row * k, (size_t)k * sizeof *found);
    }
    snprintf(edit, sizeof edit, "flip %s", evaluation->config->data.attributes.name[0]);
    return rg_samples_retrieval(evaluation, shown, rows, k, edit);
}

int rg_evaluate_retrieval(rg_evaluation_t *evaluation, rg_report_t *report)
{
    retrieval_t self = {.evaluation = evaluation};
    int err = select_training_images(&self);
    if (err) {
        free(self.train);
        return err;
    }
    retrieval_init(&self);
    atomic_store(&evaluation->progress->total, self.n_train + evaluation->n_images);
    err = embed_training_images(&self);
    if (!err) err = embed_queries(&self);
    if (!err) report_spaces(&self, report);
    if (!err) err = draw_retrieval(&self);
    retrieval_fini(&self);
    return err;
}
