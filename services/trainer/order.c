#include "services/trainer/order.h"

#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/log.h"

typedef struct {
    int end; // nothing else is said then
    enum rg_stage stage;
    rg_stage_options_t options;
    rg_config_t config;
} order_t;

static void give(rg_ranks_t *ranks, order_t *order)
{
    rg_ranks_give(ranks, order, sizeof *order);
}

int rg_order_train(const rg_stage_job_t *job, rg_stage_result_t *result)
{
    rg_stage_job_t own = *job;
    if (job->ranks && job->stage == RG_STAGE_2) {
        rg_log(RG_LOG_INFO, "alone",
               "stage=%s reason=\"the images of a whole batch are ranked: rank 0 trains\"",
               rg_stage_name(job->stage));
        own.ranks = NULL;
    }
    if (own.ranks) {
        order_t *order = rg_alloc(sizeof *order);
        *order = (order_t){.stage = job->stage, .options = job->options, .config = *job->config};
        give(own.ranks, order);
        free(order);
    }
    rg_ranks_watch(own.ranks, own.stop);
    int err = rg_stage_run(&own, result);
    rg_ranks_watch(own.ranks, NULL);
    return err;
}

void rg_order_end(rg_ranks_t *ranks)
{
    order_t *order = rg_alloc(sizeof *order);
    order->end = 1;
    give(ranks, order);
    free(order);
}

static void train(rg_ranks_t *ranks, const order_t *order)
{
    rg_progress_t progress; // nobody asks for it
    rg_stage_result_t result = {0};
    rg_progress_init(&progress);
    rg_ranks_watch(ranks, NULL);
    int err = rg_stage_run(&(rg_stage_job_t){.config = &order->config,
                                             .stage = order->stage,
                                             .options = order->options,
                                             .progress = &progress,
                                             .stop = rg_ranks_stop(ranks),
                                             .ranks = ranks},
                           &result);
    rg_ranks_watch(ranks, NULL);
    if (err)
        rg_log(RG_LOG_DEBUG, "follow", "stage=%s rank=%d error=\"%s\"", rg_stage_name(order->stage),
               rg_ranks_rank(ranks), rg_error());
    free(result.report);
    rg_progress_fini(&progress);
}

void rg_order_follow(rg_ranks_t *ranks)
{
    order_t *order = rg_alloc(sizeof *order);
    while (give(ranks, order), !order->end) train(ranks, order);
    free(order);
}
