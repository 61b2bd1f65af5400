#include "services/trainer/guide.h"

#include <math.h>

// A step asks for its targets, then for its images, or for the first of them: each numbered as in the whole
// batch.
static uint64_t number_query(void *self, int query)
{
    const rg_guide_t *guide = self;
    int before = query < guide->targets ? 0 : guide->targets, n = before ? guide->batch->n : guide->targets;
    return (uint64_t)(before * rg_ranks_count(guide->ranks)) + rg_batch_row(guide->batch, n, query - before);
}

int rg_guide_open(rg_guide_t *guide, const rg_model_t *model, const rg_checkpoint_info_t *info,
                  rg_ranks_t *ranks, const atomic_int *stop)
{
    const rg_config_t *config = &model->config;
    const rg_wire_options_t wire = rg_wire_options(config);
    rg_neighbours_t *neighbours = &guide->neighbours;
    int features[3], counts = rg_ranks_rank(ranks) == 0;
    *guide = (rg_guide_t){.ranks = ranks, .seed = config->seed};
    rg_model_id(model, guide->model);
    int err = rg_link_new(&guide->link, &wire, "retrieval", config->endpoints.retrieval, stop);
    if (err) return err;
    rg_fusion_features(config, features);
    rg_neighbours_init(neighbours, config, features, guide->link, guide->model);
    neighbours->since = info->set_generation ? info->set_generation : UINT64_MAX;
    neighbours->retrieved = counts ? info->retrieved : 0;
    neighbours->retrieved_new = counts ? info->retrieved_new : 0;
    neighbours->last_new_generation = info->last_new_generation;
    neighbours->askers = rg_ranks_count(ranks);
    neighbours->number = number_query;
    neighbours->number_self = guide;
    guide->retriever = (rg_retriever_t){rg_neighbours_ask, rg_neighbours_wait, neighbours};
    return 0;
}

void rg_guide_close(rg_guide_t *guide)
{
    rg_link_destroy(&guide->link);
    rg_neighbours_fini(&guide->neighbours);
}

void rg_guide_begin(rg_guide_t *guide, const rg_batch_t *batch, int targets, int iteration)
{
    if (!guide->link) return;
    guide->batch = batch;
    guide->targets = targets;
    guide->neighbours.seed = guide->seed + ((uint64_t)iteration << 16);
}

void rg_guide_note(rg_guide_t *guide, rg_checkpoint_info_t *info)
{
    const rg_neighbours_t *neighbours = &guide->neighbours;
    double counts[] = {(double)neighbours->retrieved, (double)neighbours->retrieved_new},
           ranks = rg_ranks_count(guide->ranks);
    if (!guide->link) return;
    if (info->set_generation == 0) info->set_generation = guide->neighbours.since = neighbours->generation;
    rg_ranks_mean(guide->ranks, counts, 2);
    info->retrieved = (uint64_t)llround(counts[0] * ranks);
    info->retrieved_new = (uint64_t)llround(counts[1] * ranks);
    info->last_new_generation = neighbours->last_new_generation;
}

double rg_guide_waited_ms(const rg_guide_t *guide)
{
    return guide->link ? rg_link_waited_ms(guide->link) : 0;
}
