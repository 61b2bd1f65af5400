// Runs one stage of training (common/model/stage.h): begin or resume, iterate, log, save checkpoints, finish.
// A stage begins from the averaged weights of the stage before it and keeps its state in
// RUN/<stage>.safetensors.
#ifndef RG_TRAINER_STAGE_H
#define RG_TRAINER_STAGE_H

#include <stdatomic.h>

#include "common/model/stage.h"
#include "services/trainer/progress.h"
#include "services/trainer/ranks.h"

typedef struct {
    char checkpoint[RG_PATH_SIZE];
    uint64_t iteration;
    char *report; // JSON object, free() it
} rg_stage_result_t;

typedef struct {
    int restart;     // begin anew; the stage's checkpoint stays until the first save replaces it
    int profile;     // the report has "profile": time by operation
    int accept_data; // goes on with a changed data set, which the checkpoint then notes at once
} rg_stage_options_t;

// All that a run borrows.
typedef struct {
    const rg_config_t *config;
    enum rg_stage stage;
    rg_stage_options_t options;
    rg_train_progress_t *progress; // updated after each iteration
    const atomic_int *stop;
    rg_ranks_t *ranks;            // NULL: this process trains alone
    void (*on_saved)(void *self); // of rank 0, after each save; NULL: none
    void *self;
} rg_stage_job_t;

// Trains to the end of the stage, or until *stop: then it returns RG_ESTOPPED. Returns at once if the stage is
// finished. Whatever ends it early, the state of the last whole iteration is saved first, and the sentence
// says so; only after RG_ENUMERIC is it not saved, because it led to numbers that are not finite.
//
// Several ranks call it together (ranks.h). The batch of the configuration is that of each rank: the result
// is that of one process with as many times the batch. Rank 0 reads and writes the files, the others get the
// state from it. An error of any rank ends the run of all.
int rg_stage_run(const rg_stage_job_t *job, rg_stage_result_t *result);

#endif
