#include <stdio.h>
#include <string.h>

#include "common/client/client_private.h"
#include "common/core/clock.h"
#include "common/core/err.h"

enum { ITEMS_MAX = RG_MSG_PAYLOADS_MAX - 2 }; // embeddings and features are payloads, too

// ---- list
static int read_listed_images(rg_msg_t *reply, int thumbnails, rg_client_image_t *images)
{
    const Rg__V1__ListReply *body = rg_msg_body(reply);
    int err = 0;
    for (size_t i = 0; i < body->n_images && !err; i++) {
        const Rg__V1__Listed *listed = body->images[i];
        images[i] = (rg_client_image_t){.annotated = listed->annotated,
                                        .name = listed->name,
                                        .generation = listed->generation,
                                        .added_ms = listed->added_ms};
        err = rg__client_read_image(reply, &listed->id, i, thumbnails, &images[i]);
    }
    return err;
}

static int read_listed_embeddings(rg_msg_t *reply, rg_client_listing_t *listing)
{
    rg_payload_t embeddings;
    int err = rg_msg_payload(reply, "embeddings", RG__V1__DTYPE__F32, 2, (const uint32_t[]){listing->n, 0},
                             &embeddings);
    if (err) return err;
    listing->embeddings = embeddings.data;
    listing->dimension = embeddings.shape[1];
    return 0;
}

// The listing and its images lie in the memory of the reply, which it takes.
static int read_listing(const rg_client_list_t *list, rg_msg_t **reply, rg_client_listing_t **out)
{
    rg_msg_t *msg = *reply;
    const Rg__V1__ListReply *body = rg_msg_body(msg);
    rg_client_listing_t *listing = rg_msg_alloc(msg, sizeof *listing);
    rg_client_image_t *images = rg_msg_alloc(msg, body->n_images * sizeof *images);
    *listing = (rg_client_listing_t){.n = (uint32_t)body->n_images,
                                     .images = images,
                                     .next = body->next,
                                     .missing = body->missing,
                                     .model = body->model,
                                     .reply = msg};
    int err = read_listed_images(msg, list->thumbnails, images);
    if (!err && list->embeddings && listing->n) err = read_listed_embeddings(msg, listing);
    if (err)
        rg_msg_destroy(reply);
    else
        *out = listing;
    return err;
}

int rg_client_list(rg_client_t *client, const rg_client_list_t *list, rg_client_listing_t **listing)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_LIST_REQUEST), *reply = NULL;
    Rg__V1__ListRequest *body = rg_msg_body(request);
    body->from = list->from;
    body->limit = list->limit;
    body->missing = list->missing != 0;
    body->thumbnails = list->thumbnails != 0;
    body->embeddings = list->embeddings != 0;
    int err = rg__client_ask(client, &request, RG__V1__ENVELOPE__BODY_LIST_REPLY, &reply);
    return err ? err : read_listing(list, &reply, listing);
}

void rg_client_listing_destroy(rg_client_listing_t **listing)
{
    rg_msg_t *reply = *listing ? (*listing)->reply : NULL;
    *listing = NULL;
    rg_msg_destroy(&reply);
}

// ---- add
int rg_client_use_model(rg_client_t *client, const rg_client_model_t *model, uint64_t *missing)
{
    int err = rg__client_need("model.name", model->name);
    if (err) return err;
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_MODEL_REQUEST), *reply = NULL;
    Rg__V1__ModelRequest *body = rg_msg_body(request);
    body->model = rg_msg_text(request, "%s", model->name);
    body->embed_dim = model->dimension;
    body->n_features_shape = 3;
    body->features_shape = rg_msg_alloc(request, sizeof model->features_shape);
    memcpy(body->features_shape, model->features_shape, sizeof model->features_shape);
    err = rg__client_ask(client, &request, RG__V1__ENVELOPE__BODY_MODEL_REPLY, &reply);
    if (err) return err;
    if (missing) *missing = ((const Rg__V1__ModelReply *)rg_msg_body(reply))->missing;
    rg_msg_destroy(&reply);
    return 0;
}

static int check_items(const rg_client_model_t *model, const rg_client_item_t *items, uint32_t n)
{
    int err = rg__client_need("model.name", model->name);
    if (!err && (n < 1 || n > ITEMS_MAX))
        err = rg_fail(RG_ELIMIT, "%u images: 1 to %d are possible at once", n, ITEMS_MAX);
    for (uint32_t i = 0; i < n && !err; i++)
        if (!items[i].name || !items[i].embedding || !items[i].jpeg || !items[i].jpeg_size)
            err = rg_fail(RG_EINVAL, "items[%u] has no %s", i,
                          !items[i].name        ? "name"
                          : !items[i].embedding ? "embedding"
                                                : "thumbnail");
    return err;
}

// Gathers the rows of both arrays, which lie in the items.
static int put_rows(const rg_client_t *client, rg_msg_t *request, const rg_client_model_t *model,
                    const rg_client_item_t *items, uint32_t n)
{
    const uint32_t *s = model->features_shape, maps[] = {n, s[0], s[1], s[2]}, rows[] = {n, model->dimension};
    void *embeddings = NULL, *features = NULL;
    int err = rg__client_reserve(client, request, "embeddings", RG__V1__DTYPE__F32, 2, rows, &embeddings);
    if (!err) err = rg__client_reserve(client, request, "features", RG__V1__DTYPE__F16, 4, maps, &features);
    if (err) return err;
    const size_t d = model->dimension, map = (size_t)s[0] * s[1] * s[2];
    for (size_t i = 0; i < n; i++) {
        memcpy((float *)embeddings + i * d, items[i].embedding, d * sizeof(float));
        if (items[i].features)
            memcpy((uint16_t *)features + i * map, items[i].features, map * sizeof(uint16_t));
    }
    return 0;
}

static int put_item(const rg_client_t *client, rg_msg_t *request, const rg_client_item_t *item, uint32_t i)
{
    Rg__V1__Item *body = ((Rg__V1__AddRequest *)rg_msg_body(request))->items[i];
    char name[RG__CLIENT_INDEX_TEXT];
    const uint32_t size = item->jpeg_size < UINT32_MAX ? (uint32_t)item->jpeg_size : UINT32_MAX;
    body->name = rg_msg_text(request, "%s", item->name);
    body->annotated = item->annotated != 0;
    rg_msg_bytes(request, &body->id, item->id, sizeof item->id);
    snprintf(name, sizeof name, "%u", i);
    int err = rg__client_put(client, request, name, RG__V1__DTYPE__U8, 1, &size, item->jpeg);
    return err ? rg_fail(err, "thumbnail %s", rg_error()) : 0;
}

static int make_add(const rg_client_t *client, const rg_client_model_t *model, const rg_client_item_t *items,
                    uint32_t n, rg_msg_t **request)
{
    rg_msg_t *made = rg_msg_new(RG__V1__ENVELOPE__BODY_ADD_REQUEST);
    Rg__V1__AddRequest *body = rg_msg_body(made);
    body->model = rg_msg_text(made, "%s", model->name);
    body->n_items = n;
    body->asked_us = rg_clock_wall_us();
    body->items = (Rg__V1__Item **)rg_msg_array(made, &rg__v1__item__descriptor, n);
    int err = put_rows(client, made, model, items, n);
    for (uint32_t i = 0; i < n && !err; i++) err = put_item(client, made, &items[i], i);
    if (err)
        rg_msg_destroy(&made);
    else
        *request = made;
    return err;
}

static int read_outcomes(const Rg__V1__IngestReply *reply, uint32_t n, rg_client_outcome_t *outcomes)
{
    if (reply->n_outcomes != n)
        return rg_fail(RG_EFORMAT, "server: %zu outcomes of %u images", reply->n_outcomes, n);
    for (uint32_t i = 0; i < n; i++) {
        outcomes[i].fate = (int)reply->outcomes[i]->fate;
        snprintf(outcomes[i].reason, sizeof outcomes[i].reason, "%s", reply->outcomes[i]->reason);
    }
    return 0;
}

int rg_client_add(rg_client_t *client, const rg_client_model_t *model, const rg_client_item_t *items,
                  uint32_t n, rg_client_outcome_t *outcomes, uint64_t *generation)
{
    rg_msg_t *request = NULL, *reply = NULL;
    int err = check_items(model, items, n);
    if (!err) err = make_add(client, model, items, n, &request);
    if (!err) err = rg__client_ask(client, &request, RG__V1__ENVELOPE__BODY_INGEST_REPLY, &reply);
    if (!err) err = read_outcomes(rg_msg_body(reply), n, outcomes);
    if (!err && generation) *generation = ((const Rg__V1__IngestReply *)rg_msg_body(reply))->generation;
    rg_msg_destroy(&reply);
    return err;
}

// ---- remove
int rg_client_remove(rg_client_t *client, const unsigned char *ids, uint32_t n, uint32_t *removed)
{
    int err = rg__client_check_ids(client, "ids", ids, n);
    if (err) return err;
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_REMOVE_REQUEST), *reply = NULL;
    Rg__V1__RemoveRequest *body = rg_msg_body(request);
    body->n_ids = n;
    body->ids = rg__client_ids(request, ids, n);
    body->asked_us = rg_clock_wall_us();
    err = rg__client_ask(client, &request, RG__V1__ENVELOPE__BODY_REMOVE_REPLY, &reply);
    if (!err && removed) *removed = ((const Rg__V1__RemoveReply *)rg_msg_body(reply))->removed;
    rg_msg_destroy(&reply);
    return err;
}
