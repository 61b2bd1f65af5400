// A learner: what an iteration of one stage of training does. The training loop (stage.h) knows nothing else
// of a stage: it draws batches, calls step, logs the losses, and saves the parameter sets.
//
//   learner         stage                                     file
//   classification  classifier                                classification.c
//   translation     stage1 and stage3                         translation.h, translation_learner.c
//   ranking         stage2 with model.retrieval: ranked       embedding.h
//   triplet         stage2 with model.retrieval: triplet      embedding.h
#ifndef RG_TRAINER_LEARNER_H
#define RG_TRAINER_LEARNER_H

#include "common/model/model.h"
#include "common/nn/tape.h"
#include "services/trainer/batch_stream.h"
#include "services/trainer/neighbour_source.h"
#include "services/trainer/ranks.h"

// ---- losses

enum { RG_LOSSES_MAX = 16 };

// The named loss values of one step, for logs, status and tests.
typedef struct {
    int n;
    struct {
        const char *name;     // static
        const double *scalar; // of a tape of the step
        double value;         // unweighted; 0 before rg_losses_check
    } item[RG_LOSSES_MAX];
} rg_losses_t;

// A new loss; returns the scalar of the tape to which its value shall be added.
double *rg_losses_add(rg_losses_t *losses, rg_tape_t *tape, const char *name);

// Takes the values from the scalars, which the tapes have read (rg_tape_read_scalars). RG_ENUMERIC naming the loss if
// one is not finite.
int rg_losses_check(rg_losses_t *losses, int iteration);

// ---- learners

// What a learner borrows for its life.
typedef struct {
    const rg_config_t *config;
    rg_model_t *model; // NULL: the classifier, which has a network of its own
    int attributes;    // columns of the data set's labels, which the classifier learns
    rg_backend_t *backend;
    rg_ranks_t *ranks;                 // NULL: this process trains alone
    rg_neighbour_source_t *neighbours; // read by steps, not by init; NULL: the stage needs none
} rg_learner_spec_t;

enum { RG_LEARNER_TAPES = 2 };

typedef struct {
    size_t size;     // bytes of its state, zeroed before init
    int single_rank; // 1: compares all images of a batch, which ranks cannot share: rank 0 trains alone
    // What a batch must hold beside its images, of which there are `images`.
    void (*needs)(const rg_config_t *config, int images, rg_batch_needs_t *needs);
    int (*init)(void *state, const rg_learner_spec_t *spec);
    void (*fini)(void *state); // tolerates a zeroed state, and one that init failed to fill
    // The parameter sets that the stage's checkpoint holds. Returns their number.
    int (*sets)(void *state, rg_params_t *sets[RG_PARTS]);
    // Its tapes, for timing. The first one also times the work between steps. Returns their number.
    int (*tapes)(void *state, rg_tape_t *tapes[RG_LEARNER_TAPES]);
    // One iteration: losses, gradients and update. rng is this iteration's own. On an error nothing was
    // updated: RG_ESTOPPED, RG_ENUMERIC, errors of the neighbour source.
    int (*step)(void *state, const rg_batch_t *batch, rg_rng_t *rng, int iteration, rg_losses_t *losses);
    // Writes sample images of the batch; NULL: there are none. RG_EIO, RG_EFULL, RG_ESTOPPED, errors of the
    // neighbours.
    int (*sample)(void *state, const rg_batch_t *batch, const char *stage, int iteration);
} rg_learner_t;

extern const rg_learner_t rg_classification_learner, rg_stage1_learner, rg_stage3_learner, rg_triplet_learner,
    rg_ranking_learner;

const rg_learner_t *rg_learner_find(enum rg_stage stage, const rg_config_t *config);

// Records, before the first op that reads the set, that its gradients are complete when the backward pass is
// back here: their mean over the ranks is begun then (rg_ranks_begin_mean), while the pass goes on. Does
// nothing for frozen sets, or without ranks.
void rg_learner_average_gradients(rg_tape_t *tape, rg_ranks_t *ranks, const rg_params_t *set);

// Ends a step whose gradients are complete: waits for the scalars of the tape, checks the losses, and updates n sets
// (rg_optim_step). All ranks call it, and return the error of any of them. RG_ENUMERIC, or the device's error; nothing
// was updated then.
int rg_learner_update(rg_tape_t *tape, rg_ranks_t *ranks, const rg_train_config_t *train, int iteration,
                      rg_params_t *const *sets, int n, rg_losses_t *losses);

#endif
