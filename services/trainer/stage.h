// Running one stage: begin or resume, iterate, log, checkpoint, finish. Stages are `classifier` (the built-in
// extractor), `stage1` (GMM-UNIT), `stage2` (the retrieval net) and `stage3` (RG-UNIT); each begins from the
// averaged weights of the one before and keeps its state in RUN/<stage>.safetensors.
#ifndef RG_TRAINER_STAGE_H
#define RG_TRAINER_STAGE_H

#include <stdatomic.h>

#include "common/core/config.h"
#include "services/trainer/progress.h"

enum rg_stage { RG_STAGE_CLASSIFIER, RG_STAGE_1, RG_STAGE_2, RG_STAGE_3, RG_STAGES };

// "classifier", "stage1" ...
const char *rg_stage_name(enum rg_stage stage);
// RG_EUSAGE naming the stages there are.
int rg_stage_find(const char *name, enum rg_stage *stage);

typedef struct {
    char checkpoint[RG_PATH_SIZE];
    uint64_t iteration;
    char *report; // JSON object, free() it
} rg_stage_result_t;

typedef struct {
    int restart; // forget the stage's checkpoint
    int profile; // the report has "profile": time by operation
} rg_stage_options_t;

// Trains to the end of the stage, or until *stop: then the state is saved and RG_ESTOPPED returned. A
// finished stage returns at once.
int rg_stage_run(const rg_config_t *config, enum rg_stage stage, const rg_stage_options_t *options,
                 rg_progress_t *progress, const atomic_int *stop, rg_stage_result_t *result);

#endif
