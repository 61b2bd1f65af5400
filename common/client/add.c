#include <stdio.h>
#include <string.h>

#include "common/client/client_private.h"
#include "common/core/err.h"

enum { ITEMS_MAX = RG_MSG_PAYLOADS_MAX - 2 }; // beside embeddings and features

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

// ------------------------------------------------------------------ add
static int check(const rg_client_model_t *model, const rg_client_item_t *items, uint32_t n)
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

// The rows of both arrays come from as many places.
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

static int make_request(const rg_client_t *client, const rg_client_model_t *model,
                        const rg_client_item_t *items, uint32_t n, rg_msg_t **request)
{
    rg_msg_t *made = rg_msg_new(RG__V1__ENVELOPE__BODY_ADD_REQUEST);
    Rg__V1__AddRequest *body = rg_msg_body(made);
    body->model = rg_msg_text(made, "%s", model->name);
    body->n_items = n;
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
    int err = check(model, items, n);
    if (!err) err = make_request(client, model, items, n, &request);
    if (!err) err = rg__client_ask(client, &request, RG__V1__ENVELOPE__BODY_INGEST_REPLY, &reply);
    if (!err) err = read_outcomes(rg_msg_body(reply), n, outcomes);
    if (!err && generation) *generation = ((const Rg__V1__IngestReply *)rg_msg_body(reply))->generation;
    rg_msg_destroy(&reply);
    return err;
}
