// Who guides stage 3: the retrieval service, asked for each rank's share of a batch as one process would ask
// for the whole.
#ifndef RG_TRAINER_GUIDE_H
#define RG_TRAINER_GUIDE_H

#include "common/model/checkpoint.h"
#include "common/model/translate.h"
#include "common/wire/neighbours.h"
#include "services/trainer/batch.h"
#include "services/trainer/ranks.h"

typedef struct {
    rg_link_t *link; // NULL: nobody guides
    char model[17];  // id of the embedding space
    rg_neighbours_t neighbours;
    rg_retriever_t retriever;
    rg_ranks_t *ranks;       // borrowed
    uint64_t seed;           // of the configuration
    const rg_batch_t *batch; // of the step under way, borrowed,
    int targets;             // and its targets
} rg_guide_t;

// Counting goes on from info, on rank 0. Errors of rg_link_new.
int rg_guide_open(rg_guide_t *guide, const rg_model_t *model, const rg_checkpoint_info_t *info,
                  rg_ranks_t *ranks, const atomic_int *stop);
void rg_guide_close(rg_guide_t *guide); // tolerates a zeroed struct

// Before a step: the batch and the number of its targets. A resumed stage draws the same neighbours.
void rg_guide_begin(rg_guide_t *guide, const rg_batch_t *batch, int targets, int iteration);

// After a step: what was retrieved so far, by all ranks. Nothing where nobody guides.
void rg_guide_note(rg_guide_t *guide, rg_checkpoint_info_t *info);

double rg_guide_waited_ms(const rg_guide_t *guide);

#endif
