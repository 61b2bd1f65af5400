// One training iteration of stage 1 (GMM-UNIT) and of stage 3 (RG-UNIT): an update of D and an update of G,
// which share the encodings and the translated images. There are T targets; each translates one image of the
// batch. The first targets are latent: they are given sampled codes. The last `references` targets are given
// the codes of real images (rg-unit sections 4 and 5):
//
//   targets: half   T = n,   target i translates image i      half of the images each way
//   targets: both   T = 2n,  target i translates image i % n  every image both ways, as the papers do
//
//   c = E_c(x)   z = E_a(x)   z_t = wanted code        fake = G(c, z_t)
//   D:  adversarial(x, fake) + classification(x) + gradient penalty (wgan_gp)
//   G:  adversarial(fake) + classification(fake, t) + |G(c,z) - x| + |E_c(fake) - c| + |G(E_c(fake),z) - x|
//       + |E_a(fake) - z_t| + isometry (latent targets) + distance of E_a(x) from the component of x
//       + perceptual(fake, x)
//
// In stage 3 E_c and E_a are frozen, and G decodes with neighbours (model/model.h).
#ifndef RG_TRAINER_TRANSLATION_H
#define RG_TRAINER_TRANSLATION_H

#include "common/model/perceptual.h"
#include "common/model/model.h"
#include "services/trainer/learner.h"

enum rg_targets { RG_TARGETS_HALF, RG_TARGETS_BOTH };               // key targets
enum rg_references { RG_REFERENCES_RANDOM, RG_REFERENCES_FLIPPED }; // key data.references

typedef struct {
    rg_model_t *model; // borrowed; a model with fusion layers asks for neighbours whenever it decodes
    const rg_train_config_t *train;
    const rg_loss_weights_t *weight;
    const rg_retriever_t *retriever; // NULL for a model without fusion layers
    rg_backend_t *backend;           // borrowed
    rg_ranks_t *ranks;               // borrowed; NULL, as after init: this process trains alone
    rg_tape_t *tape, *tape_d;        // generator and discriminator graphs
    float *before;                   // [3,D's parameters] its values and moments before its update
    rg_perceptual_t perceptual;      // where that loss has a weight
} rg_translation_t;

// The random part of an iteration, drawn from (seed, stage, iteration) or given by a test.
typedef struct {
    float *codes;        // [T,A*Z] sampled wanted codes; rows of reference targets are not read
    unsigned char *keep; // [T,A*Z] 1 = keep the source's own code
    float *component;    // [n,A*Z] component means of the sources' labels
    float *mix;          // [T] of wgan_gp's penalty: share of the real image
} rg_draws_t;

// The errors of reading weight->vgg16 where the perceptual loss has a weight.
int rg_translation_init(rg_translation_t *self, rg_model_t *model, rg_backend_t *backend,
                        const rg_train_config_t *train, const rg_loss_weights_t *weight,
                        const rg_retriever_t *retriever);
void rg_translation_fini(rg_translation_t *self);

// T of a batch.
int rg_translation_targets(const rg_translation_t *self, const rg_batch_t *batch);

// Fills draws (arrays from the G tape, valid for the next step): half of the samples keep the codes of
// attributes that do not change. A share of a batch gets its rows of what the whole batch would have got.
void rg_translation_draw(rg_translation_t *self, const rg_batch_t *batch, rg_rng_t *rng, rg_draws_t *draws);

// Writes the losses, then makes both updates. On an error all networks are as before the step: the retriever's
// error, RG_ENUMERIC if losses or gradients are not finite, RG_ESTOPPED where the tapes' flag is set. With
// several ranks: the error of any of them.
int rg_translation_step(rg_translation_t *self, const rg_batch_t *batch, const rg_draws_t *draws,
                        int iteration, rg_losses_t *losses);

#endif
