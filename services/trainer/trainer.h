// The trainer's process. Alone or as rank 0 it is a service: it trains one stage at a time and answers
// `train` and `status` requests (proto/control.proto). The other ranks (ranks.h) carry out rank 0's commands
// and do nothing else.
#ifndef RG_TRAINER_TRAINER_H
#define RG_TRAINER_TRAINER_H

#include "services/trainer/stage.h"

// Serves until SIGTERM or SIGINT; ranks is NULL if this process trains alone. A job survives the process: it
// is written to RUN/job before it begins, and a signal stops it and saves its state. Errors of rg_service_new
// and rg_service_run; RG_EFORMAT if RUN/job does not name a stage.
int rg_trainer_serve(const rg_config_t *config, rg_ranks_t *ranks);

// ---- rank commands: train this stage with this configuration, or end (rank_commands.c)

// Rank 0: rg_stage_run, together with the other ranks if there are any. A stage whose learner needs all
// images of a batch in one place is trained by rank 0 alone.
int rg_rank_commands_train(const rg_stage_job_t *job, rg_stage_result_t *result);

// Rank 0: the last command, which ends the other ranks.
void rg_rank_commands_end(rg_ranks_t *ranks);

// The other ranks: carries out commands until the last one. Rank 0 reports the errors of a job.
void rg_rank_commands_follow(rg_ranks_t *ranks);

#endif
