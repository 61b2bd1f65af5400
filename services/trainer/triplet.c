#include "services/trainer/triplet.h"

#include <string.h>

#include "common/data/target.h"
#include "common/model/loss.h"
#include "common/nn/optim.h"

int rg_triplet_init(rg_triplet_t *self, rg_model_t *model, rg_backend_t *backend)
{
    *self = (rg_triplet_t){.model = model, .backend = backend};
    return rg_tape_new(&self->tape, backend);
}

void rg_triplet_fini(rg_triplet_t *self)
{
    rg_tape_destroy(&self->tape);
}

int rg_triplet_kinds(const rg_config_t *config)
{
    return config->triplet.easy + config->triplet.medium + config->triplet.hard + config->triplet.hardest;
}

// ---- drawing

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
        rg_labels_flip(config, out, (int)rg_rng_below(rng, (uint32_t)attributes), next);
        memcpy(out, next, (size_t)attributes);
        if (tries > 0 && !same_labels(out, source, attributes) && !same_labels(out, wanted, attributes))
            return;
    }
}

void rg_triplet_draw(rg_triplet_t *self, const rg_batch_t *batch, rg_rng_t *rng, rg_triplet_draws_t *draws)
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
        rg_labels_flip(config, batch->labels + i, (int)rg_rng_below(rng, (uint32_t)attributes), t + i);
        draw_random_labels(config, batch->labels + i, t + i, rng, random + i);
    }
    rg_code_of_labels(config, t, n, rng, draws->wanted);
    rg_code_of_labels(config, t, n, rng, draws->other_wanted);
    rg_code_of_labels(config, random, n, rng, draws->random);
    rg_code_keep(config, batch->labels, t, n, draws->keep);
    rg_code_keep(config, batch->target_labels, t, n, draws->other_keep);
    rg_code_keep(config, batch->labels, random, n, draws->random_keep);
    int rows = n * (2 + rg_triplet_kinds(config));
    draws->dropout = rg_tape_alloc(self->tape, 2 * (size_t)rows * RG_EMBEDDER_HIDDEN * sizeof(float));
    rg_embed_draw_keep(config, rows, rng, draws->dropout);
}

// ---- the step

// Content and code of a group of images, what R sees of them, and the images where they are translated.
typedef struct {
    rg_tensor_t *content, *code, *images;
} view_t;

static view_t encode(rg_triplet_t *self, rg_tensor_t *x)
{
    return (view_t){.content = rg_content_encode(self->tape, &self->model->content, x),
                    .code = rg_attribute_encode(self->tape, &self->model->attribute, x),
                    .images = x};
}

// The code of `view` with the dims not kept taken from codes.
static rg_tensor_t *edit(rg_triplet_t *self, view_t view, const unsigned char *keep, const float *codes)
{
    rg_tensor_t *wanted = rg_tape_input(self->tape, view.code->n, 1, 1, view.code->c, codes);
    return rg_select(self->tape, keep, view.code, wanted);
}

static view_t translate(rg_triplet_t *self, view_t view, rg_tensor_t *code)
{
    return encode(self, rg_generate(self->tape, &self->model->generator, view.content, code, view.images));
}

static view_t join(rg_triplet_t *self, view_t a, view_t b)
{
    return (view_t){.content = rg_stack(self->tape, a.content, b.content),
                    .code = rg_stack(self->tape, a.code, b.code)};
}

// Anchors, positives and every kind of negative that is on, stacked.
static view_t triplets(rg_triplet_t *self, const rg_batch_t *batch, const rg_triplet_draws_t *draws)
{
    const rg_config_t *config = &self->model->config;
    int side = config->data.img_size;
    view_t x = encode(self, rg_tape_input(self->tape, batch->n, side, side, 3, batch->pixels));
    rg_tensor_t *wanted = edit(self, x, draws->keep, draws->wanted);
    view_t all = join(self, (view_t){.content = x.content, .code = wanted}, translate(self, x, wanted));
    if (config->triplet.easy || config->triplet.medium) {
        view_t other =
            encode(self, rg_tape_input(self->tape, batch->n, side, side, 3, batch->reference_pixels));
        if (config->triplet.easy) all = join(self, all, other);
        if (config->triplet.medium)
            all = join(self, all,
                       translate(self, other, edit(self, other, draws->other_keep, draws->other_wanted)));
    }
    if (config->triplet.hard)
        all = join(self, all, translate(self, x, edit(self, x, draws->random_keep, draws->random)));
    if (config->triplet.hardest) all = join(self, all, translate(self, x, x.code));
    return all;
}

int rg_triplet_step(rg_triplet_t *self, const rg_batch_t *batch, const rg_triplet_draws_t *draws,
                    int iteration, rg_losses_t *losses)
{
    const rg_config_t *config = &self->model->config;
    rg_params_t *set = &self->model->set[RG_EMBEDDER];
    losses->n = 0;
    rg_tape_pause(self->tape); // frozen nets build no graph
    view_t all = triplets(self, batch, draws);
    rg_tape_resume(self->tape);
    rg_tensor_t *e = rg_embed(self->tape, &self->model->embedder, all.content, all.code, draws->dropout);
    rg_losses_add(
        losses, "triplet",
        rg_loss_triplet(self->tape, e, batch->n, rg_triplet_kinds(config), (float)config->triplet.margin, 1));
    int err = rg_losses_check(losses, iteration);
    if (!err) err = rg_tape_backward(self->tape);
    rg_tape_op(self->tape, "update");
    return err ? err : rg_optim_step(self->backend, &config->stage2, iteration, &set, 1, NULL);
}
