// One iteration, in the order of this file. The letters are those of translation.h.
//
//   on self->tape (G's graph)                               on self->tape_d (D's graph)
//   1 draw       sampled codes, kept dimensions
//   2 encode     c, z, z_t
//   3 ask        neighbours of (c, z_t) and (c, z)     ->
//                                                           4 judge x       while the service searches
//   5 decode     fake, recon                           <-
//   6 ask        neighbours of (E_c(fake), z)          ->
//                                                           7 judge fake    while the service searches
//                                                             backward: D's gradients
//   8 decode     cycle                                 <-
//   9                                                       update D
//   10 losses    D (updated) judges fake; all G losses
//      backward, update of G and what trains with it
//
// D's graph begins with the pixels of fake: no gradient of D's losses reaches G. In 10 D is frozen, so that
// G's losses flow through D without changing it.
//
// An iteration that ends early has changed nothing. Everything that waits for another service comes before the
// first update. After it D's values and moments are put back (undo_discriminator). So a stop does not have to
// wait for the end of the iteration, which takes half a minute at 128 px: the flag is looked at between the
// parts, and by the tape within a backward pass. Several ranks look at it only between iterations: a rank that
// left a backward pass would break the order of their collective operations (ranks.h).
#include "services/trainer/translation.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/model/discriminator.h"
#include "common/model/encoders.h"

int rg_translation_init(rg_translation_t *self, rg_model_t *model, rg_backend_t *backend,
                        const rg_train_config_t *train, const rg_loss_weights_t *weight,
                        const rg_retriever_t *retriever)
{
    *self = (rg_translation_t){
        .model = model, .train = train, .weight = weight, .retriever = retriever, .backend = backend};
    int err = rg_tape_new(&self->tape, backend);
    if (!err) err = rg_tape_new(&self->tape_d, backend);
    if (model->set[RG_DISCRIMINATOR].m) {
        size_t size = 3 * model->set[RG_DISCRIMINATOR].count * sizeof *self->before;
        self->before = rg_alloc(size);
        int covered = rg_backend_cover(backend, self->before, size);
        if (!err && covered < 0) err = covered;
    }
    if (!err && weight->perceptual > 0)
        err = rg_perceptual_init(&self->perceptual, weight->vgg16, model->config.data.img_size);
    if (err) rg_translation_fini(self);
    return err;
}

void rg_translation_fini(rg_translation_t *self)
{
    rg_tape_destroy(&self->tape);
    rg_tape_destroy(&self->tape_d);
    rg_perceptual_fini(&self->perceptual);
    if (self->before) rg_backend_release(self->backend, self->before);
    free(self->before);
    self->before = NULL;
}

int rg_translation_targets(const rg_translation_t *self, const rg_batch_t *batch)
{
    return self->model->config.targets == RG_TARGETS_BOTH ? 2 * batch->n : batch->n;
}

// What an iteration knows so far. Of tensors with T rows, row i belongs to target i.
typedef struct {
    const rg_batch_t *batch;
    const rg_draws_t *draws;
    int number; // of the iteration
    rg_losses_t *losses;
    int targets, latent;                           // T, and how many of them are latent
    rg_tensor_t *x, *content;                      // [n]
    rg_code_t code;                                // [n], of x; logvar only where the prior counts
    rg_tensor_t *sources, *own_content, *own_code; // [T] x, content and code.mean of each target's image
    rg_tensor_t *wanted;                           // [T] z_t
    rg_decode_t decode;                            // [T + n] of fake and recon
    rg_tensor_t *fake, *recon;                     // [T], [n]
    rg_tensor_t *fake_content;                     // [T] E_c(fake)
    rg_decode_t decode_back;                       // [T] of cycle
    rg_tensor_t *cycle;                            // [T] G(E_c(fake), z)
    double *adversarial;                           // D's loss, a scalar of its tape
} iteration_t;

// The rows of an array of `bytes`, [n,width], for T targets: target i has row i % n.
static void *repeat_rows(rg_tape_t *tape, const void *rows, size_t bytes, int times)
{
    char *out = rg_tape_alloc(tape, bytes * (size_t)times);
    for (int i = 0; i < times; i++) memcpy(out + (size_t)i * bytes, rows, bytes);
    return out;
}

// ---- several ranks
//
// Each rank makes this iteration with its share of the batch, and all update with the mean of their
// gradients. That takes three things. Random numbers are drawn for the whole batch, and a rank takes its
// rows. The mean of a network's gradients is begun as soon as they are complete: D's while the translations
// are translated back, those of G's step when the backward pass leaves the network. And the ranks agree
// whether to go on before anything is updated. All of this does nothing where one process trains alone.

// A share's rows of draws for the whole batch.
static void take_own_rows(const rg_translation_t *self, const rg_batch_t *share, rg_draws_t *draws)
{
    rg_tape_t *tape = self->tape;
    int targets = rg_translation_targets(self, share), n = share->n;
    size_t width = (size_t)rg_code_width(&self->model->config), row = width * sizeof(float);
    const rg_draws_t whole = *draws;
    draws->codes = rg_tape_alloc(tape, (size_t)targets * row);
    draws->component = rg_tape_alloc(tape, (size_t)n * row);
    draws->keep = rg_tape_alloc(tape, (size_t)targets * width);
    draws->mix = rg_tape_alloc(tape, (size_t)targets * sizeof(float));
    rg_batch_take_rows(share, targets, whole.codes, row, draws->codes);
    rg_batch_take_rows(share, n, whole.component, row, draws->component);
    rg_batch_take_rows(share, targets, whole.keep, width, draws->keep);
    rg_batch_take_rows(share, targets, whole.mix, sizeof(float), draws->mix);
}

// Called before the first use of a network. When the backward pass is back here, its gradients are complete.
static void begin_network(rg_translation_t *self, enum rg_part part)
{
    if (self->model->parts & RG_PART_BIT(part))
        rg_learner_average_gradients(self->tape, self->ranks, &self->model->set[part]);
}

static void average_discriminator(rg_translation_t *self)
{
    rg_params_t *set = &self->model->set[RG_DISCRIMINATOR];
    rg_ranks_begin_mean(self->ranks, set->grad, set->count);
}

// The error of any rank; waits for the averages that were begun.
static int agree(rg_translation_t *self, int err)
{
    return rg_ranks_agree(self->ranks, err);
}

// ---- 1: drawing

static void draw_batch(const rg_translation_t *self, const rg_batch_t *batch, rg_rng_t *rng,
                       rg_draws_t *draws)
{
    const rg_config_t *config = &self->model->config;
    rg_tape_t *tape = self->tape;
    int targets = rg_translation_targets(self, batch), times = targets / batch->n;
    size_t width = (size_t)rg_code_width(config), count = (size_t)targets * width,
           labels = (size_t)batch->n * (size_t)batch->columns;
    draws->codes = rg_tape_alloc(tape, count * sizeof *draws->codes);
    draws->component = rg_tape_alloc(tape, (size_t)batch->n * width * sizeof *draws->component);
    draws->keep = rg_tape_alloc(tape, count);
    draws->mix = rg_tape_alloc(tape, (size_t)targets * sizeof *draws->mix);
    const unsigned char *source = repeat_rows(tape, batch->labels, labels, times),
                        *wanted = repeat_rows(tape, batch->target_labels, labels, times);
    rg_code_of_labels(config, wanted, targets, rng, draws->codes);
    rg_code_of_labels(config, batch->labels, batch->n, NULL, draws->component);
    rg_code_keep(config, source, wanted, targets, draws->keep);
    for (int i = 0; i < targets; i++)
        if (rg_rng_uniform(rng) < 0.5f) memset(draws->keep + (size_t)i * width, 0, width);
    for (int i = 0; i < targets; i++) draws->mix[i] = rg_rng_uniform(rng);
}

void rg_translation_draw(rg_translation_t *self, const rg_batch_t *batch, rg_rng_t *rng, rg_draws_t *draws)
{
    rg_tape_reset(self->tape);
    draw_batch(self, batch->whole ? batch->whole : batch, rng, draws);
    if (batch->whole) take_own_rows(self, batch, draws);
}

// ---- 2: encoding

static rg_tensor_t *images_input(rg_tape_t *tape, const rg_model_t *model, int n, const float *pixels)
{
    int side = model->config.data.img_size;
    return rg_tape_input(tape, n, side, side, 3, pixels);
}

// x's data without its graph.
static rg_tensor_t *same_images(rg_tape_t *tape, const rg_tensor_t *x)
{
    return rg_tape_view(tape, x->n, x->h, x->w, x->c, x->data);
}

// [T] from [n]
static rg_tensor_t *for_targets(rg_tape_t *tape, const iteration_t *it, rg_tensor_t *x)
{
    return it->targets == x->n ? x : rg_stack(tape, x, x);
}

// z_t: latent rows from the draws, reference rows from E_a, kept dimensions from the source.
static rg_tensor_t *wanted_codes(rg_tape_t *tape, const iteration_t *it, rg_tensor_t *reference_codes)
{
    rg_tensor_t *codes = reference_codes;
    if (it->latent > 0) {
        codes = rg_tape_input(tape, it->latent, 1, 1, it->code.mean->c, it->draws->codes);
        if (reference_codes) codes = rg_stack(tape, codes, reference_codes);
    }
    return rg_select(tape, it->draws->keep, it->own_code, codes);
}

static void encode_batch(rg_translation_t *self, iteration_t *it)
{
    rg_tape_t *tape = self->tape;
    const rg_model_t *model = self->model;
    int n = it->batch->n, references = it->targets - it->latent;
    it->x = images_input(tape, model, n, it->batch->pixels);
    begin_network(self, RG_CONTENT);
    it->content = rg_content_encode(tape, &model->content, it->x);
    rg_tensor_t *coded = it->x; // one batch for E_a: the images, then the references
    if (references > 0)
        coded = rg_stack(tape, it->x, images_input(tape, model, references, it->batch->reference_pixels));
    rg_code_t codes = {0};
    begin_network(self, RG_ATTRIBUTE);
    if (self->weight->kl > 0)
        codes = rg_attribute_encode_both(tape, &model->attribute, coded);
    else
        codes.mean = rg_attribute_encode(tape, &model->attribute, coded);
    it->code.mean = rg_rows(tape, codes.mean, 0, n);
    if (codes.logvar) it->code.logvar = rg_rows(tape, codes.logvar, 0, n);
    it->sources = for_targets(tape, it, it->x);
    it->own_content = for_targets(tape, it, it->content);
    it->own_code = for_targets(tape, it, it->code.mean);
    it->wanted = wanted_codes(tape, it, references > 0 ? rg_rows(tape, codes.mean, n, references) : NULL);
}

// ---- 3, 5, 6, 8: decoding

// Asks for the neighbours of a source. No image may be its own neighbour: the ids of the batch's images are
// excluded.
static rg_decode_t ask_neighbours(rg_translation_t *self, const iteration_t *it, rg_translate_source_t source)
{
    const rg_batch_t *batch = it->batch;
    const unsigned char *exclude = NULL;
    if (batch->ids)
        exclude =
            repeat_rows(self->tape, batch->ids, (size_t)batch->n * RG_ID_SIZE, source.content->n / batch->n);
    return rg_translate_ask(self->tape, self->model, source, self->retriever, exclude);
}

// How many of the targets, counted from the first, may get another code than their own.
static int count_changed(const rg_translation_t *self, const iteration_t *it)
{
    int rows = it->targets, width = rg_code_width(&self->model->config);
    const unsigned char *keep = it->draws->keep;
    while (rows > 0 && !memchr(keep + (rows - 1) * width, 0, (size_t)width)) rows--;
    return rows;
}

// The translations and the reconstructions are one decode of T + n images.
static void ask_for_images(rg_translation_t *self, iteration_t *it)
{
    rg_tape_t *tape = self->tape;
    it->decode =
        ask_neighbours(self, it,
                       (rg_translate_source_t){.content = rg_stack(tape, it->own_content, it->content),
                                               .code = rg_stack(tape, it->wanted, it->code.mean),
                                               .own = rg_stack(tape, it->own_code, it->code.mean),
                                               .changed = count_changed(self, it)});
}

static void decode_images(rg_translation_t *self, iteration_t *it)
{
    rg_tape_t *tape = self->tape;
    begin_network(self, RG_GENERATOR);
    begin_network(self, RG_FUSION);
    rg_tensor_t *y = rg_translate_finish(tape, self->model, &it->decode);
    it->fake = rg_rows(tape, y, 0, it->targets);
    it->recon = rg_rows(tape, y, it->targets, it->batch->n);
    if (self->model->config.model.detail)
        it->fake = rg_keep_detail(tape, it->fake, for_targets(tape, it, it->recon), it->sources);
    it->wanted = rg_rows(tape, it->decode.code, 0, it->targets); // as the decoder changed it
}

// Translates back: the content of the translation, with the source's own code.
static void ask_for_cycle(rg_translation_t *self, iteration_t *it)
{
    it->fake_content = rg_content_encode(self->tape, &self->model->content, it->fake);
    it->decode_back = ask_neighbours(
        self, it,
        (rg_translate_source_t){.content = it->fake_content, .code = it->own_code, .own = it->own_code});
}

static void decode_cycle(rg_translation_t *self, iteration_t *it)
{
    it->cycle = rg_translate_finish(self->tape, self->model, &it->decode_back);
}

// ---- 4, 7, 9: the step of D

// The real/fake game and attribute classification, summed over D's scales. labels NULL: no classification.
static void judge_images(rg_tape_t *tape, const rg_model_t *model, rg_tensor_t *x, int wanted,
                         const float *labels, const rg_loss_weights_t *weight, double *adversarial,
                         double *classify)
{
    const rg_discriminator_t *net = &model->discriminator;
    rg_discriminator_output_t verdict = rg_discriminate(tape, net, x);
    rg_loss_adversarial(tape, net, &verdict, (enum rg_gan)weight->gan, wanted, (float)weight->adversarial,
                        adversarial);
    for (int s = 0; labels && s < net->scales; s++)
        rg_loss_bce(tape, verdict.logits[s], labels, (float)weight->classify, classify);
}

static float *float_labels(rg_tape_t *tape, const unsigned char *labels, int n)
{
    float *out = rg_tape_alloc(tape, (size_t)n * sizeof *out);
    for (int i = 0; i < n; i++) out[i] = labels[i];
    return out;
}

// What D learns from the real images needs no translation: its backward pass runs while the service searches.
static void judge_real(rg_translation_t *self, iteration_t *it)
{
    rg_tape_t *tape = self->tape_d;
    const rg_batch_t *batch = it->batch;
    rg_tape_reset(tape);
    rg_tensor_t *real = images_input(tape, self->model, batch->n, batch->pixels);
    const float *labels = float_labels(tape, batch->labels, batch->n * batch->columns);
    it->adversarial = rg_losses_add(it->losses, tape, "d_adversarial");
    judge_images(tape, self->model, real, 1, labels, self->weight, it->adversarial,
                 rg_losses_add(it->losses, tape, "d_classify"));
    int err = rg_tape_backward(tape);
    if (err) rg_tape_fail(self->tape, err);
}

// D's losses on the translations, of which it sees the pixels only.
static void judge_fake(rg_translation_t *self, iteration_t *it)
{
    rg_tape_t *tape = self->tape_d;
    rg_tensor_t *fake = same_images(tape, it->fake);
    judge_images(tape, self->model, fake, 0, NULL, self->weight, it->adversarial, NULL);
    if (self->weight->gan == RG_GAN_WGAN_GP)
        rg_loss_gradient_penalty(tape, &self->model->discriminator, same_images(tape, it->sources), fake,
                                 it->draws->mix, (float)self->weight->penalty,
                                 rg_losses_add(it->losses, tape, "d_penalty"));
}

// The rest of D's gradients. An error of the tape stays there until the ranks agree before the update.
static void learn_discriminator(rg_translation_t *self)
{
    rg_tape_backward(self->tape_d);
    average_discriminator(self);
}

static void keep_discriminator(const rg_translation_t *self, const rg_params_t *set)
{
    rg_backend_t *backend = self->backend;
    const float *blocks[] = {set->value, set->m, set->v};
    for (size_t i = 0; i < 3; i++)
        backend->copy(backend, self->before + i * set->count, blocks[i], set->count);
}

static void undo_discriminator(const rg_translation_t *self)
{
    rg_params_t *set = &self->model->set[RG_DISCRIMINATOR];
    rg_backend_t *backend = self->backend;
    float *const blocks[] = {set->value, set->m, set->v};
    for (size_t i = 0; i < 3; i++)
        backend->copy(backend, blocks[i], self->before + i * set->count, set->count);
    rg_params_updated(set);
}

static int update_discriminator(rg_translation_t *self, const iteration_t *it)
{
    rg_params_t *set = &self->model->set[RG_DISCRIMINATOR];
    keep_discriminator(self, set);
    return rg_learner_update(self->tape_d, self->ranks, self->train, it->number, &set, 1, it->losses);
}

// ---- 10: the step of G

// Codes read back from translations, of the latent targets only (as MUNIT reconstructs sampled styles): a
// reference's code may be ambiguous, and asking it back would hold the generator to the ambiguity. Isometry
// compares two translations of one content: the reconstruction (code z) and the fake (code z_t).
static void read_back_codes(rg_translation_t *self, const iteration_t *it)
{
    const rg_attribute_encoder_t *encoder = &self->model->attribute;
    rg_tape_t *tape = self->tape;
    int latent = it->latent, isometry = self->weight->isometry > 0;
    if (latent == 0) return;
    rg_tensor_t *images_read = rg_rows(tape, it->fake, 0, latent);
    if (isometry) images_read = rg_stack(tape, images_read, rg_rows(tape, it->recon, 0, latent));
    rg_tensor_t *codes = rg_attribute_encode(tape, encoder, images_read);
    rg_tensor_t *of_fake = rg_rows(tape, codes, 0, latent), *wanted = rg_rows(tape, it->wanted, 0, latent);
    rg_loss_l1(tape, of_fake, wanted, (float)self->weight->attribute,
               rg_losses_add(it->losses, tape, "attribute"));
    if (isometry)
        rg_loss_isometry(tape, rg_rows(tape, codes, latent, latent), of_fake,
                         rg_rows(tape, it->code.mean, 0, latent), wanted, (float)self->weight->isometry,
                         rg_losses_add(it->losses, tape, "isometry"));
}

// The losses that need no translation back.
static void add_translation_losses(rg_translation_t *self, const iteration_t *it)
{
    rg_tape_t *tape = self->tape;
    const rg_loss_weights_t *weight = self->weight;
    double *adversarial = rg_losses_add(it->losses, tape, "g_adversarial"),
           *classify = rg_losses_add(it->losses, tape, "g_classify");
    int count = it->batch->n * it->batch->columns;
    float *labels = float_labels(tape, it->batch->target_labels, count);
    labels = repeat_rows(tape, labels, (size_t)count * sizeof *labels, it->targets / it->batch->n);
    judge_images(tape, self->model, it->fake, 1, labels, weight, adversarial, classify);
    rg_loss_l1(tape, it->recon, it->x, (float)weight->recon, rg_losses_add(it->losses, tape, "recon"));
    read_back_codes(self, it);
    if (weight->kl > 0)
        rg_loss_prior(tape, &self->model->config, (enum rg_prior)weight->prior, it->code.mean,
                      it->code.logvar, it->draws->component, (float)weight->kl,
                      rg_losses_add(it->losses, tape, weight->prior == RG_PRIOR_KL ? "kl" : "earth_mover"));
    if (weight->perceptual > 0)
        rg_loss_perceptual(tape, &self->perceptual, it->fake, it->sources, (float)weight->perceptual,
                           rg_losses_add(it->losses, tape, "perceptual"));
}

static int generator_losses(rg_translation_t *self, const iteration_t *it)
{
    rg_tape_t *tape = self->tape;
    const rg_loss_weights_t *weight = self->weight;
    add_translation_losses(self, it);
    rg_loss_l1(tape, it->fake_content, it->own_content, (float)weight->content,
               rg_losses_add(it->losses, tape, "content"));
    rg_loss_l1(tape, it->cycle, it->sources, (float)weight->cycle, rg_losses_add(it->losses, tape, "cycle"));
    return rg_tape_interrupted(tape);
}

// Updates all that trains but D: G, and as the stage has it E_c, E_a and the fusion.
static int update_generator(rg_translation_t *self, const iteration_t *it)
{
    rg_params_t *sets[RG_PARTS];
    int n = 0;
    for (int part = 0; part < RG_PARTS; part++)
        if (part != RG_DISCRIMINATOR && (self->model->parts & RG_PART_BIT(part)) &&
            !self->model->set[part].frozen)
            sets[n++] = &self->model->set[part];
    return rg_learner_update(self->tape, self->ranks, self->train, it->number, sets, n, it->losses);
}

// ---- the iteration

static int tape_errors(rg_translation_t *self)
{
    int err = rg_tape_interrupted(self->tape_d);
    return err ? err : rg_tape_interrupted(self->tape);
}

static int is_interrupted(rg_translation_t *self)
{
    return rg_tape_interrupted(self->tape) == RG_ESTOPPED;
}

// Both updates.
static int update_networks(rg_translation_t *self, iteration_t *it)
{
    rg_params_t *discriminator = &self->model->set[RG_DISCRIMINATOR];
    int err = update_discriminator(self, it);
    if (err) return err;
    discriminator->frozen = 1;
    err = agree(self, generator_losses(self, it));
    if (!err) err = agree(self, rg_tape_backward(self->tape));
    discriminator->frozen = 0;
    if (!err) err = update_generator(self, it);
    if (err) undo_discriminator(self);
    return err;
}

// Parts 2 to 7, until D's losses are recorded. RG_ESTOPPED between two of them: a rank whose wait was interrupted tells
// the others here, who then leave the iteration with it.
static int translate_batch(rg_translation_t *self, iteration_t *it)
{
    static void (*const parts[])(rg_translation_t *, iteration_t *) = {
        encode_batch, ask_for_images, judge_real, decode_images, ask_for_cycle, judge_fake};
    for (size_t i = 0; i < sizeof parts / sizeof *parts && !is_interrupted(self); i++) parts[i](self, it);
    return agree(self, rg_tape_interrupted(self->tape));
}

int rg_translation_step(rg_translation_t *self, const rg_batch_t *batch, const rg_draws_t *draws,
                        int iteration, rg_losses_t *losses)
{
    iteration_t it = {.batch = batch, .draws = draws, .number = iteration, .losses = losses};
    it.targets = rg_translation_targets(self, batch);
    it.latent = it.targets - batch->references;
    losses->n = 0;
    int err = translate_batch(self, &it);
    if (err) return err;
    learn_discriminator(self);
    if (!is_interrupted(self)) decode_cycle(self, &it);
    err = agree(self, tape_errors(self));
    return err ? err : update_networks(self, &it);
}
