// One training iteration of stage 2: the retrieval net R on frozen E_c, E_a and G (rg-unit section 5;
// RG-UNIT, section 3.2). With x an image and t its labels with one attribute flipped:
//
//   anchor    R(E_c(x), z_t)                    positive  R of G(E_c(x), z_t)
//   easy      R of a random real image          medium    R of that image translated to t
//   hard      R of x translated to random labels, neither its own nor t
//   hardest   R of x translated to its own labels
//
// "R of an image y" is R(E_c(y), E_a(y)). Each kind of negative can be switched off.
#ifndef RG_TRAINER_TRIPLET_H
#define RG_TRAINER_TRIPLET_H

#include "common/model/model.h"
#include "services/trainer/batch.h"
#include "services/trainer/losses.h"

enum { RG_NEGATIVES = 4 };

typedef struct {
    rg_model_t *model; // borrowed
    rg_backend_t *backend;
    rg_tape_t *tape;
} rg_triplet_t;

// The random part of an iteration.
typedef struct {
    float *wanted, *other_wanted, *random; // [n,A*Z] codes of t for x, of t for the other image, random
    unsigned char *keep, *other_keep, *random_keep; // [n,A*Z] dims that keep the image's own code
    float *dropout;                                 // [2, n*(2+kinds), 512] 0 or 1/(1-p)
} rg_triplet_draws_t;

int rg_triplet_init(rg_triplet_t *self, rg_model_t *model, rg_backend_t *backend);
void rg_triplet_fini(rg_triplet_t *self);

// How many kinds of negatives the config switches on.
int rg_triplet_kinds(const rg_config_t *config);

// batch->references == n: the random real images. Arrays live until the next step ends.
void rg_triplet_draw(rg_triplet_t *self, const rg_batch_t *batch, rg_rng_t *rng, rg_triplet_draws_t *draws);

int rg_triplet_step(rg_triplet_t *self, const rg_batch_t *batch, const rg_triplet_draws_t *draws,
                    int iteration, rg_losses_t *losses);

#endif
