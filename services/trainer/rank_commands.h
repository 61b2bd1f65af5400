// Commands from rank 0 to the other ranks (ranks.h): train this stage with this configuration, or end. The
// other ranks do nothing else.
//
//   rank 0:  rg_rank_commands_train ... rg_rank_commands_end       the others:  rg_rank_commands_follow
#ifndef RG_TRAINER_RANK_COMMANDS_H
#define RG_TRAINER_RANK_COMMANDS_H

#include "services/trainer/stage.h"

// Rank 0: rg_stage_run, together with the other ranks if there are any. A stage whose learner needs all
// images of a batch at one place is trained by rank 0 alone.
int rg_rank_commands_train(const rg_stage_job_t *job, rg_stage_result_t *result);

// Rank 0: the last command, which ends the other ranks.
void rg_rank_commands_end(rg_ranks_t *ranks);

// The other ranks: carries commands out until the last one. Rank 0 reports the errors of a job.
void rg_rank_commands_follow(rg_ranks_t *ranks);

#endif
