#include "services/trainer/translation.h"

#include <string.h>

#include "common/core/err.h"
#include "common/model/loss.h"
#include "common/nn/optim.h"

int rg_translation_init(rg_translation_t *self, rg_model_t *model, rg_backend_t *backend,
                        const rg_train_config_t *train, const rg_loss_weights_t *weight,
                        const rg_retriever_t *retriever)
{
    *self = (rg_translation_t){
        .model = model, .train = train, .weight = weight, .retriever = retriever, .backend = backend};
    int err = rg_tape_new(&self->tape, backend);
    if (!err) err = rg_tape_new(&self->tape_d, backend);
    if (err) rg_translation_fini(self);
    return err;
}

void rg_translation_fini(rg_translation_t *self)
{
    rg_tape_destroy(&self->tape);
    rg_tape_destroy(&self->tape_d);
}

void rg_translation_draw(rg_translation_t *self, const rg_batch_t *batch, rg_rng_t *rng, rg_draws_t *draws)
{
    const rg_config_t *config = &self->model->config;
    size_t width = (size_t)rg_code_width(config), count = (size_t)batch->n * width;
    rg_tape_reset(self->tape);
    draws->codes = rg_tape_alloc(self->tape, count * sizeof *draws->codes);
    draws->component = rg_tape_alloc(self->tape, count * sizeof *draws->component);
    draws->keep = rg_tape_alloc(self->tape, count);
    rg_code_of_labels(config, batch->target_labels, batch->n, rng, draws->codes);
    rg_code_of_labels(config, batch->labels, batch->n, NULL, draws->component);
    rg_code_keep(config, batch->labels, batch->target_labels, batch->n, draws->keep);
    for (int i = 0; i < batch->n; i++)
        if (rg_rng_uniform(rng) < 0.5f) memset(draws->keep + (size_t)i * width, 0, width);
}

// What the G step and the D step share.
typedef struct {
    const rg_batch_t *batch;
    const rg_draws_t *draws;
    rg_tensor_t *x, *content, *fake;
    rg_code_t code;      // of x; logvar only where KL counts
    rg_tensor_t *target; // wanted codes
} shared_t;

static rg_tensor_t *images(rg_tape_t *tape, const rg_model_t *model, int n, const float *pixels)
{
    int side = model->config.data.img_size;
    return rg_tape_input(tape, n, side, side, 3, pixels);
}

// Wanted codes: latent rows from the draws, reference rows from E_a, kept dims from the source.
static rg_tensor_t *wanted_codes(rg_translation_t *self, const shared_t *s)
{
    rg_tape_t *tape = self->tape;
    int n = s->batch->n, references = s->batch->references, latent = n - references, width = s->code.mean->c;
    rg_tensor_t *codes = NULL;
    if (latent > 0) codes = rg_tape_input(tape, latent, 1, 1, width, s->draws->codes);
    if (references > 0) {
        rg_tensor_t *images_r = images(tape, self->model, references, s->batch->reference_pixels);
        rg_tensor_t *encoded = rg_attribute_encode(tape, &self->model->attribute, images_r);
        codes = codes ? rg_stack(tape, codes, encoded) : encoded;
    }
    return rg_select(tape, s->draws->keep, s->code.mean, codes);
}

// source: what content was encoded from
static rg_tensor_t *decode(rg_translation_t *self, const shared_t *s, rg_tensor_t *content, rg_tensor_t *code,
                           rg_tensor_t *source)
{
    return rg_translate(self->tape, self->model, content, code, source, self->retriever, s->batch->ids);
}

static void encode_and_translate(rg_translation_t *self, shared_t *s)
{
    rg_tape_t *tape = self->tape;
    const rg_model_t *model = self->model;
    s->x = images(tape, model, s->batch->n, s->batch->pixels);
    s->content = rg_content_encode(tape, &model->content, s->x);
    if (self->weight->kl > 0)
        s->code = rg_attribute_encode_both(tape, &model->attribute, s->x);
    else
        s->code.mean = rg_attribute_encode(tape, &model->attribute, s->x);
    s->target = wanted_codes(self, s);
    s->fake = decode(self, s, s->content, s->target, s->x);
}

// LSGAN (Mao et al. 2017, eq. 9 with a=0, b=c=1) and attribute classification, summed over D's scales.
static void judge(rg_tape_t *tape, const rg_model_t *model, rg_tensor_t *x, float wanted, const float *labels,
                  const rg_loss_weights_t *weight, double *adversarial, double *classify)
{
    rg_verdict_t verdict = rg_discriminate(tape, &model->discriminator, x);
    for (int s = 0; s < model->discriminator.scales; s++) {
        *adversarial += rg_loss_square(tape, verdict.source[s], wanted, (float)weight->adversarial);
        if (labels) *classify += rg_loss_bce(tape, verdict.logits[s], labels, (float)weight->classify);
    }
}

static const float *float_labels(rg_tape_t *tape, const unsigned char *labels, int n)
{
    float *out = rg_tape_alloc(tape, (size_t)n * sizeof *out);
    for (int i = 0; i < n; i++) out[i] = labels[i];
    return out;
}

static int discriminator_step(rg_translation_t *self, const shared_t *s, int iteration, rg_losses_t *losses)
{
    rg_tape_t *tape = self->tape_d;
    rg_params_t *set = &self->model->set[RG_DISCRIMINATOR];
    double adversarial = 0, classify = 0;
    rg_tape_reset(tape);
    rg_tensor_t *real = images(tape, self->model, s->batch->n, s->batch->pixels);
    rg_tensor_t *fake = images(tape, self->model, s->batch->n, s->fake->data);
    const float *labels = float_labels(tape, s->batch->labels, s->batch->n * s->batch->columns);
    judge(tape, self->model, real, 1, labels, self->weight, &adversarial, &classify);
    judge(tape, self->model, fake, 0, NULL, self->weight, &adversarial, NULL);
    rg_losses_add(losses, "d_adversarial", adversarial);
    rg_losses_add(losses, "d_classify", classify);
    int err = rg_losses_check(losses, iteration);
    if (!err) err = rg_tape_backward(tape);
    return err ? err : rg_optim_step(self->backend, self->train, iteration, &set, 1, NULL);
}

// Codes read back from translations, of the latent targets only (as MUNIT reconstructs sampled styles): a
// reference's code may be ambiguous, and asking it back would hold the generator to the ambiguity. Isometry
// compares two translations of one content: the reconstruction (code z) and the fake (code z_t).
static void read_back_codes(rg_translation_t *self, const shared_t *s, rg_tensor_t *recon,
                            rg_losses_t *losses)
{
    const rg_attribute_encoder_t *encoder = &self->model->attribute;
    rg_tape_t *tape = self->tape;
    int latent = s->batch->n - s->batch->references;
    if (latent == 0) return;
    rg_tensor_t *of_fake = rg_attribute_encode(tape, encoder, rg_rows(tape, s->fake, 0, latent));
    rg_tensor_t *target = rg_rows(tape, s->target, 0, latent);
    rg_losses_add(losses, "attribute", rg_loss_l1(tape, of_fake, target, (float)self->weight->attribute));
    if (self->weight->isometry > 0) {
        rg_tensor_t *of_recon = rg_attribute_encode(tape, encoder, rg_rows(tape, recon, 0, latent));
        rg_losses_add(losses, "isometry",
                      rg_loss_isometry(tape, of_recon, of_fake, rg_rows(tape, s->code.mean, 0, latent),
                                       target, (float)self->weight->isometry));
    }
}

static int update_generator(rg_translation_t *self, int iteration)
{
    rg_params_t *sets[RG_PARTS];
    int n = 0;
    for (int part = 0; part < RG_PARTS; part++)
        if (part != RG_DISCRIMINATOR && (self->model->parts & RG_PART_BIT(part)) &&
            !self->model->set[part].frozen)
            sets[n++] = &self->model->set[part];
    return rg_optim_step(self->backend, self->train, iteration, sets, n, NULL);
}

static int generator_step(rg_translation_t *self, const shared_t *s, int iteration, rg_losses_t *losses)
{
    rg_tape_t *tape = self->tape;
    const rg_loss_weights_t *weight = self->weight;
    double adversarial = 0, classify = 0;
    const float *labels = float_labels(tape, s->batch->target_labels, s->batch->n * s->batch->columns);
    judge(tape, self->model, s->fake, 1, labels, weight, &adversarial, &classify);
    rg_losses_add(losses, "g_adversarial", adversarial);
    rg_losses_add(losses, "g_classify", classify);
    rg_tensor_t *recon = decode(self, s, s->content, s->code.mean, s->x);
    rg_losses_add(losses, "recon", rg_loss_l1(tape, recon, s->x, (float)weight->recon));
    rg_tensor_t *content = rg_content_encode(tape, &self->model->content, s->fake);
    rg_losses_add(losses, "content", rg_loss_l1(tape, content, s->content, (float)weight->content));
    rg_tensor_t *cycle = decode(self, s, content, s->code.mean, s->fake);
    rg_losses_add(losses, "cycle", rg_loss_l1(tape, cycle, s->x, (float)weight->cycle));
    read_back_codes(self, s, recon, losses);
    if (weight->kl > 0)
        rg_losses_add(losses, weight->prior == RG_PRIOR_KL ? "kl" : "earth_mover",
                      rg_loss_prior(tape, &self->model->config, (enum rg_prior)weight->prior, s->code.mean,
                                    s->code.logvar, s->draws->component, (float)weight->kl));
    int err = rg_tape_error(tape);
    if (!err) err = rg_losses_check(losses, iteration);
    if (!err) err = rg_tape_backward(tape);
    return err ? err : update_generator(self, iteration);
}

int rg_translation_step(rg_translation_t *self, const rg_batch_t *batch, const rg_draws_t *draws,
                        int iteration, rg_losses_t *losses)
{
    shared_t s = {.batch = batch, .draws = draws};
    losses->n = 0;
    encode_and_translate(self, &s);
    int err = rg_tape_error(self->tape);
    if (!err) err = discriminator_step(self, &s, iteration, losses);
    if (err) return err;
    // G's step judges with the updated D, but D's weights get no gradient from it.
    rg_params_t *discriminator = &self->model->set[RG_DISCRIMINATOR];
    discriminator->frozen = 1;
    err = generator_step(self, &s, iteration, losses);
    discriminator->frozen = 0;
    return err;
}
