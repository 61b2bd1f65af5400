// Every command is one broadcast from rank 0. The other ranks wait for it between jobs, in the messenger thread of
// ranks_mpi.c, which sleeps meanwhile.
#include "services/trainer/trainer.h"

#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/log.h"
#include "services/trainer/learner.h"

typedef struct {
    int end; // 1: the other fields say nothing
    enum rg_stage stage;
    rg_stage_options_t options;
    rg_config_t config;
} command_t;

// Rank 0 sends the command, the others receive it.
static void broadcast_command(rg_ranks_t *ranks, command_t *command)
{
    rg_ranks_broadcast(ranks, command, sizeof *command);
}

int rg_rank_commands_train(const rg_stage_job_t *job, rg_stage_result_t *result)
{
    rg_stage_job_t own = *job;
    if (job->ranks && rg_learner_find(job->stage, job->config)->single_rank) {
        rg_log(RG_LOG_INFO, "single-rank",
               "stage=%s reason=\"it compares all images of a batch: rank 0 trains alone\"",
               rg_stage_name(job->stage));
        own.ranks = NULL;
    }
    if (own.ranks) {
        command_t *command = rg_alloc(sizeof *command);
        *command = (command_t){.stage = job->stage, .options = job->options, .config = *job->config};
        broadcast_command(own.ranks, command);
        free(command);
    }
    rg_ranks_watch(own.ranks, own.stop);
    int err = rg_stage_run(&own, result);
    rg_ranks_watch(own.ranks, NULL);
    return err;
}

void rg_rank_commands_end(rg_ranks_t *ranks)
{
    command_t *command = rg_alloc(sizeof *command);
    command->end = 1;
    broadcast_command(ranks, command);
    free(command);
}

static void train_with_rank0(rg_ranks_t *ranks, const command_t *command)
{
    rg_train_progress_t progress; // rank 0 answers status requests
    rg_stage_result_t result = {0};
    rg_train_progress_init(&progress);
    rg_ranks_watch(ranks, NULL);
    int err = rg_stage_run(&(rg_stage_job_t){.config = &command->config,
                                             .stage = command->stage,
                                             .options = command->options,
                                             .progress = &progress,
                                             .stop = rg_ranks_stop(ranks),
                                             .ranks = ranks},
                           &result);
    rg_ranks_watch(ranks, NULL);
    if (err)
        rg_log(RG_LOG_DEBUG, "follow", "stage=%s rank=%d error=\"%s\"", rg_stage_name(command->stage),
               rg_ranks_rank(ranks), rg_error());
    free(result.report);
    rg_train_progress_fini(&progress);
}

void rg_rank_commands_follow(rg_ranks_t *ranks)
{
    command_t *command = rg_alloc(sizeof *command);
    while (broadcast_command(ranks, command), !command->end) train_with_rank0(ranks, command);
    free(command);
}
