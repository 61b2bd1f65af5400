#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/client/client_private.h"
#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/wire/search_request.h"

// What is needed to read the reply to a search.
typedef struct {
    uint32_t n, k;
    int features, thumbnails;
} asked_t;

struct rg__sent {
    STAILQ_ENTRY(rg__sent) entry;
    asked_t asked;
    int done;
    rg_failure_t failure;
    rg_msg_t *reply;
};

// ---- the request
static rg_msg_t *make_search_message(const rg_client_search_t *search)
{
    const rg_client_filter_t *conditions = &search->filter;
    Rg__V1__SearchRequest fields = RG__V1__SEARCH_REQUEST__INIT;
    Rg__V1__Filter filter = RG__V1__FILTER__INIT;
    if (conditions->name_prefix)
        filter.name_prefix = (char *)conditions->name_prefix; // copied, as all of this
    filter.annotation = (Rg__V1__Annotation)conditions->annotation;
    filter.added_from_ms = conditions->added_from_ms;
    filter.added_until_ms = conditions->added_until_ms;
    fields.model = (char *)search->model;
    fields.k = search->k;
    fields.features = search->features != 0;
    fields.thumbnails = search->thumbnails != 0;
    fields.random = search->random != 0;
    fields.seed = search->seed;
    fields.filter = &filter;
    fields.nprobe = search->nprobe;
    fields.ef_search = search->ef_search;
    rg_msg_t *request = rg_search_request(&fields, search->n, search->dimension, NULL, NULL);
    Rg__V1__Filter *body = ((Rg__V1__SearchRequest *)rg_msg_body(request))->filter;
    body->n_exclude = conditions->n_exclude;
    body->exclude = rg__client_ids(request, conditions->exclude, conditions->n_exclude);
    return request;
}

static int put_search_arrays(const rg_client_t *client, rg_msg_t *request, const rg_client_search_t *search)
{
    const uint32_t queries[] = {search->n, search->dimension}, ids[] = {search->n, RG_ID_SIZE};
    int err = 0;
    if (search->queries || !search->random)
        err = rg__client_put(client, request, "queries", RG__V1__DTYPE__F32, 2, queries, search->queries);
    if (!err && search->exclude)
        err = rg__client_put(client, request, "exclude", RG__V1__DTYPE__U8, 2, ids, search->exclude);
    return err;
}

static int make_search(const rg_client_t *client, const rg_client_search_t *search, rg_msg_t **request)
{
    int err = rg__client_need("model", search->model);
    if (!err)
        err =
            rg__client_check_ids(client, "filter.exclude", search->filter.exclude, search->filter.n_exclude);
    if (err) return err;
    rg_msg_t *made = make_search_message(search);
    err = put_search_arrays(client, made, search);
    if (err)
        rg_msg_destroy(&made);
    else
        *request = made;
    return err;
}

// ---- the result
static int read_found_features(rg_msg_t *reply, rg_client_result_t *result)
{
    rg_payload_t features;
    const uint32_t shape[] = {result->n * result->k, 0, 0, 0};
    int err = rg_msg_payload(reply, "features", RG__V1__DTYPE__F16, 4, shape, &features);
    if (err) return err;
    result->features = features.data;
    memcpy(result->features_shape, features.shape + 1, sizeof result->features_shape);
    return 0;
}

static int read_found_images(rg_msg_t *reply, int thumbnails, rg_client_image_t *images)
{
    const Rg__V1__SearchReply *body = rg_msg_body(reply);
    int err = 0;
    for (size_t i = 0; i < body->n_neighbours && !err; i++) {
        const Rg__V1__Neighbour *neighbour = body->neighbours[i];
        images[i] = (rg_client_image_t){.annotated = neighbour->annotated,
                                        .dist_l2sq = neighbour->dist_l2sq,
                                        .name = neighbour->name,
                                        .generation = neighbour->generation,
                                        .added_ms = neighbour->added_ms};
        err = rg__client_read_image(reply, &neighbour->id, i, thumbnails, &images[i]);
    }
    return err;
}

// The result and its images lie in the memory of the reply, which the result takes.
static int read_result(const asked_t *asked, rg_msg_t **reply, rg_client_result_t **out)
{
    rg_msg_t *msg = *reply;
    const Rg__V1__SearchReply *body = rg_msg_body(msg);
    rg_client_result_t *result = rg_msg_alloc(msg, sizeof *result);
    int err = 0;
    if (body->n_neighbours != (size_t)asked->n * asked->k)
        err = rg_fail(RG_EFORMAT, "server: %zu neighbours for %u queries, not %u each", body->n_neighbours,
                      asked->n, asked->k);
    rg_client_image_t *images = rg_msg_alloc(msg, body->n_neighbours * sizeof *images);
    *result = (rg_client_result_t){.generation = body->generation,
                                   .size = body->images,
                                   .n = asked->n,
                                   .k = asked->k,
                                   .images = images,
                                   .reply = msg};
    if (!err) err = read_found_images(msg, asked->thumbnails, images);
    if (!err && asked->features) err = read_found_features(msg, result);
    if (err)
        rg_msg_destroy(reply);
    else
        *out = result;
    return err;
}

void rg_client_result_destroy(rg_client_result_t **result)
{
    rg_msg_t *reply = *result ? (*result)->reply : NULL;
    *result = NULL;
    rg_msg_destroy(&reply);
}

// ---- search: in one call, or sent and taken
static asked_t remember(const rg_client_search_t *search)
{
    return (asked_t){search->n, search->k, search->features, search->thumbnails};
}

int rg_client_search(rg_client_t *client, const rg_client_search_t *search, rg_client_result_t **result)
{
    const asked_t asked = remember(search);
    rg_msg_t *request = NULL, *reply = NULL;
    int err = make_search(client, search, &request);
    if (!err) err = rg__client_ask(client, &request, RG__V1__ENVELOPE__BODY_SEARCH_REPLY, &reply);
    return err ? err : read_result(&asked, &reply, result);
}

static void keep_reply(void *self, int err, const rg_msg_t *reply)
{
    rg__sent_t *sent = self;
    if (!err) err = rg__client_check_kind(reply, RG__V1__ENVELOPE__BODY_SEARCH_REPLY);
    rg_failure_keep(&sent->failure, err);
    if (!err) sent->reply = rg_msg_retain(reply);
    sent->done = 1;
}

int rg_client_search_send(rg_client_t *client, const rg_client_search_t *search)
{
    rg_msg_t *request = NULL;
    int err = make_search(client, search, &request);
    if (err) return err;
    rg__sent_t *sent = rg_alloc(sizeof *sent);
    sent->asked = remember(search);
    STAILQ_INSERT_TAIL(&client->sent, sent, entry);
    rg_link_send(client->link, &request, -1, keep_reply, sent);
    return 0;
}

// Waits until the first search is answered. RG_ETIMEOUT: timeout_ms passed without a reply to any of them.
static int wait_for_first(rg_client_t *client)
{
    while (!STAILQ_FIRST(&client->sent)->done) {
        int pending = rg_link_pending(client->link);
        int err = rg_link_poll(client->link, client->timeout_ms);
        if (err) return err;
        if (rg_link_pending(client->link) == pending)
            return rg_fail(RG_ETIMEOUT, "server (%s): no answer within %d ms", client->endpoint,
                           client->timeout_ms);
    }
    return 0;
}

int rg_client_search_take(rg_client_t *client, rg_client_result_t **result)
{
    if (STAILQ_EMPTY(&client->sent))
        return rg_fail(RG_EINVAL, "no search is under way: call rg_client_search_send first");
    int err = wait_for_first(client);
    if (err) return err;
    rg__sent_t *sent = STAILQ_FIRST(&client->sent);
    STAILQ_REMOVE_HEAD(&client->sent, entry);
    err = rg_failure_raise(&sent->failure);
    if (!err) err = read_result(&sent->asked, &sent->reply, result);
    free(sent);
    return err;
}

void rg__client_forget(rg_client_t *client)
{
    for (rg__sent_t *sent; (sent = STAILQ_FIRST(&client->sent)) != NULL;) {
        STAILQ_REMOVE_HEAD(&client->sent, entry);
        rg_msg_destroy(&sent->reply);
        free(sent);
    }
}

// ---- embed
static int put_edits(const rg_client_embed_t *embed, rg_msg_t *request)
{
    Rg__V1__EmbedRequest *body = rg_msg_body(request);
    int err = embed->n_edits ? rg__client_need("edits", embed->edits) : 0;
    if (err) return err;
    body->n_edits = embed->n_edits;
    body->edits = (Rg__V1__Edit **)rg_msg_array(request, &rg__v1__edit__descriptor, embed->n_edits);
    for (uint32_t i = 0; i < embed->n_edits && !err; i++) {
        err = rg__client_need("attribute", embed->edits[i].attribute);
        if (!err) body->edits[i]->attribute = rg_msg_text(request, "%s", embed->edits[i].attribute);
        body->edits[i]->value = embed->edits[i].value != 0;
    }
    return err;
}

// The embeddings lie in the memory of the reply, which they take.
static int read_embeddings(uint32_t n, rg_msg_t **reply, rg_client_embeddings_t **out)
{
    rg_payload_t values;
    int err = rg_msg_payload(*reply, "embeddings", RG__V1__DTYPE__F32, 2, (const uint32_t[]){n, 0}, &values);
    if (err) {
        rg_msg_destroy(reply);
        return err;
    }
    rg_client_embeddings_t *embeddings = rg_msg_alloc(*reply, sizeof *embeddings);
    *embeddings = (rg_client_embeddings_t){.model = ((Rg__V1__EmbedReply *)rg_msg_body(*reply))->model,
                                           .n = n,
                                           .dimension = values.shape[1],
                                           .values = values.data,
                                           .reply = *reply};
    *out = embeddings;
    return 0;
}

int rg_client_embed(rg_client_t *encoder, const rg_client_embed_t *embed, rg_client_embeddings_t **embeddings)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_EMBED_REQUEST), *reply = NULL;
    const uint32_t shape[] = {embed->n, embed->size, embed->size, 3};
    int err = put_edits(embed, request);
    if (!err) err = rg__client_put(encoder, request, "pixels", RG__V1__DTYPE__U8, 4, shape, embed->pixels);
    if (!err) err = rg__client_ask(encoder, &request, RG__V1__ENVELOPE__BODY_EMBED_REPLY, &reply);
    rg_msg_destroy(&request);
    return err ? err : read_embeddings(embed->n, &reply, embeddings);
}

void rg_client_embeddings_destroy(rg_client_embeddings_t **embeddings)
{
    rg_msg_t *reply = *embeddings ? (*embeddings)->reply : NULL;
    *embeddings = NULL;
    rg_msg_destroy(&reply);
}
