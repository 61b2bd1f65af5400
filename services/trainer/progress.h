// What the trainer is doing, written by the training thread and read by the service loop for `status`.
#ifndef RG_TRAINER_PROGRESS_H
#define RG_TRAINER_PROGRESS_H

#include <pthread.h>
#include <stdint.h>

#include "services/trainer/losses.h"

typedef struct {
    const char *state; // idle, waiting, training, saving: static text
    char stage[16];
    uint64_t iteration, iterations;
    double images_per_s, eta_s; // over the last iterations
    double wait_share;          // of the time spent waiting for batches and neighbours
    uint64_t retrieved, retrieved_new, last_new_generation;
    rg_losses_t losses;
} rg_progress_values_t;

typedef struct {
    pthread_mutex_t lock;
    rg_progress_values_t values;
} rg_progress_t;

void rg_progress_init(rg_progress_t *progress);
void rg_progress_fini(rg_progress_t *progress);
// stage: one that begins, of which nothing is known yet; NULL: as before.
void rg_progress_state(rg_progress_t *progress, const char *state, const char *stage);
void rg_progress_set(rg_progress_t *progress, const rg_progress_values_t *values);
void rg_progress_get(rg_progress_t *progress, rg_progress_values_t *values);

#endif
