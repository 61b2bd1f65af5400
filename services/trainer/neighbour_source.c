#include "services/trainer/neighbour_source.h"

#include <math.h>

#include "common/core/err.h"
#include "common/wire/search_request.h"

// Several ranks: the number that a query of this share has in the whole batch. A step asks for its targets
// and then for its images, or for the first of them.
static uint64_t number_in_whole_batch(void *self, int query)
{
    const rg_neighbour_source_t *source = self;
    const rg_batch_t *batch = source->batch;
    int before = query < source->targets ? 0 : source->targets, n = before ? batch->n : source->targets;
    return (uint64_t)(before * rg_ranks_count(source->ranks)) + rg_batch_whole_row(batch, n, query - before);
}

// Asks for one random image: the reply says how many images the set holds, or that it is of another model.
static int count_images(const rg_neighbour_source_t *source, uint64_t *images)
{
    Rg__V1__SearchRequest fields = RG__V1__SEARCH_REQUEST__INIT;
    fields.model = (char *)source->model; // copied
    fields.k = fields.queries = 1;
    fields.random = 1;
    rg_msg_t *request = rg_search_request(&fields, 1, 0, NULL, NULL), *reply;
    int err = rg_link_ask(source->link, &request, &reply, -1);
    if (err) return err;
    if (rg_msg_kind(reply) == RG__V1__ENVELOPE__BODY_SEARCH_REPLY)
        *images = ((const Rg__V1__SearchReply *)rg_msg_body(reply))->images;
    else
        err = rg_fail(RG_EFORMAT, "retrieval: unexpected reply to a search");
    rg_msg_destroy(&reply);
    return err;
}

// A set without enough images would leave stage 3 unguided, and nothing else would show it.
static int check_set(const rg_neighbour_source_t *source)
{
    uint64_t images = 0;
    int err = count_images(source, &images), k = source->neighbours.k;
    if (err == RG_EMODEL)
        return rg_fail(
            err,
            "the retrieval set cannot guide stage3: %s; `rg-ctl reindex' embeds it with this run's model",
            rg_error());
    if (!err && images < (uint64_t)k)
        err = rg_fail(RG_ENOENT,
                      "the retrieval set cannot guide stage3: it holds %llu images, fewer than model.k: %d; "
                      "`rg-ctl add-images FOLDER' adds images",
                      (unsigned long long)images, k);
    return err;
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
    neighbours->missing = counts ? info->missing_neighbours : 0;
    neighbours->last_new_generation = info->last_new_generation;
    if (ranks) {
        neighbours->ranks = rg_ranks_count(ranks);
        neighbours->query_number = number_in_whole_batch;
        neighbours->query_number_self = source;
    }
    source->retriever = (rg_retriever_t){rg_neighbours_ask, rg_neighbours_wait, neighbours};
    return counts && info->iteration < info->iterations ? check_set(source) : 0;
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

static void warn_missing(rg_neighbour_source_t *source, const rg_checkpoint_info_t *info, uint64_t before)
{
    if (info->missing_neighbours == before || rg_ranks_rank(source->ranks) > 0) return;
    rg_log(RG_LOG_WARN, "neighbours-missing", "stage=%s iteration=%llu missing=%llu of=%llu", info->stage,
           (unsigned long long)info->iteration, (unsigned long long)info->missing_neighbours,
           (unsigned long long)(info->retrieved + info->missing_neighbours));
}

void rg_neighbour_source_count(rg_neighbour_source_t *source, rg_checkpoint_info_t *info)
{
    rg_neighbours_t *neighbours = &source->neighbours;
    const uint64_t before = info->missing_neighbours;
    double counts[] = {(double)neighbours->retrieved, (double)neighbours->retrieved_new,
                       (double)neighbours->missing},
           ranks = rg_ranks_count(source->ranks);
    if (!source->link) return;
    if (info->set_generation == 0) info->set_generation = neighbours->since = neighbours->generation;
    rg_ranks_mean(source->ranks, counts, 3);
    info->retrieved = (uint64_t)llround(counts[0] * ranks);
    info->retrieved_new = (uint64_t)llround(counts[1] * ranks);
    info->missing_neighbours = (uint64_t)llround(counts[2] * ranks);
    info->last_new_generation = neighbours->last_new_generation;
    warn_missing(source, info, before);
}

double rg_neighbour_source_waited_ms(const rg_neighbour_source_t *source)
{
    return source->link ? rg_link_waited_ms(source->link) : 0;
}
