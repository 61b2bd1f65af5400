// The neighbours of stage 3: the retrieval service as the training loop uses it, with the counts that
// checkpoints and reports name. Several ranks ask for their shares of a batch as one process would ask for
// the whole.
#ifndef RG_TRAINER_NEIGHBOUR_SOURCE_H
#define RG_TRAINER_NEIGHBOUR_SOURCE_H

#include "common/core/log.h"
#include "common/model/checkpoint.h"
#include "common/model/model.h"
#include "common/wire/neighbours.h"
#include "services/trainer/batch_stream.h"
#include "services/trainer/ranks.h"

typedef struct {
    rg_link_t *link; // NULL: the source is closed
    char model[17];  // id of the embedding space
    rg_neighbours_t neighbours;
    rg_retriever_t retriever; // for rg_translate_ask; its address stays
    rg_ranks_t *ranks;        // borrowed
    uint64_t seed;            // of the configuration
    const rg_batch_t *batch;  // of the step under way, borrowed,
    int targets;              // and its targets
} rg_neighbour_source_t;

// Counts continue from info, on rank 0, which also asks whether the retrieval set can guide, unless the stage
// is finished. RG_EMODEL: it holds another embedding model; RG_ENOENT: it holds fewer than model.k images;
// the errors of rg_link_new and rg_link_ask.
int rg_neighbour_source_open(rg_neighbour_source_t *source, const rg_model_t *model,
                             const rg_checkpoint_info_t *info, rg_ranks_t *ranks, const atomic_int *stop);
void rg_neighbour_source_close(rg_neighbour_source_t *source); // tolerates a zeroed struct

// Before a step: the batch and the number of its targets. A resumed stage draws the same neighbours.
void rg_neighbour_source_begin(rg_neighbour_source_t *source, const rg_batch_t *batch, int targets,
                               int iteration);

// After a step: writes what all ranks retrieved so far to info, and logs it if neighbours were missing. Does
// nothing if the source is closed.
void rg_neighbour_source_count(rg_neighbour_source_t *source, rg_checkpoint_info_t *info);

double rg_neighbour_source_waited_ms(const rg_neighbour_source_t *source); // 0 if the source is closed

#endif
