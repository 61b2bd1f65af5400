// Requests to the retrieval service, as its clients send them.
#ifndef RG_TESTS_RETRIEVAL_REQUESTS_H
#define RG_TESTS_RETRIEVAL_REQUESTS_H

#include <stdio.h>

#include "common/wire/search_request.h"
#include "services/retrieval/set.h"

// Announces a model of that name and these sizes. dims: entries of features_shape, 3 in a valid request;
// further entries are 1.
static inline rg_msg_t *model_request(const char *name, const rg_store_model_t *sizes, uint32_t dims)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_MODEL_REQUEST);
    Rg__V1__ModelRequest *body = rg_msg_body(msg);
    body->model = rg_msg_text(msg, "%s", name);
    body->embed_dim = sizes->embed_dim;
    body->n_features_shape = dims;
    body->features_shape = rg_msg_alloc(msg, (dims + 1) * sizeof *body->features_shape);
    for (uint32_t i = 0; i < dims; i++) body->features_shape[i] = i < 3 ? sizes->features_shape[i] : 1;
    return msg;
}

// Adds items [n]; an empty thumbnail is not sent.
static inline rg_msg_t *add_request(const rg_store_model_t *model, const rg_set_item_t *items, uint32_t n)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_ADD_REQUEST);
    Rg__V1__AddRequest *body = rg_msg_body(msg);
    const uint32_t dim = model->embed_dim, *s = model->features_shape;
    const size_t features_bytes = (size_t)s[0] * s[1] * s[2] * sizeof(uint16_t);
    body->model = rg_msg_text(msg, "%s", model->name);
    body->n_items = n;
    body->items = (Rg__V1__Item **)rg_msg_array(msg, &rg__v1__item__descriptor, n);
    float *embeddings = rg_msg_reserve(msg, "embeddings", RG__V1__DTYPE__F32, 2, (const uint32_t[]){n, dim});
    char *features =
        rg_msg_reserve(msg, "features", RG__V1__DTYPE__F16, 4, (const uint32_t[]){n, s[0], s[1], s[2]});
    for (uint32_t i = 0; i < n; i++) {
        const rg_store_value_t jpeg = items[i].thumbnail;
        char payload[16];
        body->items[i]->name = rg_msg_text(msg, "%s", items[i].name);
        body->items[i]->annotated = items[i].annotated;
        rg_msg_bytes(msg, &body->items[i]->id, items[i].id, RG_ID_SIZE);
        memcpy(embeddings + i * dim, items[i].embedding, dim * sizeof *embeddings);
        memcpy(features + i * features_bytes, items[i].features, features_bytes);
        if (!jpeg.size) continue;
        snprintf(payload, sizeof payload, "%u", (unsigned)i);
        rg_msg_copy(msg, payload, RG__V1__DTYPE__U8, 1, (const uint32_t[]){(uint32_t)jpeg.size}, jpeg.data);
    }
    return msg;
}

// Copies ids [n,RG_ID_SIZE] into the field of a request. last_size: bytes of the last id, RG_ID_SIZE if it is
// valid.
static inline void put_ids(rg_msg_t *msg, size_t *n_field, ProtobufCBinaryData **field, const uint8_t *ids,
                           size_t n, size_t last_size)
{
    *n_field = n;
    *field = rg_msg_alloc(msg, (n + 1) * sizeof **field);
    for (size_t i = 0; i < n; i++)
        rg_msg_bytes(msg, &(*field)[i], ids + i * RG_ID_SIZE, i + 1 < n ? RG_ID_SIZE : last_size);
}

static inline rg_msg_t *remove_request(const uint8_t *ids, size_t n, size_t last_size)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_REMOVE_REQUEST);
    Rg__V1__RemoveRequest *body = rg_msg_body(msg);
    put_ids(msg, &body->n_ids, &body->ids, ids, n, last_size);
    return msg;
}

// Lists with thumbnails.
static inline rg_msg_t *list_request(uint64_t from, uint32_t limit)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_LIST_REQUEST);
    Rg__V1__ListRequest *body = rg_msg_body(msg);
    body->from = from;
    body->limit = limit;
    body->thumbnails = 1;
    return msg;
}

static inline rg_msg_t *list_ids_request(const uint8_t *ids, size_t n, size_t last_size)
{
    rg_msg_t *msg = list_request(0, 0);
    Rg__V1__ListRequest *body = rg_msg_body(msg);
    put_ids(msg, &body->n_ids, &body->ids, ids, n, last_size);
    return msg;
}

// Searches for queries [n,dim]; NULL: random images for n queries.
static inline rg_msg_t *search_request(const char *model, const float *queries, uint32_t n, uint32_t dim,
                                       uint32_t k)
{
    Rg__V1__SearchRequest fields = RG__V1__SEARCH_REQUEST__INIT;
    fields.model = (char *)model;
    fields.k = k;
    fields.random = queries == NULL;
    return rg_search_request(&fields, n, dim, queries, NULL);
}

// Gives a search request a filter without conditions.
static inline Rg__V1__Filter *add_filter(rg_msg_t *msg)
{
    Rg__V1__SearchRequest *body = rg_msg_body(msg);
    body->filter = (Rg__V1__Filter *)*rg_msg_array(msg, &rg__v1__filter__descriptor, 1);
    return body->filter;
}

static inline rg_msg_t *index_request(Rg__V1__IndexAction action)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_INDEX_REQUEST);
    ((Rg__V1__IndexRequest *)rg_msg_body(msg))->action = action;
    return msg;
}

#endif
