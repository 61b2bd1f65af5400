// R is small beside the frozen networks: a step runs these with the tape paused, so that they build no graph,
// and records only R and its loss. Everything that R is compared on is stacked into one batch of R: anchors,
// positives and negatives of the triplets, or the queries and then the images of the ranking.
#include "services/trainer/embedding.h"

#include <string.h>

#include "common/data/target.h"
#include "common/model/embedder.h"

int rg_embedding_init(rg_embedding_t *self, rg_model_t *model, rg_backend_t *backend)
{
    *self = (rg_embedding_t){.model = model, .backend = backend};
    return rg_tape_new(&self->tape, backend);
}

void rg_embedding_fini(rg_embedding_t *self)
{
    rg_tape_destroy(&self->tape);
}

// Gradients of the losses recorded on the tape, and the update of R.
static int update_embedder(rg_embedding_t *self, int iteration, rg_losses_t *losses)
{
    rg_params_t *set = &self->model->set[RG_EMBEDDER];
    int err = rg_tape_backward(self->tape);
    return err ? err
               : rg_learner_update(self->tape, NULL, &self->model->config.stage2, iteration, &set, 1, losses);
}

// ---- triplets

static int triplet_kinds(const rg_config_t *config)
{
    return config->triplet.easy + config->triplet.medium + config->triplet.hard + config->triplet.hardest;
}

static int same_labels(const unsigned char *a, const unsigned char *b, int n)
{
    return memcmp(a, b, (size_t)n) == 0;
}

// Labels that are neither the source's nor the wanted ones: several random flips away from the source.
static void draw_random_labels(const rg_config_t *config, const unsigned char *source,
                               const unsigned char *wanted, rg_rng_t *rng, unsigned char *out)
{
    int attributes = config->data.attributes.count;
    unsigned char next[RG_ATTRIBUTES_MAX];
    memcpy(out, source, (size_t)attributes);
    for (int tries = 0; tries < 64; tries++) {
        rg_labels_flip(&config->data, out, (int)rg_rng_below(rng, (uint32_t)attributes), next);
        memcpy(out, next, (size_t)attributes);
        if (tries > 0 && !same_labels(out, source, attributes) && !same_labels(out, wanted, attributes))
            return;
    }
}

void rg_triplet_draw(rg_embedding_t *self, const rg_batch_t *batch, rg_rng_t *rng, rg_triplet_draws_t *draws)
{
    const rg_config_t *config = &self->model->config;
    int n = batch->n, attributes = config->data.attributes.count;
    size_t codes = (size_t)n * (size_t)rg_code_width(config);
    rg_tape_reset(self->tape);
    float **code[] = {&draws->wanted, &draws->other_wanted, &draws->random};
    unsigned char **keep[] = {&draws->keep, &draws->other_keep, &draws->random_keep};
    for (int i = 0; i < 3; i++) {
        *code[i] = rg_tape_alloc(self->tape, codes * sizeof(float));
        *keep[i] = rg_tape_alloc(self->tape, codes);
    }
    unsigned char *t = rg_tape_alloc(self->tape, (size_t)(n * attributes)),
                  *random = rg_tape_alloc(self->tape, (size_t)(n * attributes));
    for (int i = 0; i < n * attributes; i += attributes) {
        rg_labels_flip(&config->data, batch->labels + i, (int)rg_rng_below(rng, (uint32_t)attributes), t + i);
        draw_random_labels(config, batch->labels + i, t + i, rng, random + i);
    }
    rg_code_of_labels(config, t, n, rng, draws->wanted);
    rg_code_of_labels(config, t, n, rng, draws->other_wanted);
    rg_code_of_labels(config, random, n, rng, draws->random);
    rg_code_keep(config, batch->labels, t, n, draws->keep);
    rg_code_keep(config, batch->target_labels, t, n, draws->other_keep);
    rg_code_keep(config, batch->labels, random, n, draws->random_keep);
    int rows = n * (2 + triplet_kinds(config));
    draws->dropout = rg_tape_alloc(self->tape, 2 * (size_t)rows * RG_EMBEDDER_HIDDEN * sizeof(float));
    rg_embed_draw_keep(config, rows, rng, draws->dropout);
}

// A group of images: content and code, which R reads, and the pixels if they are to be translated.
typedef struct {
    rg_tensor_t *content, *code, *images;
} view_t;

static view_t view_encode(rg_embedding_t *self, rg_tensor_t *x)
{
    return (view_t){.content = rg_content_encode(self->tape, &self->model->content, x),
                    .code = rg_attribute_encode(self->tape, &self->model->attribute, x),
                    .images = x};
}

// The code of `view`, with the dimensions that are not kept taken from codes.
static rg_tensor_t *view_edit(rg_embedding_t *self, view_t view, const unsigned char *keep,
                              const float *codes)
{
    rg_tensor_t *wanted = rg_tape_input(self->tape, view.code->n, 1, 1, view.code->c, codes);
    return rg_select(self->tape, keep, view.code, wanted);
}

static view_t view_translate(rg_embedding_t *self, view_t view, rg_tensor_t *code)
{
    const rg_translate_source_t source = {.content = view.content, .code = code, .own = view.code};
    return view_encode(self, rg_translate(self->tape, self->model, source, view.images, NULL, NULL));
}

static view_t view_join(rg_embedding_t *self, view_t a, view_t b)
{
    return (view_t){.content = rg_stack(self->tape, a.content, b.content),
                    .code = rg_stack(self->tape, a.code, b.code)};
}

// Anchors, positives and every kind of negative that is on, stacked.
static view_t stack_triplets(rg_embedding_t *self, const rg_batch_t *batch, const rg_triplet_draws_t *draws)
{
    const rg_config_t *config = &self->model->config;
    int side = config->data.img_size;
    view_t x = view_encode(self, rg_tape_input(self->tape, batch->n, side, side, 3, batch->pixels));
    rg_tensor_t *wanted = view_edit(self, x, draws->keep, draws->wanted);
    view_t all =
        view_join(self, (view_t){.content = x.content, .code = wanted}, view_translate(self, x, wanted));
    if (config->triplet.easy || config->triplet.medium) {
        view_t other =
            view_encode(self, rg_tape_input(self->tape, batch->n, side, side, 3, batch->reference_pixels));
        if (config->triplet.easy) all = view_join(self, all, other);
        if (config->triplet.medium)
            all = view_join(
                self, all,
                view_translate(self, other, view_edit(self, other, draws->other_keep, draws->other_wanted)));
    }
    if (config->triplet.hard)
        all = view_join(self, all,
                        view_translate(self, x, view_edit(self, x, draws->random_keep, draws->random)));
    if (config->triplet.hardest) all = view_join(self, all, view_translate(self, x, x.code));
    return all;
}

int rg_triplet_step(rg_embedding_t *self, const rg_batch_t *batch, const rg_triplet_draws_t *draws,
                    int iteration, rg_losses_t *losses)
{
    const rg_config_t *config = &self->model->config;
    losses->n = 0;
    rg_tape_pause(self->tape); // frozen nets build no graph
    view_t all = stack_triplets(self, batch, draws);
    rg_tape_resume(self->tape);
    rg_tensor_t *e = rg_embed(self->tape, &self->model->embedder, all.content, all.code, draws->dropout);
    rg_loss_triplet(self->tape, e, batch->n, triplet_kinds(config), (float)config->triplet.margin, 1,
                    rg_losses_add(losses, self->tape, "triplet"));
    return update_embedder(self, iteration, losses);
}

// ---- ranking

void rg_ranking_draw(rg_embedding_t *self, const rg_batch_t *batch, rg_rng_t *rng, rg_ranking_draws_t *draws)
{
    const rg_config_t *config = &self->model->config;
    int attributes = config->data.attributes.count;
    rg_tape_reset(self->tape);
    draws->wanted = rg_tape_alloc(self->tape, (size_t)(batch->n * attributes));
    for (int i = 0; i < batch->n * attributes; i += attributes)
        rg_labels_flip(&config->data, batch->labels + i, (int)rg_rng_below(rng, (uint32_t)attributes),
                       draws->wanted + i);
    size_t units = 2 * (size_t)(2 * batch->n) * RG_EMBEDDER_HIDDEN;
    draws->dropout = rg_tape_alloc(self->tape, units * sizeof(float));
    rg_embed_draw_keep(config, 2 * batch->n, rng, draws->dropout);
}

static double share_of_equal(const unsigned char *wanted, const unsigned char *shown, int attributes)
{
    int equal = 0;
    for (int a = 0; a < attributes; a++) equal += wanted[a] == shown[a];
    return (double)equal / attributes;
}

// The content maps of the images as rows of unit length, after the mean over the batch was subtracted.
static rg_tensor_t *compared_contents(const rg_embedding_t *self, const rg_tensor_t *content)
{
    rg_backend_t *backend = self->backend;
    int n = content->n;
    size_t size = rg_tensor_size(content) / (size_t)n;
    float *less_mean = rg_tape_alloc(self->tape, (size_t)n * (size_t)n * sizeof *less_mean);
    for (int i = 0; i < n * n; i++) less_mean[i] = (float)(i / n == i % n) - 1 / (float)n;
    rg_tensor_t *left = rg_tape_input(self->tape, n, 1, 1, n, less_mean),
                *rows = rg_tape_tensor(self->tape, n, 1, 1, (int)size);
    backend->gemm(backend, 0, 0, n, (int)size, n, 1, left->data, content->data, 0, rows->data);
    return rg_unit(self->tape, rows);
}

// row [n]: by labels, how much the images are wanted for the query of image `own`, which is not wanted itself.
static void fill_wanted(const rg_config_t *config, const rg_batch_t *batch, const unsigned char *wanted,
                        int own, float *row)
{
    static const float NEVER = -1e30f;
    int attributes = config->data.attributes.count;
    for (int j = 0; j < batch->n; j++) {
        double shown = share_of_equal(wanted, batch->labels + j * attributes, attributes);
        row[j] = j == own ? NEVER : (float)(config->ranking.sharpness * shown);
    }
}

// [n,n]: for each query the wanted chances of the images to be ranked first; they sum to 1.
static rg_tensor_t *relevance_of(const rg_embedding_t *self, const rg_batch_t *batch,
                                 const rg_ranking_draws_t *draws, const rg_tensor_t *content)
{
    const rg_config_t *config = &self->model->config;
    rg_backend_t *backend = self->backend;
    int n = batch->n, attributes = config->data.attributes.count;
    float *wanted = rg_tape_alloc(self->tape, (size_t)n * (size_t)n * sizeof *wanted);
    for (int i = 0; i < n; i++) fill_wanted(config, batch, draws->wanted + i * attributes, i, wanted + i * n);
    rg_tensor_t *rows = compared_contents(self, content),
                *score = rg_tape_input(self->tape, n, 1, 1, n, wanted);
    backend->gemm(backend, 0, 1, n, n, rows->c, (float)config->ranking.content, rows->data, rows->data, 1,
                  score->data);
    return rg_softmax(self->tape, score);
}

// The source's own code, with the wanted components in the dimensions that change.
static rg_tensor_t *ranking_code(const rg_embedding_t *self, const rg_batch_t *batch,
                                 const rg_ranking_draws_t *draws, rg_tensor_t *own)
{
    const rg_config_t *config = &self->model->config;
    size_t size = rg_tensor_size(own);
    float *code = rg_tape_alloc(self->tape, size * sizeof *code);
    unsigned char *keep = rg_tape_alloc(self->tape, size);
    rg_code_of_labels(config, draws->wanted, batch->n, NULL, code);
    rg_code_keep(config, batch->labels, draws->wanted, batch->n, keep);
    return rg_select(self->tape, keep, own, rg_tape_input(self->tape, own->n, 1, 1, own->c, code));
}

int rg_ranking_step(rg_embedding_t *self, const rg_batch_t *batch, const rg_ranking_draws_t *draws,
                    int iteration, rg_losses_t *losses)
{
    const rg_model_t *model = self->model;
    const rg_config_t *config = &model->config;
    rg_tape_t *tape = self->tape;
    int side = config->data.img_size;
    losses->n = 0;
    rg_tape_pause(tape); // frozen nets build no graph
    rg_tensor_t *x = rg_tape_input(tape, batch->n, side, side, 3, batch->pixels);
    rg_tensor_t *content = rg_content_encode(tape, &model->content, x),
                *code = rg_attribute_encode(tape, &model->attribute, x);
    rg_tensor_t *both = rg_stack(tape, content, content),
                *codes = rg_stack(
                    tape, rg_query_code(tape, &model->embedder, ranking_code(self, batch, draws, code)),
                    code);
    const rg_tensor_t *wanted = relevance_of(self, batch, draws, content);
    rg_tape_resume(tape);
    rg_tensor_t *e = rg_embed(tape, &model->embedder, both, codes, draws->dropout);
    rg_loss_ranking(tape, e, model->embedder.scale, wanted, 1, rg_losses_add(losses, tape, "ranking"));
    return update_embedder(self, iteration, losses);
}

// ---- the learners

static int embedding_learner_init(void *state, const rg_learner_spec_t *spec)
{
    return rg_embedding_init(state, spec->model, spec->backend);
}

static void embedding_learner_fini(void *state)
{
    rg_embedding_fini(state);
}

static int embedding_learner_sets(void *state, rg_params_t *sets[RG_PARTS])
{
    const rg_embedding_t *self = state;
    return rg_model_sets(self->model, sets);
}

static int embedding_learner_tapes(void *state, rg_tape_t *tapes[RG_LEARNER_TAPES])
{
    const rg_embedding_t *self = state;
    tapes[0] = self->tape;
    return 1;
}

static void triplet_needs(const rg_config_t *config, int images, rg_batch_needs_t *needs)
{
    (void)config;
    *needs = (rg_batch_needs_t){.references = images}; // the random real images
}

static int triplet_learner_step(void *state, const rg_batch_t *batch, rg_rng_t *rng, int iteration,
                                rg_losses_t *losses)
{
    rg_triplet_draws_t draws;
    rg_triplet_draw(state, batch, rng, &draws);
    return rg_triplet_step(state, batch, &draws, iteration, losses);
}

const rg_learner_t rg_triplet_learner = {
    .size = sizeof(rg_embedding_t),
    .single_rank = 1,
    .needs = triplet_needs,
    .init = embedding_learner_init,
    .fini = embedding_learner_fini,
    .sets = embedding_learner_sets,
    .tapes = embedding_learner_tapes,
    .step = triplet_learner_step,
};

static void ranking_needs(const rg_config_t *config, int images, rg_batch_needs_t *needs)
{
    (void)config, (void)images;
    *needs = (rg_batch_needs_t){0};
}

static int ranking_learner_step(void *state, const rg_batch_t *batch, rg_rng_t *rng, int iteration,
                                rg_losses_t *losses)
{
    rg_ranking_draws_t draws;
    rg_ranking_draw(state, batch, rng, &draws);
    return rg_ranking_step(state, batch, &draws, iteration, losses);
}

const rg_learner_t rg_ranking_learner = {
    .size = sizeof(rg_embedding_t),
    .single_rank = 1,
    .needs = ranking_needs,
    .init = embedding_learner_init,
    .fini = embedding_learner_fini,
    .sets = embedding_learner_sets,
    .tapes = embedding_learner_tapes,
    .step = ranking_learner_step,
};
