// Which checkpoints of a run are new? Watches its folder (inotify); a checkpoint is renamed into place when
// it is whole, and of several that came in between only the last is there to be told of.
#ifndef RG_EVALUATOR_FOLLOW_H
#define RG_EVALUATOR_FOLLOW_H

#include <sys/stat.h>

#include "common/model/stage.h"

typedef struct {
    const rg_config_t *config;   // borrowed
    int fd;                      // readable when something in the folder has changed
    struct stat told[RG_STAGES]; // of each stage's checkpoint when it was last told of
} rg_follow_t;

// Checkpoints that are there already are new. RG_ELIMIT, RG_ENOENT naming the folder.
int rg_follow_open(rg_follow_t *follow, const rg_config_t *config);
void rg_follow_close(rg_follow_t *follow);

// A stage whose checkpoint is new since it was last told of, or RG_STAGE_NONE; what needs the classifier
// is not told of before that is there.
enum rg_stage rg_follow_next(rg_follow_t *follow);

// Makes fd unreadable until the next change, as rg_follow_next does; what is new stays to be told of.
void rg_follow_drain(const rg_follow_t *follow);

// This stage was not looked at after all: it is told of again.
void rg_follow_again(rg_follow_t *follow, enum rg_stage stage);

#endif
