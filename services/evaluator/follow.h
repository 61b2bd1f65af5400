// Finds the new checkpoints of a run. It watches the run's folder with inotify: a checkpoint is renamed into
// place when it is whole. If several checkpoints of a stage came since the last look, only the last one is
// still there.
#ifndef RG_EVALUATOR_FOLLOW_H
#define RG_EVALUATOR_FOLLOW_H

#include <sys/stat.h>

#include "common/model/stage.h"

typedef struct {
    const rg_config_t *config;   // borrowed
    int fd;                      // readable when something in the folder has changed
    struct stat seen[RG_STAGES]; // each stage's checkpoint when rg_follow_next last returned the stage
} rg_follow_t;

// Checkpoints that are already there count as new. RG_ELIMIT, RG_ENOENT naming the folder.
int rg_follow_open(rg_follow_t *follow, const rg_config_t *config);
void rg_follow_close(rg_follow_t *follow);

// A stage with a new checkpoint, which is then no longer new; RG_STAGE_NONE if there is none. Stages that are
// measured with the classifier are returned only once its checkpoint exists. Drains fd.
enum rg_stage rg_follow_next(rg_follow_t *follow);

// Makes fd unreadable until the next change. New checkpoints stay new.
void rg_follow_drain(const rg_follow_t *follow);

// Makes the stage's checkpoint new again: it was not measured after all.
void rg_follow_requeue(rg_follow_t *follow, enum rg_stage stage);

#endif
