#include "common/wire/search_request.h"

#include <stdio.h>

static Rg__V1__Filter *copy_filter(rg_msg_t *msg, const Rg__V1__Filter *filter)
{
    Rg__V1__Filter *copy = rg_msg_array(msg, &rg__v1__filter__descriptor, 1)[0];
    copy->name_prefix = rg_msg_text(msg, "%s", filter->name_prefix);
    copy->annotation = filter->annotation;
    copy->added_from_ms = filter->added_from_ms;
    copy->added_until_ms = filter->added_until_ms;
    copy->n_exclude = filter->n_exclude;
    copy->exclude = rg_msg_alloc(msg, (filter->n_exclude + 1) * sizeof *copy->exclude);
    for (size_t i = 0; i < filter->n_exclude; i++)
        rg_msg_bytes(msg, &copy->exclude[i], filter->exclude[i].data, filter->exclude[i].len);
    return copy;
}

rg_msg_t *rg_search_request(const Rg__V1__SearchRequest *fields, uint32_t n, uint32_t dim,
                            const float *queries, const uint8_t *exclude)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_SEARCH_REQUEST);
    Rg__V1__SearchRequest *body = rg_msg_body(msg);
    body->model = rg_msg_text(msg, "%s", fields->model);
    body->k = fields->k;
    body->features = fields->features;
    body->thumbnails = fields->thumbnails;
    body->random = fields->random;
    body->seed = fields->seed;
    body->queries = n;
    body->filter = fields->filter ? copy_filter(msg, fields->filter) : NULL;
    body->nprobe = fields->nprobe;
    body->ef_search = fields->ef_search;
    body->pool = fields->pool;
    body->number = fields->number;
    if (queries) rg_msg_copy(msg, "queries", RG__V1__DTYPE__F32, 2, (const uint32_t[]){n, dim}, queries);
    if (exclude)
        rg_msg_copy(msg, "exclude", RG__V1__DTYPE__U8, 2, (const uint32_t[]){n, RG_ID_SIZE}, exclude);
    return msg;
}

static const char *shortfall_reason(uint64_t images, size_t found, int filtered)
{
    if (!images) return "the retrieval set is empty: rg-ctl add-images DIR fills it";
    if (filtered) return "no more images meet the conditions";
    if (images <= found + 1) return "the retrieval set has no more images than these and the image itself";
    return "the index found no more; larger values of nprobe or ef_search make it look further";
}

int rg_search_shortfall(const Rg__V1__SearchReply *reply, int filtered, char out[RG_SHORTFALL_SIZE])
{
    size_t found = 0, wanted = reply->n_neighbours;
    for (size_t i = 0; i < wanted; i++) found += reply->neighbours[i]->id.len > 0;
    if (found == wanted) return 0;
    snprintf(out, RG_SHORTFALL_SIZE, "%zu of %zu images found: %s", found, wanted,
             shortfall_reason(reply->images, found, filtered));
    return 1;
}
