// Gradients over the ranks, averaged while the backward pass goes on.
#ifndef RG_TRAINER_REDUCE_H
#define RG_TRAINER_REDUCE_H

#include "common/nn/param.h"
#include "common/nn/tape.h"
#include "services/trainer/ranks.h"

// Said before the first recorded op that reads the set: when the backward pass is back here its gradients are
// complete, and their mean over the ranks is begun (rg_ranks_begin). Nothing for frozen sets, or without
// ranks.
void rg_reduce_when_complete(rg_tape_t *tape, rg_ranks_t *ranks, const rg_params_t *set);

#endif
