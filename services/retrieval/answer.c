#include "services/retrieval/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"

enum { INDEX_TEXT = 12 }; // "0", "1", ...: payload names

static int check_count(const rg_answerer_t *self, const char *what, size_t n)
{
    if (n >= 1 && n <= self->batch_max) return 0;
    return rg_fail(RG_ELIMIT, "%zu %s: 1 to %u are possible per request", n, what, self->batch_max);
}

// Frees a reply that is not to be sent, or gives it out.
static int finish(int err, rg_msg_t **made, rg_msg_t **reply)
{
    if (err)
        rg_msg_destroy(made);
    else
        *reply = *made;
    return err;
}

// ---- model

int rg_answer_model(rg_answerer_t *self, const rg_msg_t *request, rg_msg_t **reply)
{
    const Rg__V1__ModelRequest *asked = rg_msg_body(request);
    rg_model_t model = {.embed_dim = asked->embed_dim};
    if (strlen(asked->model) > RG_TEXT_MAX)
        return rg_fail(RG_EINVAL, "the model's name is longer than %d bytes", RG_TEXT_MAX);
    if (asked->n_content_shape != 3)
        return rg_fail(RG_ESHAPE, "content_shape has %zu entries, not h, w, C", asked->n_content_shape);
    strcpy(model.name, asked->model);
    memcpy(model.content_shape, asked->content_shape, sizeof model.content_shape);
    rg_set_stats_t stats;
    int err = rg_set_use_model(self->set, &model);
    if (!err) err = rg_set_stats(self->set, &stats);
    if (err) return err;
    *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_MODEL_REPLY);
    Rg__V1__ModelReply *body = rg_msg_body(*reply);
    body->generation = rg_set_state(self->set)->generation;
    body->images = stats.images;
    body->missing = stats.stale;
    return 0;
}

// ---- add

static int read_thumbnail(const rg_msg_t *request, size_t i, rg_span_t *thumbnail)
{
    char name[INDEX_TEXT];
    rg_payload_t payload;
    snprintf(name, sizeof name, "%u", (unsigned)i);
    int err = rg_msg_payload(request, name, RG__V1__DTYPE__U8, 1, NULL, &payload);
    if (!err) *thumbnail = (rg_span_t){payload.data, payload.size};
    return err;
}

// Points items [n_items of the request] into the request.
static int read_items(const rg_msg_t *request, const rg_model_t *model, rg_set_item_t *items)
{
    const Rg__V1__AddRequest *asked = rg_msg_body(request);
    const uint32_t n = (uint32_t)asked->n_items, *s = model->content_shape;
    rg_payload_t embeddings, contents;
    int err = rg_msg_payload(request, "embeddings", RG__V1__DTYPE__F32, 2,
                             (const uint32_t[]){n, model->embed_dim}, &embeddings);
    if (!err)
        err = rg_msg_payload(request, "content", RG__V1__DTYPE__F16, 4,
                             (const uint32_t[]){n, s[0], s[1], s[2]}, &contents);
    for (uint32_t i = 0; i < n && !err; i++) {
        const Rg__V1__Item *item = asked->items[i];
        if (item->id.len != RG_ID_SIZE)
            return rg_fail(RG_EINVAL, "items[%u].id has %zu bytes, not %d", i, item->id.len, RG_ID_SIZE);
        items[i] = (rg_set_item_t){
            .id = item->id.data,
            .name = item->name,
            .embedding = (const float *)embeddings.data + (size_t)i * model->embed_dim,
            .content = (const char *)contents.data + i * rg_model_content_bytes(model),
        };
        err = read_thumbnail(request, i, &items[i].thumbnail);
    }
    return err;
}

static rg_msg_t *ingest_reply(rg_answerer_t *self, const Rg__V1__AddRequest *asked,
                              const rg_outcome_t *outcomes)
{
    rg_msg_t *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_INGEST_REPLY);
    Rg__V1__IngestReply *body = rg_msg_body(reply);
    body->generation = rg_set_state(self->set)->generation;
    body->n_outcomes = asked->n_items;
    body->outcomes = (Rg__V1__Outcome **)rg_msg_array(reply, &rg__v1__outcome__descriptor, asked->n_items);
    for (size_t i = 0; i < asked->n_items; i++) {
        Rg__V1__Outcome *outcome = body->outcomes[i];
        outcome->name = rg_msg_text(reply, "%s", asked->items[i]->name);
        outcome->fate = outcomes[i].fate;
        outcome->reason = rg_msg_text(reply, "%s", outcomes[i].reason);
        rg_msg_bytes(reply, &outcome->id, asked->items[i]->id.data, asked->items[i]->id.len);
        self->adds += outcomes[i].fate == RG__V1__FATE__ADDED;
    }
    return reply;
}

int rg_answer_add(rg_answerer_t *self, const rg_msg_t *request, rg_msg_t **reply)
{
    const Rg__V1__AddRequest *asked = rg_msg_body(request);
    int err = check_count(self, "items", asked->n_items);
    if (!err) err = rg_set_check(self->set, asked->model);
    if (err) return err;
    rg_set_item_t *items = rg_alloc(asked->n_items * sizeof *items);
    rg_outcome_t *outcomes = rg_alloc(asked->n_items * sizeof *outcomes);
    err = read_items(request, &rg_set_state(self->set)->model, items);
    if (!err) err = rg_set_add(self->set, asked->model, items, asked->n_items, outcomes);
    if (!err) *reply = ingest_reply(self, asked, outcomes);
    free(items);
    free(outcomes);
    return err;
}

// ---- search

static int check_reply_size(const rg_answerer_t *self, const Rg__V1__SearchRequest *asked, size_t found)
{
    const rg_model_t *model = &rg_set_state(self->set)->model;
    if (asked->content && found > self->reply_max / rg_model_content_bytes(model))
        return rg_fail(RG_ELIMIT,
                       "%zu content maps are more than the %zu bytes a reply may have: ask for fewer", found,
                       self->reply_max);
    if (asked->thumbnails && found + (asked->content != 0) > RG_MSG_PAYLOADS_MAX)
        return rg_fail(RG_ELIMIT, "%zu thumbnails are more than a reply can carry: ask for fewer", found);
    return 0;
}

static int read_query(const rg_answerer_t *self, const rg_msg_t *request, rg_query_t *query)
{
    const Rg__V1__SearchRequest *asked = rg_msg_body(request);
    *query = (rg_query_t){.n = asked->queries, .k = asked->k, .random = asked->random, .seed = asked->seed};
    if (asked->k < 1 || asked->k > self->k_max)
        return rg_fail(RG_ELIMIT, "k is %u: 1 to %u are possible", asked->k, self->k_max);
    int err = rg_set_check(self->set, asked->model);
    if (err) return err;
    rg_payload_t payload;
    if (!asked->random || rg_msg_has(request, "queries")) {
        const uint32_t want[] = {0, rg_set_state(self->set)->model.embed_dim};
        err = rg_msg_payload(request, "queries", RG__V1__DTYPE__F32, 2, want, &payload);
        if (err) return err;
        query->n = payload.shape[0];
        query->queries = payload.data;
    }
    err = check_count(self, "queries", query->n);
    if (!err && rg_msg_has(request, "exclude")) {
        const uint32_t want[] = {(uint32_t)query->n, RG_ID_SIZE};
        err = rg_msg_payload(request, "exclude", RG__V1__DTYPE__U8, 2, want, &payload);
        if (!err) query->exclude = payload.data;
    }
    return err ? err : check_reply_size(self, asked, query->n * query->k);
}

static void copy_thumbnail(rg_msg_t *reply, size_t i, rg_span_t jpeg)
{
    char name[INDEX_TEXT];
    snprintf(name, sizeof name, "%u", (unsigned)i);
    rg_msg_copy(reply, name, RG__V1__DTYPE__U8, 1, (const uint32_t[]){(uint32_t)jpeg.size}, jpeg.data);
}

typedef struct {
    const Rg__V1__SearchRequest *asked;
    rg_store_txn_t *txn;
    rg_msg_t *msg;
    size_t content_bytes; // of one map
    char *contents;       // room in msg, or NULL
    size_t left;          // bytes this reply may still grow
} search_reply_t;

static int fill_bulk(search_reply_t *reply, const rg_image_t *image, size_t i)
{
    rg_span_t bulk;
    int err = 0;
    if (reply->asked->content) {
        err = rg_store_bulk(reply->txn, image, RG_BULK_CONTENT, reply->content_bytes, &bulk);
        if (!err) memcpy(reply->contents + i * reply->content_bytes, bulk.data, bulk.size);
    }
    if (err || !reply->asked->thumbnails) return err;
    err = rg_store_bulk(reply->txn, image, RG_BULK_THUMBNAIL, 0, &bulk);
    if (err) return err;
    if (bulk.size > reply->left)
        return rg_fail(RG_ELIMIT, "the thumbnails are over the size of a reply: ask for fewer");
    reply->left -= bulk.size;
    copy_thumbnail(reply->msg, i, bulk);
    return 0;
}

static int fill_neighbour(search_reply_t *reply, const rg_found_t *found, size_t i)
{
    rg_image_t image;
    int err = rg_store_image(reply->txn, (uint64_t)found->label, &image);
    if (err) return err;
    const Rg__V1__SearchReply *body = rg_msg_body(reply->msg);
    Rg__V1__Neighbour *neighbour = body->neighbours[i];
    rg_msg_bytes(reply->msg, &neighbour->id, image.id, sizeof image.id);
    neighbour->name = rg_msg_text(reply->msg, "%s", image.name);
    neighbour->dist_l2sq = found->dist_l2sq;
    neighbour->generation = image.generation;
    return fill_bulk(reply, &image, i);
}

// Missing neighbours stay as they were made: an empty id, a map of zeros, no thumbnail.
static int fill_reply(rg_answerer_t *self, search_reply_t *reply, const rg_found_t *found, size_t n)
{
    const rg_model_t *model = &rg_set_state(self->set)->model;
    const uint32_t *s = model->content_shape;
    Rg__V1__SearchReply *body = rg_msg_body(reply->msg);
    body->generation = rg_set_state(self->set)->generation;
    body->images = rg_set_count(self->set);
    body->n_neighbours = n;
    body->neighbours = (Rg__V1__Neighbour **)rg_msg_array(reply->msg, &rg__v1__neighbour__descriptor, n);
    if (reply->asked->content) {
        reply->content_bytes = rg_model_content_bytes(model);
        reply->left -= n * reply->content_bytes;
        reply->contents = rg_msg_room(reply->msg, "content", RG__V1__DTYPE__F16, 4,
                                      (const uint32_t[]){(uint32_t)n, s[0], s[1], s[2]});
    }
    int err = rg_store_read(rg_set_store(self->set), &reply->txn);
    for (size_t i = 0; i < n && !err; i++)
        if (found[i].label >= 0) err = fill_neighbour(reply, &found[i], i);
    rg_store_abort(&reply->txn);
    return err;
}

int rg_answer_search(rg_answerer_t *self, const rg_msg_t *request, rg_msg_t **out)
{
    rg_query_t query;
    int err = read_query(self, request, &query);
    if (err) return err;
    rg_found_t *found = rg_alloc(query.n * query.k * sizeof *found);
    search_reply_t reply = {.asked = rg_msg_body(request),
                            .msg = rg_msg_new(RG__V1__ENVELOPE__BODY_SEARCH_REPLY),
                            .left = self->reply_max};
    err = rg_set_search(self->set, reply.asked->model, &query, found);
    if (!err) err = fill_reply(self, &reply, found, query.n * query.k);
    if (!err) self->searches += query.n;
    free(found);
    return finish(err, &reply.msg, out);
}

// ---- remove

int rg_answer_remove(rg_answerer_t *self, const rg_msg_t *request, rg_msg_t **reply)
{
    const Rg__V1__RemoveRequest *asked = rg_msg_body(request);
    int err = check_count(self, "ids", asked->n_ids);
    for (size_t i = 0; i < asked->n_ids && !err; i++) {
        if (asked->ids[i].len != RG_ID_SIZE)
            err = rg_fail(RG_EINVAL, "ids[%zu] has %zu bytes, not %d", i, asked->ids[i].len, RG_ID_SIZE);
    }
    if (err) return err;
    uint8_t *ids = rg_alloc(asked->n_ids * RG_ID_SIZE);
    for (size_t i = 0; i < asked->n_ids; i++) memcpy(ids + i * RG_ID_SIZE, asked->ids[i].data, RG_ID_SIZE);
    size_t removed;
    err = rg_set_remove(self->set, ids, asked->n_ids, &removed);
    free(ids);
    if (err) return err;
    *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_REMOVE_REPLY);
    Rg__V1__RemoveReply *body = rg_msg_body(*reply);
    body->removed = (uint32_t)removed;
    body->generation = rg_set_state(self->set)->generation;
    return 0;
}

// ---- stale

// As many of the n images as fit into a reply, at least one.
static int fill_stale(rg_answerer_t *self, rg_store_txn_t *txn, const rg_image_t *images, size_t n,
                      rg_msg_t *reply)
{
    Rg__V1__StaleReply *body = rg_msg_body(reply);
    body->items = (Rg__V1__Item **)rg_msg_array(reply, &rg__v1__item__descriptor, n);
    size_t left = self->reply_max;
    for (size_t i = 0; i < n; i++) {
        rg_span_t jpeg;
        int err = rg_store_bulk(txn, &images[i], RG_BULK_THUMBNAIL, 0, &jpeg);
        if (err) return err;
        if (i > 0 && jpeg.size > left) break;
        left -= jpeg.size < left ? jpeg.size : left;
        body->items[i]->name = rg_msg_text(reply, "%s", images[i].name);
        rg_msg_bytes(reply, &body->items[i]->id, images[i].id, sizeof images[i].id);
        copy_thumbnail(reply, i, jpeg);
        body->n_items = i + 1;
    }
    return 0;
}

int rg_answer_stale(rg_answerer_t *self, const rg_msg_t *request, rg_msg_t **out)
{
    const Rg__V1__StaleRequest *asked = rg_msg_body(request);
    size_t limit = asked->limit < RG_MSG_PAYLOADS_MAX ? asked->limit : RG_MSG_PAYLOADS_MAX;
    rg_image_t *images = rg_alloc(limit * sizeof *images);
    rg_msg_t *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_STALE_REPLY);
    Rg__V1__StaleReply *body = rg_msg_body(reply);
    rg_store_txn_t *txn = NULL;
    size_t n = 0;
    int err = rg_store_read(rg_set_store(self->set), &txn);
    if (!err) err = rg_set_stale(self->set, txn, images, limit, &n, &body->left);
    if (!err) err = fill_stale(self, txn, images, n, reply);
    rg_store_abort(&txn);
    free(images);
    return finish(err, &reply, out);
}
