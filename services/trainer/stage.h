// Running one stage (common/model/stage.h): begin or resume, iterate, log, checkpoint, finish. A stage begins
// from the averaged weights of the one before and keeps its state in RUN/<stage>.safetensors.
#ifndef RG_TRAINER_STAGE_H
#define RG_TRAINER_STAGE_H

#include <stdatomic.h>

#include "common/model/stage.h"
#include "services/trainer/progress.h"
#include "services/trainer/ranks.h"

enum rg_references { RG_REFERENCES_RANDOM, RG_REFERENCES_FLIPPED }; // key data.references

typedef struct {
    char checkpoint[RG_PATH_SIZE];
    uint64_t iteration;
    char *report; // JSON object, free() it
} rg_stage_result_t;

typedef struct {
    int restart; // forget the stage's checkpoint
    int profile; // the report has "profile": time by operation
} rg_stage_options_t;

// All that a run borrows.
typedef struct {
    const rg_config_t *config;
    enum rg_stage stage;
    rg_stage_options_t options;
    rg_progress_t *progress;
    const atomic_int *stop;
    rg_ranks_t *ranks; // NULL: this process trains alone
} rg_stage_job_t;

// Trains to the end of the stage, or until *stop: then the state is saved and RG_ESTOPPED returned. A
// finished stage returns at once.
//
// Several ranks call it together. The batch of the configuration is each rank's: the result is that of one
// process with as many times the batch. Rank 0 reads and writes the files, the others get the state from it;
// an error of any rank ends the run of all.
int rg_stage_run(const rg_stage_job_t *job, rg_stage_result_t *result);

#endif
