// Stage 2: one training iteration of the retrieval net R, in the two ways of model.retrieval. E_c, E_a and G
// are frozen. x is an image of the batch, t its labels with one attribute flipped, "R of an image y" is
// R(E_c(y), E_a(y)).
//
// Triplets, the papers' way (rg-unit section 5; RG-UNIT, section 3.2): an anchor is to be nearer to its
// positive than to each negative. Each kind of negative has a key that switches it off.
//
//   anchor    R(E_c(x), z_t)                    positive  R of G(E_c(x), z_t)
//   easy      R of a random real image          medium    R of that image translated to t
//   hard      R of x translated to random labels, neither its own nor t
//   hardest   R of x translated to its own labels
//
// Ranking: R learns to sort real images by how well they show what is wanted. No image is translated.
//
//   query  R(E_c(x), components of z_t)         images  R of every other image y of the batch
//
// The chances of the images to be ranked first are to be, for every query,
//   softmax(sharpness * share of t that y shows + content * cosine of the content maps of x and y).
// Without the second term every source would find the same clear examples of t.
//
// Ranking is the default because the positives of triplets are translations, whose codes show what was wanted
// by construction: triplets teach R to tell translations apart. Their loss is 0 within two hundred
// iterations, but what is retrieved later are real images, whose codes are vague.
#ifndef RG_TRAINER_EMBEDDING_H
#define RG_TRAINER_EMBEDDING_H

#include "services/trainer/learner.h"

typedef struct {
    rg_model_t *model; // borrowed
    rg_backend_t *backend;
    rg_tape_t *tape;
} rg_embedding_t;

int rg_embedding_init(rg_embedding_t *self, rg_model_t *model, rg_backend_t *backend);
void rg_embedding_fini(rg_embedding_t *self);

// ---- triplets

// The random part of an iteration.
typedef struct {
    float *wanted, *other_wanted, *random; // [n,A*Z] codes of t for x, of t for the other image, random
    unsigned char *keep, *other_keep, *random_keep; // [n,A*Z] dims that keep the image's own code
    float *dropout;                                 // [2, n*(2+kinds), 512] 0 or 1/(1-p)
} rg_triplet_draws_t;

// batch->references == n: the random real images. The arrays live until the next step ends.
void rg_triplet_draw(rg_embedding_t *self, const rg_batch_t *batch, rg_rng_t *rng, rg_triplet_draws_t *draws);
int rg_triplet_step(rg_embedding_t *self, const rg_batch_t *batch, const rg_triplet_draws_t *draws,
                    int iteration, rg_losses_t *losses);

// ---- ranking

// The random part of an iteration.
typedef struct {
    unsigned char *wanted; // [n,A] t
    float *dropout;        // [2,2n,512] 0 or 1/(1-p)
} rg_ranking_draws_t;

// batch->n of two or more. The arrays live until the next step ends.
void rg_ranking_draw(rg_embedding_t *self, const rg_batch_t *batch, rg_rng_t *rng, rg_ranking_draws_t *draws);
int rg_ranking_step(rg_embedding_t *self, const rg_batch_t *batch, const rg_ranking_draws_t *draws,
                    int iteration, rg_losses_t *losses);

#endif
