// What rank 0 has the other ranks do: they train what it trains, in its configuration, and do nothing by
// themselves. Stage 2 ranks the images of a whole batch and is rank 0's alone.
#ifndef RG_TRAINER_ORDER_H
#define RG_TRAINER_ORDER_H

#include "services/trainer/stage.h"

// Rank 0: rg_stage_run, with the other ranks where there are any.
int rg_order_train(const rg_stage_job_t *job, rg_stage_result_t *result);
// Rank 0: there will be no more.
void rg_order_end(rg_ranks_t *ranks);

// The other ranks: until the end. Errors of a job are rank 0's to report.
void rg_order_follow(rg_ranks_t *ranks);

#endif
