#include "services/retrieval/answer.h"

#include <stdio.h>

#include "common/core/err.h"

enum { INDEX_TEXT = 12 }; // "0", "1", ...: payload names

int rg__answer_count(const rg_answerer_t *self, const char *what, size_t n)
{
    if (n >= 1 && n <= self->batch_max) return 0;
    return rg_fail(RG_ELIMIT, "%zu %s: 1 to %u are possible per request", n, what, self->batch_max);
}

int rg__answer_ids(const char *what, const ProtobufCBinaryData *ids, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i].len != RG_ID_SIZE)
            return rg_fail(RG_EINVAL, "%s[%zu] has %zu bytes, not %d", what, i, ids[i].len, RG_ID_SIZE);
    return 0;
}

void rg__answer_thumbnail(rg_msg_t *reply, size_t i, rg_span_t jpeg)
{
    char name[INDEX_TEXT];
    snprintf(name, sizeof name, "%u", (unsigned)i);
    rg_msg_copy(reply, name, RG__V1__DTYPE__U8, 1, (const uint32_t[]){(uint32_t)jpeg.size}, jpeg.data);
}

int rg__answer_finish(int err, rg_msg_t **made, rg_msg_t **reply)
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
    uint64_t missing;
    if (strlen(asked->model) > RG_TEXT_MAX)
        return rg_fail(RG_EINVAL, "the model's name is longer than %d bytes", RG_TEXT_MAX);
    if (asked->n_features_shape != 3)
        return rg_fail(RG_ESHAPE, "features_shape has %zu entries, not h, w, C", asked->n_features_shape);
    strcpy(model.name, asked->model);
    memcpy(model.features_shape, asked->features_shape, sizeof model.features_shape);
    int err = rg_set_use_model(self->set, &model, &missing);
    if (err) return err;
    rg_look_t look;
    err = rg_set_look(self->set, &look);
    if (err) return err;
    *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_MODEL_REPLY);
    Rg__V1__ModelReply *body = rg_msg_body(*reply);
    body->generation = look.view->generation;
    body->images = rg_view_count(look.view);
    body->missing = missing;
    rg_look_end(&look);
    return 0;
}

// ---- add

// None at all is the set's to judge: the next model's adds need none.
static int read_thumbnail(const rg_msg_t *request, size_t i, rg_span_t *thumbnail)
{
    char name[INDEX_TEXT];
    rg_payload_t payload;
    *thumbnail = (rg_span_t){0};
    snprintf(name, sizeof name, "%u", (unsigned)i);
    if (!rg_msg_has(request, name)) return 0;
    int err = rg_msg_payload(request, name, RG__V1__DTYPE__U8, 1, NULL, &payload);
    if (!err) *thumbnail = (rg_span_t){payload.data, payload.size};
    return err;
}

// Points items [n_items of the request] into the request.
static int read_items(const rg_msg_t *request, const rg_model_t *model, rg_set_item_t *items)
{
    const Rg__V1__AddRequest *asked = rg_msg_body(request);
    const uint32_t n = (uint32_t)asked->n_items, *s = model->features_shape;
    rg_payload_t embeddings, features;
    int err = rg_msg_payload(request, "embeddings", RG__V1__DTYPE__F32, 2,
                             (const uint32_t[]){n, model->embed_dim}, &embeddings);
    if (!err)
        err = rg_msg_payload(request, "features", RG__V1__DTYPE__F16, 4,
                             (const uint32_t[]){n, s[0], s[1], s[2]}, &features);
    for (uint32_t i = 0; i < n && !err; i++) {
        const Rg__V1__Item *item = asked->items[i];
        if (item->id.len != RG_ID_SIZE)
            return rg_fail(RG_EINVAL, "items[%u].id has %zu bytes, not %d", i, item->id.len, RG_ID_SIZE);
        items[i] = (rg_set_item_t){
            .id = item->id.data,
            .name = item->name,
            .embedding = (const float *)embeddings.data + (size_t)i * model->embed_dim,
            .features = (const char *)features.data + i * rg_model_features_bytes(model),
            .annotated = item->annotated,
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
    body->generation = rg_set_generation(self->set);
    body->n_outcomes = asked->n_items;
    body->outcomes = (Rg__V1__Outcome **)rg_msg_array(reply, &rg__v1__outcome__descriptor, asked->n_items);
    for (size_t i = 0; i < asked->n_items; i++) {
        Rg__V1__Outcome *outcome = body->outcomes[i];
        outcome->name = rg_msg_text(reply, "%s", asked->items[i]->name);
        outcome->fate = outcomes[i].fate;
        outcome->reason = rg_msg_text(reply, "%s", outcomes[i].reason);
        rg_msg_bytes(reply, &outcome->id, asked->items[i]->id.data, asked->items[i]->id.len);
        atomic_fetch_add(&self->adds, outcomes[i].fate == RG__V1__FATE__ADDED);
    }
    return reply;
}

int rg_answer_add(rg_answerer_t *self, const rg_msg_t *request, rg_msg_t **reply)
{
    const Rg__V1__AddRequest *asked = rg_msg_body(request);
    const rg_model_t *model;
    int err = rg__answer_count(self, "items", asked->n_items);
    if (!err) err = rg_set_find_model(self->set, asked->model, &model);
    if (err) return err;
    rg_set_item_t *items = rg_alloc(asked->n_items * sizeof *items);
    rg_outcome_t *outcomes = rg_alloc(asked->n_items * sizeof *outcomes);
    err = read_items(request, model, items);
    if (!err) err = rg_set_add(self->set, asked->model, items, asked->n_items, outcomes);
    if (!err) *reply = ingest_reply(self, asked, outcomes);
    free(items);
    free(outcomes);
    return err;
}

// ---- remove

int rg_answer_remove(rg_answerer_t *self, const rg_msg_t *request, rg_msg_t **reply)
{
    const Rg__V1__RemoveRequest *asked = rg_msg_body(request);
    int err = rg__answer_count(self, "ids", asked->n_ids);
    if (!err) err = rg__answer_ids("ids", asked->ids, asked->n_ids);
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
    body->generation = rg_set_generation(self->set);
    return 0;
}
