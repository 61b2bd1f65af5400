#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/client/client_private.h"
#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/wire/search_request.h"

// What has to be remembered to read the reply of a search.
typedef struct {
    uint32_t n, k;
    int features, thumbnails;
} asked_t;

struct rg__sent {
    rg__sent_t *next; // sent after it
    asked_t asked;
    int done, err;
    rg_msg_t *reply;
    char sentence[512];
};

// ------------------------------------------------------------------ the request
static rg_msg_t *make_message(const rg_client_search_t *search)
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

static int put_arrays(const rg_client_t *client, rg_msg_t *request, const rg_client_search_t *search)
{
    const uint32_t queries[] = {search->n, search->dimension}, ids[] = {search->n, RG_ID_SIZE};
    int err = 0;
    if (search->queries || !search->random)
        err = rg__client_put(client, request, "queries", RG__V1__DTYPE__F32, 2, queries, search->queries);
    if (!err && search->exclude)
        err = rg__client_put(client, request, "exclude", RG__V1__DTYPE__U8, 2, ids, search->exclude);
    return err;
}

static int make_request(const rg_client_t *client, const rg_client_search_t *search, rg_msg_t **request)
{
    int err = rg__client_need("model", search->model);
    if (!err)
        err =
            rg__client_check_ids(client, "filter.exclude", search->filter.exclude, search->filter.n_exclude);
    if (err) return err;
    rg_msg_t *made = make_message(search);
    err = put_arrays(client, made, search);
    if (err)
        rg_msg_destroy(&made);
    else
        *request = made;
    return err;
}

// ------------------------------------------------------------------ the result
static int read_features(rg_msg_t *reply, rg_client_result_t *result)
{
    rg_payload_t features;
    const uint32_t shape[] = {result->n * result->k, 0, 0, 0};
    int err = rg_msg_payload(reply, "features", RG__V1__DTYPE__F16, 4, shape, &features);
    if (err) return err;
    result->features = features.data;
    memcpy(result->features_shape, features.shape + 1, sizeof result->features_shape);
    return 0;
}

static int read_images(rg_msg_t *reply, int thumbnails, rg_client_image_t *images)
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

// The result lies in the message it was made from; takes *reply.
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
    if (!err) err = read_images(msg, asked->thumbnails, images);
    if (!err && asked->features) err = read_features(msg, result);
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

// ------------------------------------------------------------------ at once, or in two halves
static asked_t remember(const rg_client_search_t *search)
{
    return (asked_t){search->n, search->k, search->features, search->thumbnails};
}

int rg_client_search(rg_client_t *client, const rg_client_search_t *search, rg_client_result_t **result)
{
    const asked_t asked = remember(search);
    rg_msg_t *request = NULL, *reply = NULL;
    int err = make_request(client, search, &request);
    if (!err) err = rg__client_ask(client, &request, RG__V1__ENVELOPE__BODY_SEARCH_REPLY, &reply);
    return err ? err : read_result(&asked, &reply, result);
}

static void keep_reply(void *self, int err, const rg_msg_t *reply)
{
    rg__sent_t *sent = self;
    if (!err) err = rg__client_check_kind(reply, RG__V1__ENVELOPE__BODY_SEARCH_REPLY);
    if (err)
        snprintf(sent->sentence, sizeof sent->sentence, "%s", rg_error());
    else
        sent->reply = rg_msg_retain(reply);
    sent->err = err;
    sent->done = 1;
}

int rg_client_search_send(rg_client_t *client, const rg_client_search_t *search)
{
    rg_msg_t *request = NULL;
    int err = make_request(client, search, &request);
    if (err) return err;
    rg__sent_t *sent = rg_alloc(sizeof *sent), **at = &client->first;
    sent->asked = remember(search);
    while (*at) at = &(*at)->next;
    *at = sent;
    rg_link_send(client->link, &request, -1, keep_reply, sent);
    return 0;
}

// Until the first one is answered, or nothing is for timeout_ms.
static int wait_for_first(rg_client_t *client)
{
    while (!client->first->done) {
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
    if (!client->first) return rg_fail(RG_EINVAL, "no search is under way");
    int err = wait_for_first(client);
    if (err) return err;
    rg__sent_t *sent = client->first;
    client->first = sent->next;
    err = sent->err ? rg_fail(sent->err, "%s", sent->sentence)
                    : read_result(&sent->asked, &sent->reply, result);
    free(sent);
    return err;
}

void rg__client_forget(rg_client_t *client)
{
    for (rg__sent_t *sent = client->first, *next; sent; sent = next) {
        next = sent->next;
        rg_msg_destroy(&sent->reply);
        free(sent);
    }
    client->first = NULL;
}
