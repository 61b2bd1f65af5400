#include "services/trainer/neighbour_source.h"

#include <math.h>

// Several ranks: the number that a query of this share has in the whole batch. A step asks for its targets
// and then for its images, or for the first of them.
static uint64_t number_in_whole_batch(void *self, int query)
{
    const rg_neighbour_source_t *source = self;
    const rg_batch_t *batch = source->batch;
    int before = query < source->targets ? 0 : source->targets, n = before ? batch->n : source->targets;
    return (uint64_t)(before * rg_ranks_count(source->ranks)) + rg_batch_whole_row(batch, n, query - before);
}

int rg_neighbour_source_open(rg_neighbour_source_t *source, const rg_model_t *model,
                             const rg_checkpoint_info_t *info, rg_ranks_t *ranks, const atomic_int *stop)
{
    const rg_config_t *config = &model->config;
    const rg_wire_options_t wire = rg_wire_options(config);
    rg_neighbours_t *neighbours = &source->neighbours;
    int features[3], counts = rg_ranks_rank(ranks) == 0;
    *source = (rg_neighbour_source_t){.ranks = ranks, .seed = config->seed};
    rg_model_id(model, source->model);
    int err = rg_link_new(&source->link, &wire, "retrieval", config->endpoints.retrieval, stop);
    if (err) return err;
    rg_fusion_features(config, features);
    rg_neighbours_init(neighbours, config, features, source->link, source->model);
    neighbours->since = info->set_generation ? info->set_generation : UINT64_MAX;
    neighbours->retrieved = counts ? info->retrieved : 0;
    neighbours->retrieved_new = counts ? info->retrieved_new : 0;
    neighbours->last_new_generation = info->last_new_generation;
    if (ranks) {
        neighbours->ranks = rg_ranks_count(ranks);
        neighbours->query_number = number_in_whole_batch;
        neighbours->query_number_self = source;
    }
    source->retriever = (rg_retriever_t){rg_neighbours_ask, rg_neighbours_wait, neighbours};
    return 0;
}

void rg_neighbour_source_close(rg_neighbour_source_t *source)
{
    rg_link_destroy(&source->link);
    rg_neighbours_fini(&source->neighbours);
}

void rg_neighbour_source_begin(rg_neighbour_source_t *source, const rg_batch_t *batch, int targets,
                               int iteration)
{
    source->batch = batch;
    source->targets = targets;
    source->neighbours.seed = source->seed + ((uint64_t)iteration << 16);
}

void rg_neighbour_source_count(rg_neighbour_source_t *source, rg_checkpoint_info_t *info)
{
    rg_neighbours_t *neighbours = &source->neighbours;
    double counts[] = {(double)neighbours->retrieved, (double)neighbours->retrieved_new},
           ranks = rg_ranks_count(source->ranks);
    if (!source->link) return;
    if (info->set_generation == 0) info->set_generation = neighbours->since = neighbours->generation;
    rg_ranks_mean(source->ranks, counts, 2);
    info->retrieved = (uint64_t)llround(counts[0] * ranks);
    info->retrieved_new = (uint64_t)llround(counts[1] * ranks);
    info->last_new_generation = neighbours->last_new_generation;
}

double rg_neighbour_source_waited_ms(const rg_neighbour_source_t *source)
{
    return source->link ? rg_link_waited_ms(source->link) : 0;
}
