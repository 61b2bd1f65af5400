// One training iteration of stage 2 for a ranked R (model.retrieval): R learns to put images in the order in
// which they show what is wanted. With x an image of the batch and t its labels with one attribute flipped,
//
//   query  R(E_c(x), components of z_t)         images  R(E_c(y), E_a(y)) of every other image y of the batch
//
// and of every query the images' chances to be ranked first shall be
//   softmax(sharpness * share of t that y shows + content * cosine of the content maps of x and y),
// without whose second part every source would find the same clear examples of t.
//
// Why not the paper's triplets (triplet.h): their positive is a translation, whose code says by construction
// what was wanted, so that they teach to tell translations apart; the loss is 0 within two hundred
// iterations, while what is retrieved are real images, whose codes are vague. Real images are what is ranked
// here, by their annotation; no image is translated.
#ifndef RG_TRAINER_RANKING_H
#define RG_TRAINER_RANKING_H

#include "common/model/model.h"
#include "services/trainer/batch.h"
#include "services/trainer/losses.h"

typedef struct {
    rg_model_t *model; // borrowed
    rg_backend_t *backend;
    rg_tape_t *tape;
} rg_ranking_t;

// The random part of an iteration.
typedef struct {
    unsigned char *wanted; // [n,A] t
    float *dropout;        // [2,2n,512] 0 or 1/(1-p)
} rg_ranking_draws_t;

int rg_ranking_init(rg_ranking_t *self, rg_model_t *model, rg_backend_t *backend);
void rg_ranking_fini(rg_ranking_t *self);

// batch->n of two or more. Arrays live until the next step ends.
void rg_ranking_draw(rg_ranking_t *self, const rg_batch_t *batch, rg_rng_t *rng, rg_ranking_draws_t *draws);

int rg_ranking_step(rg_ranking_t *self, const rg_batch_t *batch, const rg_ranking_draws_t *draws,
                    int iteration, rg_losses_t *losses);

#endif
