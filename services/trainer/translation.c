#include "services/trainer/translation.h"

#include <string.h>

#include "common/core/err.h"
#include "common/model/critic.h"
#include "common/model/loss.h"
#include "common/nn/optim.h"
#include "services/trainer/reduce.h"

int rg_translation_init(rg_translation_t *self, rg_model_t *model, rg_backend_t *backend,
                        const rg_train_config_t *train, const rg_loss_weights_t *weight,
                        const rg_retriever_t *retriever)
{
    *self = (rg_translation_t){
        .model = model, .train = train, .weight = weight, .retriever = retriever, .backend = backend};
    int err = rg_tape_new(&self->tape, backend);
    if (!err) err = rg_tape_new(&self->tape_d, backend);
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
}

int rg_translation_targets(const rg_translation_t *self, const rg_batch_t *batch)
{
    return self->model->config.targets == RG_TARGETS_BOTH ? 2 * batch->n : batch->n;
}

// The rows of an array [n,width] for T targets: target i has row i % n.
static void *for_targets(rg_tape_t *tape, const void *rows, size_t bytes, int times)
{
    char *out = rg_tape_alloc(tape, bytes * (size_t)times);
    for (int i = 0; i < times; i++) memcpy(out + (size_t)i * bytes, rows, bytes);
    return out;
}

static void draw(const rg_translation_t *self, const rg_batch_t *batch, rg_rng_t *rng, rg_draws_t *draws)
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
    const unsigned char *source = for_targets(tape, batch->labels, labels, times),
                        *wanted = for_targets(tape, batch->target_labels, labels, times);
    rg_code_of_labels(config, wanted, targets, rng, draws->codes);
    rg_code_of_labels(config, batch->labels, batch->n, NULL, draws->component);
    rg_code_keep(config, source, wanted, targets, draws->keep);
    for (int i = 0; i < targets; i++)
        if (rg_rng_uniform(rng) < 0.5f) memset(draws->keep + (size_t)i * width, 0, width);
    for (int i = 0; i < targets; i++) draws->mix[i] = rg_rng_uniform(rng);
}

// The rows of this batch, of n, among those of the whole batch.
static void *own_rows(rg_tape_t *tape, const rg_batch_t *batch, int n, const void *whole, size_t bytes)
{
    void *rows = rg_tape_alloc(tape, (size_t)n * bytes);
    rg_batch_take(batch, n, whole, bytes, rows);
    return rows;
}

void rg_translation_draw(rg_translation_t *self, const rg_batch_t *batch, rg_rng_t *rng, rg_draws_t *draws)
{
    rg_tape_t *tape = self->tape;
    int targets = rg_translation_targets(self, batch);
    size_t width = (size_t)rg_code_width(&self->model->config);
    rg_tape_reset(tape);
    draw(self, batch->whole ? batch->whole : batch, rng, draws);
    if (!batch->whole) return;
    draws->codes = own_rows(tape, batch, targets, draws->codes, width * sizeof *draws->codes);
    draws->component = own_rows(tape, batch, batch->n, draws->component, width * sizeof *draws->component);
    draws->keep = own_rows(tape, batch, targets, draws->keep, width);
    draws->mix = own_rows(tape, batch, targets, draws->mix, sizeof *draws->mix);
}

// What the steps of an iteration share. Of tensors with T rows, row i belongs to target i.
typedef struct {
    const rg_batch_t *batch;
    const rg_draws_t *draws;
    int targets, latent;               // T, and how many of them are latent
    rg_tensor_t *x, *content;          // [n]
    rg_code_t code;                    // [n], of x; logvar only where the prior counts
    rg_tensor_t *sources, *own_code;   // [T] x and code.mean of each target's image
    rg_tensor_t *own_content, *target; // [T] its content, and the codes it is given
    rg_tensor_t *fake, *recon;         // [T], [n]
} shared_t;

static rg_tensor_t *images(rg_tape_t *tape, const rg_model_t *model, int n, const float *pixels)
{
    int side = model->config.data.img_size;
    return rg_tape_input(tape, n, side, side, 3, pixels);
}

// [T] from [n]
static rg_tensor_t *of_targets(rg_tape_t *tape, const shared_t *s, rg_tensor_t *x)
{
    return s->targets == x->n ? x : rg_stack(tape, x, x);
}

// Wanted codes: latent rows from the draws, reference rows from E_a, kept dims from the source.
static rg_tensor_t *wanted_codes(rg_tape_t *tape, const shared_t *s, rg_tensor_t *of_references)
{
    rg_tensor_t *codes = of_references;
    if (s->latent > 0) {
        codes = rg_tape_input(tape, s->latent, 1, 1, s->code.mean->c, s->draws->codes);
        if (of_references) codes = rg_stack(tape, codes, of_references);
    }
    return rg_select(tape, s->draws->keep, s->own_code, codes);
}

// Here, before its first use, a network's gradients are complete on the way back.
static void reduce(rg_translation_t *self, enum rg_part part)
{
    rg_params_t *set = &self->model->set[part];
    if (self->model->parts & RG_PART_BIT(part)) rg_reduce_when_complete(self->tape, self->ranks, set);
}

static void encode(rg_translation_t *self, shared_t *s)
{
    rg_tape_t *tape = self->tape;
    const rg_model_t *model = self->model;
    int n = s->batch->n, references = s->targets - s->latent;
    s->x = images(tape, model, n, s->batch->pixels);
    reduce(self, RG_CONTENT);
    s->content = rg_content_encode(tape, &model->content, s->x);
    rg_tensor_t *coded = s->x; // one batch for E_a: the images, then the references
    if (references > 0)
        coded = rg_stack(tape, s->x, images(tape, model, references, s->batch->reference_pixels));
    rg_code_t codes = {0};
    reduce(self, RG_ATTRIBUTE);
    if (self->weight->kl > 0)
        codes = rg_attribute_encode_both(tape, &model->attribute, coded);
    else
        codes.mean = rg_attribute_encode(tape, &model->attribute, coded);
    s->code.mean = rg_rows(tape, codes.mean, 0, n);
    if (codes.logvar) s->code.logvar = rg_rows(tape, codes.logvar, 0, n);
    s->sources = of_targets(tape, s, s->x);
    s->own_content = of_targets(tape, s, s->content);
    s->own_code = of_targets(tape, s, s->code.mean);
    s->target = wanted_codes(tape, s, references > 0 ? rg_rows(tape, codes.mean, n, references) : NULL);
}

// ---- decoding

// No image may find itself: ids of `rows` images, the batch's over and over.
static const unsigned char *excluded(rg_tape_t *tape, const shared_t *s, int rows)
{
    size_t batch = (size_t)s->batch->n * RG_BATCH_ID;
    return s->batch->ids ? for_targets(tape, s->batch->ids, batch, rows / s->batch->n) : NULL;
}

static rg_decode_t ask(rg_translation_t *self, const shared_t *s, rg_source_t source)
{
    return rg_translate_ask(self->tape, self->model, source, self->retriever,
                            excluded(self->tape, s, source.content->n));
}

// The translations and the reconstructions are one decode of T + n images.
static rg_decode_t ask_for_images(rg_translation_t *self, const shared_t *s)
{
    rg_tape_t *tape = self->tape;
    return ask(self, s,
               (rg_source_t){.content = rg_stack(tape, s->own_content, s->content),
                             .code = rg_stack(tape, s->target, s->code.mean),
                             .own = rg_stack(tape, s->own_code, s->code.mean),
                             .image = rg_stack(tape, s->sources, s->x)});
}

static void translate(rg_translation_t *self, shared_t *s, rg_decode_t *decode)
{
    reduce(self, RG_GENERATOR);
    reduce(self, RG_FUSION);
    rg_tensor_t *y = rg_translate_finish(self->tape, self->model, decode);
    s->fake = rg_rows(self->tape, y, 0, s->targets);
    s->recon = rg_rows(self->tape, y, s->targets, s->batch->n);
    s->target = rg_rows(self->tape, decode->code, 0, s->targets);
}

// What was translated, asked for its own code again.
static rg_source_t back(const shared_t *s, rg_tensor_t *content)
{
    return (rg_source_t){.content = content, .code = s->own_code, .own = s->own_code, .image = s->fake};
}

// ---- the steps

// The real/fake game and attribute classification, summed over D's scales.
static void judge(rg_tape_t *tape, const rg_model_t *model, rg_tensor_t *x, int wanted, const float *labels,
                  const rg_loss_weights_t *weight, double *adversarial, double *classify)
{
    const rg_discriminator_t *net = &model->discriminator;
    rg_verdict_t verdict = rg_discriminate(tape, net, x);
    *adversarial += rg_loss_adversarial(tape, net, &verdict, (enum rg_gan)weight->gan, wanted,
                                        (float)weight->adversarial);
    for (int s = 0; labels && s < net->scales; s++)
        *classify += rg_loss_bce(tape, verdict.logits[s], labels, (float)weight->classify);
}

static float *float_labels(rg_tape_t *tape, const unsigned char *labels, int n)
{
    float *out = rg_tape_alloc(tape, (size_t)n * sizeof *out);
    for (int i = 0; i < n; i++) out[i] = labels[i];
    return out;
}

typedef struct {
    double adversarial, classify;
} verdict_t;

// What D learns from the real images, which needs no translation yet.
static verdict_t learn_real(rg_translation_t *self, const shared_t *s)
{
    rg_tape_t *tape = self->tape_d;
    verdict_t verdict = {0};
    rg_tape_reset(tape);
    rg_tensor_t *real = images(tape, self->model, s->batch->n, s->batch->pixels);
    const float *labels = float_labels(tape, s->batch->labels, s->batch->n * s->batch->columns);
    judge(tape, self->model, real, 1, labels, self->weight, &verdict.adversarial, &verdict.classify);
    int err = rg_tape_backward(tape);
    if (err) rg_tape_fail(self->tape, err);
    return verdict;
}

// The rest of D's gradients, whose mean over the ranks is under way afterwards. Its update waits until
// nothing can interrupt the iteration any more.
static int learn_fake(rg_translation_t *self, const shared_t *s, verdict_t verdict, int iteration,
                      rg_losses_t *losses)
{
    rg_tape_t *tape = self->tape_d;
    rg_params_t *set = &self->model->set[RG_DISCRIMINATOR];
    rg_tensor_t *fake = images(tape, self->model, s->targets, s->fake->data);
    judge(tape, self->model, fake, 0, NULL, self->weight, &verdict.adversarial, NULL);
    rg_losses_add(losses, "d_adversarial", verdict.adversarial);
    rg_losses_add(losses, "d_classify", verdict.classify);
    if (self->weight->gan == RG_GAN_WGAN_GP) {
        const rg_tensor_t *sources = s->sources; // of self->tape: D sees their pixels only
        rg_losses_add(losses, "d_penalty",
                      rg_loss_gradient_penalty(tape, &self->model->discriminator,
                                               images(tape, self->model, s->targets, sources->data), fake,
                                               s->draws->mix, (float)self->weight->penalty));
    }
    int err = rg_tape_error(self->tape);
    if (!err) err = rg_losses_check(losses, iteration);
    err = rg_ranks_agree(self->ranks, err);
    if (err) return err;
    rg_tape_backward(tape);
    rg_ranks_begin(self->ranks, set->grad, set->count);
    return 0; // an error of the tape stays there until the ranks agree on it
}

// Codes read back from translations, of the latent targets only (as MUNIT reconstructs sampled styles): a
// reference's code may be ambiguous, and asking it back would hold the generator to the ambiguity. Isometry
// compares two translations of one content: the reconstruction (code z) and the fake (code z_t).
static void read_back_codes(rg_translation_t *self, const shared_t *s, rg_losses_t *losses)
{
    const rg_attribute_encoder_t *encoder = &self->model->attribute;
    rg_tape_t *tape = self->tape;
    if (s->latent == 0) return;
    int isometry = self->weight->isometry > 0;
    rg_tensor_t *images_read = rg_rows(tape, s->fake, 0, s->latent);
    if (isometry) images_read = rg_stack(tape, images_read, rg_rows(tape, s->recon, 0, s->latent));
    rg_tensor_t *codes = rg_attribute_encode(tape, encoder, images_read);
    rg_tensor_t *of_fake = rg_rows(tape, codes, 0, s->latent),
                *target = rg_rows(tape, s->target, 0, s->latent);
    rg_losses_add(losses, "attribute", rg_loss_l1(tape, of_fake, target, (float)self->weight->attribute));
    if (isometry)
        rg_losses_add(losses, "isometry",
                      rg_loss_isometry(tape, rg_rows(tape, codes, s->latent, s->latent), of_fake,
                                       rg_rows(tape, s->code.mean, 0, s->latent), target,
                                       (float)self->weight->isometry));
}

static int update_generator(rg_translation_t *self, int iteration)
{
    rg_params_t *sets[RG_PARTS];
    int n = 0;
    for (int part = 0; part < RG_PARTS; part++)
        if (part != RG_DISCRIMINATOR && (self->model->parts & RG_PART_BIT(part)) &&
            !self->model->set[part].frozen)
            sets[n++] = &self->model->set[part];
    rg_tape_op(self->tape, "update");
    return rg_optim_step(self->backend, self->train, iteration, sets, n, NULL);
}

// What G's losses say of the translations before they are translated back.
static void judge_fake(rg_translation_t *self, const shared_t *s, rg_losses_t *losses)
{
    rg_tape_t *tape = self->tape;
    verdict_t verdict = {0};
    int count = s->batch->n * s->batch->columns;
    float *labels = float_labels(tape, s->batch->target_labels, count);
    labels = for_targets(tape, labels, (size_t)count * sizeof *labels, s->targets / s->batch->n);
    judge(tape, self->model, s->fake, 1, labels, self->weight, &verdict.adversarial, &verdict.classify);
    rg_losses_add(losses, "g_adversarial", verdict.adversarial);
    rg_losses_add(losses, "g_classify", verdict.classify);
    rg_losses_add(losses, "recon", rg_loss_l1(tape, s->recon, s->x, (float)self->weight->recon));
    read_back_codes(self, s, losses);
    if (self->weight->kl > 0)
        rg_losses_add(losses, self->weight->prior == RG_PRIOR_KL ? "kl" : "earth_mover",
                      rg_loss_prior(tape, &self->model->config, (enum rg_prior)self->weight->prior,
                                    s->code.mean, s->code.logvar, s->draws->component,
                                    (float)self->weight->kl));
    if (self->weight->perceptual > 0)
        rg_losses_add(losses, "perceptual",
                      rg_loss_perceptual(tape, &self->perceptual, s->fake, s->sources,
                                         (float)self->weight->perceptual));
}

static int generator_step(rg_translation_t *self, const shared_t *s, rg_tensor_t *content, rg_tensor_t *cycle,
                          int iteration, rg_losses_t *losses)
{
    rg_tape_t *tape = self->tape;
    judge_fake(self, s, losses);
    rg_losses_add(losses, "content", rg_loss_l1(tape, content, s->own_content, (float)self->weight->content));
    rg_losses_add(losses, "cycle", rg_loss_l1(tape, cycle, s->sources, (float)self->weight->cycle));
    int err = rg_tape_error(tape);
    if (!err) err = rg_losses_check(losses, iteration);
    err = rg_ranks_agree(self->ranks, err);
    if (err) return err;
    err = rg_ranks_agree(self->ranks, rg_tape_backward(tape));
    return err ? err : update_generator(self, iteration);
}

// Both updates. Whatever waits for somebody else lies before them: an iteration is done or it never was.
static int update(rg_translation_t *self, const shared_t *s, rg_tensor_t *content, rg_tensor_t *cycle,
                  int iteration, rg_losses_t *losses)
{
    rg_params_t *discriminator = &self->model->set[RG_DISCRIMINATOR];
    rg_tape_op(self->tape, "update");
    int err = rg_optim_step(self->backend, self->train, iteration, &discriminator, 1, NULL);
    if (err) return err;
    discriminator->frozen = 1; // G's step judges with the updated D, whose weights get no gradient from it
    err = generator_step(self, s, content, cycle, iteration, losses);
    discriminator->frozen = 0;
    return err;
}

int rg_translation_step(rg_translation_t *self, const rg_batch_t *batch, const rg_draws_t *draws,
                        int iteration, rg_losses_t *losses)
{
    shared_t s = {.batch = batch, .draws = draws, .targets = rg_translation_targets(self, batch)};
    s.latent = s.targets - batch->references;
    losses->n = 0;
    encode(self, &s);
    rg_decode_t there = ask_for_images(self, &s);
    verdict_t real = learn_real(self, &s);
    translate(self, &s, &there);
    rg_tensor_t *content = rg_content_encode(self->tape, &self->model->content, s.fake);
    rg_decode_t again = ask(self, &s, back(&s, content));
    int err = learn_fake(self, &s, real, iteration, losses);
    if (err) return err;
    rg_tensor_t *cycle = rg_translate_finish(self->tape, self->model, &again);
    err = rg_tape_error(self->tape_d);
    if (!err) err = rg_tape_error(self->tape);
    err = rg_ranks_agree(self->ranks, err);
    return err ? err : update(self, &s, content, cycle, iteration, losses);
}
