// How replies stay below their limit: payloads are counted as they are added (`left`). A list ends before the
// image that would not fit and says where to go on; a search is refused, and the sentence says what to ask
// less of.
#include "services/retrieval/answers.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/core/err.h"
#include "services/retrieval/verify.h"

enum { PAYLOAD_NAME_SIZE = 12 }; // "0", "1", ...

int rg__answer_check_count(const rg_answers_t *self, const char *what, size_t n)
{
    if (n >= 1 && n <= self->batch_max) return 0;
    return rg_fail(RG_ELIMIT, "%zu %s: 1 to %u are possible per request (retrieval.batch_max)", n, what,
                   self->batch_max);
}

int rg__answer_check_ids(const char *field, const ProtobufCBinaryData *ids, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i].len != RG_ID_SIZE)
            return rg_fail(RG_EINVAL, "%s[%zu] has %zu bytes, not %d", field, i, ids[i].len, RG_ID_SIZE);
    return 0;
}

void rg__answer_thumbnail(rg_msg_t *reply, size_t i, rg_store_value_t jpeg)
{
    char name[PAYLOAD_NAME_SIZE];
    snprintf(name, sizeof name, "%u", (unsigned)i);
    rg_msg_copy(reply, name, RG__V1__DTYPE__U8, 1, (const uint32_t[]){(uint32_t)jpeg.size}, jpeg.data);
}

char *rg__answer_name(rg_msg_t *reply, const char *name)
{
    char shown[RG_TEXT_NAME + 1];
    rg_text_name(name, shown);
    return rg_msg_text(reply, "%s", shown);
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

int rg_answer_model(rg_answers_t *self, const rg_msg_t *request, rg_msg_t **reply)
{
    const Rg__V1__ModelRequest *fields = rg_msg_body(request);
    rg_store_model_t model = {.embed_dim = fields->embed_dim};
    uint64_t missing;
    if (strlen(fields->model) > RG_TEXT_MAX)
        return rg_fail(RG_EINVAL, "the name of the model is longer than %d bytes", RG_TEXT_MAX);
    if (fields->n_features_shape != 3)
        return rg_fail(RG_ESHAPE, "features_shape has %zu entries, not 3: h, w, C", fields->n_features_shape);
    strcpy(model.name, fields->model);
    memcpy(model.features_shape, fields->features_shape, sizeof model.features_shape);
    int err = rg_set_use_model(self->set, &model, &missing);
    if (err) return err;
    rg_read_view_t read;
    err = rg_read_view_begin(&read, self->set);
    if (err) return err;
    *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_MODEL_REPLY);
    Rg__V1__ModelReply *body = rg_msg_body(*reply);
    body->generation = read.view->generation;
    body->images = rg_view_count(read.view);
    body->missing = missing;
    rg_read_view_end(&read);
    return 0;
}

// ---- add

// Leaves the thumbnail empty if there is none. The set decides whether one is needed: the next model needs
// none.
static int read_add_thumbnail(const rg_msg_t *request, size_t i, rg_store_value_t *thumbnail)
{
    char name[PAYLOAD_NAME_SIZE];
    rg_payload_t payload;
    *thumbnail = (rg_store_value_t){0};
    snprintf(name, sizeof name, "%u", (unsigned)i);
    if (!rg_msg_has(request, name)) return 0;
    int err = rg_msg_payload(request, name, RG__V1__DTYPE__U8, 1, NULL, &payload);
    if (!err) *thumbnail = (rg_store_value_t){payload.data, payload.size};
    return err;
}

// Fills items [n_items of the request] without what the payloads hold. They borrow from the request.
static int read_add_fields(const Rg__V1__AddRequest *fields, rg_set_item_t *items)
{
    for (size_t i = 0; i < fields->n_items; i++) {
        const Rg__V1__Item *item = fields->items[i];
        if (item->id.len != RG_ID_SIZE)
            return rg_fail(RG_EINVAL, "items[%zu].id has %zu bytes, not %d", i, item->id.len, RG_ID_SIZE);
        items[i] = (rg_set_item_t){.id = item->id.data,
                                   .name = item->name,
                                   .annotated = item->annotated,
                                   .asked_us = fields->asked_us};
    }
    return 0;
}

// Fills in the rest.
static int read_add_payloads(const rg_msg_t *request, const rg_store_model_t *model, rg_set_item_t *items)
{
    const Rg__V1__AddRequest *fields = rg_msg_body(request);
    const uint32_t n = (uint32_t)fields->n_items, *s = model->features_shape;
    rg_payload_t embeddings, features;
    int err = rg_msg_payload(request, "embeddings", RG__V1__DTYPE__F32, 2,
                             (const uint32_t[]){n, model->embed_dim}, &embeddings);
    if (!err)
        err = rg_msg_payload(request, "features", RG__V1__DTYPE__F16, 4,
                             (const uint32_t[]){n, s[0], s[1], s[2]}, &features);
    for (uint32_t i = 0; i < n && !err; i++) {
        items[i].embedding = (const float *)embeddings.data + (size_t)i * model->embed_dim;
        items[i].features = (const char *)features.data + i * rg_store_features_bytes(model);
        err = read_add_thumbnail(request, i, &items[i].thumbnail);
    }
    return err;
}

static rg_msg_t *ingest_reply(rg_answers_t *self, const Rg__V1__AddRequest *fields,
                              const rg_set_outcome_t *outcomes)
{
    rg_msg_t *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_INGEST_REPLY);
    Rg__V1__IngestReply *body = rg_msg_body(reply);
    body->generation = rg_set_generation(self->set);
    body->n_outcomes = fields->n_items;
    body->outcomes = (Rg__V1__Outcome **)rg_msg_array(reply, &rg__v1__outcome__descriptor, fields->n_items);
    for (size_t i = 0; i < fields->n_items; i++) {
        Rg__V1__Outcome *outcome = body->outcomes[i];
        outcome->name = rg__answer_name(reply, fields->items[i]->name);
        outcome->fate = outcomes[i].fate;
        outcome->reason = rg_msg_text(reply, "%s", outcomes[i].reason);
        rg_msg_bytes(reply, &outcome->id, fields->items[i]->id.data, fields->items[i]->id.len);
        atomic_fetch_add(&self->adds, outcomes[i].fate == RG__V1__FATE__ADDED);
    }
    return reply;
}

int rg_answer_add(rg_answers_t *self, const rg_msg_t *request, rg_msg_t **reply)
{
    const Rg__V1__AddRequest *fields = rg_msg_body(request);
    const rg_store_model_t *model = NULL;
    int err = rg__answer_check_count(self, "items", fields->n_items);
    if (!err && !fields->known) err = rg_set_find_model(self->set, fields->model, &model);
    if (err) return err;
    rg_set_item_t *items = rg_alloc(fields->n_items * sizeof *items);
    rg_set_outcome_t *outcomes = rg_alloc(fields->n_items * sizeof *outcomes);
    err = read_add_fields(fields, items);
    if (!err && model) err = read_add_payloads(request, model, items);
    if (!err) err = rg_set_add(self->set, model ? fields->model : NULL, items, fields->n_items, outcomes);
    if (!err) *reply = ingest_reply(self, fields, outcomes);
    free(items);
    free(outcomes);
    return err;
}

// ---- remove

int rg_answer_remove(rg_answers_t *self, const rg_msg_t *request, rg_msg_t **reply)
{
    const Rg__V1__RemoveRequest *fields = rg_msg_body(request);
    int err = rg__answer_check_count(self, "ids", fields->n_ids);
    if (!err) err = rg__answer_check_ids("ids", fields->ids, fields->n_ids);
    if (err) return err;
    uint8_t *ids = rg_alloc(fields->n_ids * RG_ID_SIZE);
    for (size_t i = 0; i < fields->n_ids; i++) memcpy(ids + i * RG_ID_SIZE, fields->ids[i].data, RG_ID_SIZE);
    rg_set_removal_t removal;
    err = rg_set_remove(self->set, ids, fields->n_ids, fields->asked_us, &removal);
    free(ids);
    if (err) return err;
    *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_REMOVE_REPLY);
    Rg__V1__RemoveReply *body = rg_msg_body(*reply);
    body->removed = (uint32_t)removal.removed;
    body->newer = (uint32_t)removal.newer;
    body->generation = rg_set_generation(self->set);
    return 0;
}

// ---- list

typedef struct {
    const Rg__V1__ListRequest *fields;
    const rg_read_view_t *read;
    rg_msg_t *msg;
    size_t left;              // bytes that this reply may still grow by
    rg_store_image_t *images; // [n]
    uint64_t *at;             // [n] value of `next` for a list that ends before this image
    const void **embeddings;  // [n] borrowed from the transaction, or NULL
    size_t n;
} list_reply_t;

static int check_list_request(const rg_answers_t *self, const Rg__V1__ListRequest *fields)
{
    if (!fields->n_ids) return rg__answer_check_count(self, "images", fields->limit);
    int err = rg__answer_check_count(self, "ids", fields->n_ids);
    return err ? err : rg__answer_check_ids("ids", fields->ids, fields->n_ids);
}

// Finds the next images in the order of their additions, at most `limit`.
static int list_in_order(list_reply_t *reply, size_t limit, uint64_t *next)
{
    const Rg__V1__ListRequest *fields = reply->fields;
    if (fields->limit < limit) limit = fields->limit;
    int err =
        rg_read_view_list(reply->read, fields->from, fields->missing, reply->images, limit, &reply->n, next);
    for (size_t i = 0; i < reply->n; i++) reply->at[i] = reply->images[i].label;
    return err;
}

// Finds those of the first `limit` ids of the request that are stored.
static int list_by_ids(list_reply_t *reply, size_t limit, uint64_t *next)
{
    const Rg__V1__ListRequest *fields = reply->fields;
    if (fields->n_ids < limit) limit = fields->n_ids;
    for (size_t i = 0; i < limit; i++) {
        int err = rg_read_view_image(reply->read, fields->ids[i].data, &reply->images[reply->n]);
        if (err && err != RG_ENOENT && err != RG_EFORMAT) return err;
        if (!err) reply->at[reply->n++] = i;
    }
    *next = limit < fields->n_ids ? limit : 0;
    return 0;
}

static void fill_listed(rg_msg_t *msg, Rg__V1__Listed *listed, const rg_store_image_t *image)
{
    rg_msg_bytes(msg, &listed->id, image->id, sizeof image->id);
    listed->name = rg__answer_name(msg, image->name);
    listed->generation = image->generation;
    listed->added_ms = image->time_ms;
    listed->annotated = image->annotated;
}

// Reads what the request wants of an image. Notes damage. RG_EFORMAT: it is left out.
static int read_listed(const list_reply_t *reply, const rg_store_image_t *image, rg_store_value_t *jpeg,
                       rg_store_value_t *embedding)
{
    const rg_read_view_t *read = reply->read;
    const size_t bytes = rg_store_embedding_bytes(&read->view->model);
    int err = reply->fields->thumbnails ? rg_store_thumbnail(read->txn, image, jpeg) : 0;
    if (!err && reply->fields->embeddings)
        err = rg_store_derived(read->txn, image, read->slot, RG_DERIVED_EMBEDDING, bytes, embedding);
    if (err == RG_EFORMAT) rg_set_note_damaged(read->set, image->label);
    return err == RG_ENOENT ? 0 : err;
}

// Fills in as many of the images as fit into the reply, at least one, without damaged ones. Changes *next if
// they are fewer than found, and reply->n to their number.
static int fill_list(list_reply_t *reply, uint64_t *next)
{
    Rg__V1__ListReply *body = rg_msg_body(reply->msg);
    const size_t row = reply->fields->embeddings ? rg_store_embedding_bytes(&reply->read->view->model) : 0;
    size_t found = reply->n;
    body->images = (Rg__V1__Listed **)rg_msg_array(reply->msg, &rg__v1__listed__descriptor, found);
    reply->n = 0;
    for (size_t i = 0; i < found; i++) {
        const rg_store_image_t *image = &reply->images[i];
        rg_store_value_t jpeg = {0}, embedding = {0};
        int err = read_listed(reply, image, &jpeg, &embedding);
        if (err == RG_EFORMAT) continue;
        if (err) return err;
        size_t bytes = jpeg.size + row;
        if (reply->n > 0 && bytes > reply->left) {
            *next = reply->at[i];
            break;
        }
        reply->left -= bytes < reply->left ? bytes : reply->left;
        fill_listed(reply->msg, body->images[reply->n], image);
        if (jpeg.size) rg__answer_thumbnail(reply->msg, reply->n, jpeg);
        reply->embeddings[reply->n++] = embedding.data;
    }
    body->n_images = reply->n;
    return 0;
}

// Adds the embeddings; zeros for an image that the current model has not embedded.
static void fill_list_embeddings(list_reply_t *reply)
{
    const rg_read_view_t *read = reply->read;
    const size_t bytes = rg_store_embedding_bytes(&read->view->model);
    const uint32_t shape[] = {(uint32_t)reply->n, read->view->model.embed_dim};
    if (!reply->fields->embeddings || reply->n == 0) return;
    char *rows = rg_msg_reserve(reply->msg, "embeddings", RG__V1__DTYPE__F32, 2, shape);
    for (size_t i = 0; i < reply->n; i++)
        if (reply->embeddings[i]) memcpy(rows + i * bytes, reply->embeddings[i], bytes);
}

int rg_answer_list(rg_answers_t *self, const rg_msg_t *request, rg_msg_t **out)
{
    enum { LIMIT = RG_MSG_PAYLOADS_MAX - 1 }; // one payload per thumbnail, and one for the embeddings
    const Rg__V1__ListRequest *fields = rg_msg_body(request);
    rg_read_view_t read;
    int err = check_list_request(self, fields);
    if (!err) err = rg_read_view_begin(&read, self->set);
    if (err) return err;
    list_reply_t reply = {.fields = fields,
                          .read = &read,
                          .msg = rg_msg_new(RG__V1__ENVELOPE__BODY_LIST_REPLY),
                          .left = self->reply_max,
                          .images = rg_alloc(LIMIT * sizeof *reply.images),
                          .at = rg_alloc(LIMIT * sizeof *reply.at),
                          .embeddings = rg_alloc(LIMIT * sizeof *reply.embeddings)};
    Rg__V1__ListReply *body = rg_msg_body(reply.msg);
    body->model = rg_msg_text(reply.msg, "%s", read.view->model.name);
    err = fields->n_ids ? list_by_ids(&reply, LIMIT, &body->next) : list_in_order(&reply, LIMIT, &body->next);
    if (!err) err = rg_read_view_missing(&read, &body->missing);
    if (!err) err = fill_list(&reply, &body->next);
    if (!err) fill_list_embeddings(&reply);
    body->damaged = rg_set_damaged(self->set);
    free(reply.embeddings);
    free(reply.at);
    free(reply.images);
    rg_read_view_end(&read);
    return rg__answer_finish(err, &reply.msg, out);
}

// ---- index actions

enum { FIELDS_MAX = 12 + RG_VERIFY_PROBLEMS_MAX };

static rg_msg_t *index_reply_new(void)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_INDEX_REPLY);
    Rg__V1__IndexReply *body = rg_msg_body(msg);
    body->report = (Rg__V1__Field **)rg_msg_array(msg, &rg__v1__field__descriptor, FIELDS_MAX);
    return msg;
}

__attribute__((format(printf, 3, 4))) static void add_field(rg_msg_t *msg, const char *key, const char *fmt,
                                                            ...)
{
    Rg__V1__IndexReply *body = rg_msg_body(msg);
    char value[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(value, sizeof value, fmt, args);
    va_end(args);
    body->report[body->n_report]->key = rg_msg_text(msg, "%s", key);
    body->report[body->n_report++]->value = rg_msg_text(msg, "%s", value);
}

static void report_view(rg_msg_t *msg, rg_set_t *set, const rg_view_t *view)
{
    ((Rg__V1__IndexReply *)rg_msg_body(msg))->generation = view->generation;
    add_field(msg, "images", "%zu", rg_view_count(view));
    add_field(msg, "indexed", "%zu", rg_view_indexed(view));
    add_field(msg, "dead", "%zu", view->dead);
    add_field(msg, "store_bytes", "%llu", (unsigned long long)rg_store_bytes(rg_set_store(set)));
}

int rg_answer_index(rg_answers_t *self, rg_msg_t **reply)
{
    rg_read_view_t read;
    int err = rg_read_view_begin(&read, self->set);
    if (err) return err;
    *reply = index_reply_new();
    report_view(*reply, self->set, read.view);
    rg_read_view_end(&read);
    return 0;
}

// A snapshot that is damaged counts as a problem; one of another model or kind of index is only out of date.
static void report_snapshot(rg_msg_t *msg, const rg_set_t *set, const rg_view_t *view,
                            rg_verify_report_t *report)
{
    size_t rows;
    int err = rg_set_check_snapshot(set, view, &rows);
    if (err && err != RG_ENOENT && err != RG_EMODEL) rg_verify_add_problem(report, "%s", rg_error());
    if (err)
        add_field(msg, "snapshot", "%s", err == RG_ENOENT ? "none" : rg_error());
    else
        add_field(msg, "snapshot", "%zu images", rows);
}

static void report_verification(rg_msg_t *msg, const rg_verify_report_t *report)
{
    add_field(msg, "stored", "%llu", (unsigned long long)report->images);
    add_field(msg, "bytes_read", "%llu", (unsigned long long)report->bytes);
    add_field(msg, "recall_at_10", "%.4f", report->recall);
    add_field(msg, "problems", "%llu", (unsigned long long)report->problems);
    for (uint64_t i = 0; i < report->problems && i < RG_VERIFY_PROBLEMS_MAX; i++)
        add_field(msg, "problem", "%s", report->problem[i]);
}

int rg_answer_verify(rg_answers_t *self, rg_work_t *work, rg_msg_t **reply)
{
    rg_read_view_t read;
    rg_verify_report_t *report = rg_alloc(sizeof *report);
    int err = rg_read_view_begin(&read, self->set);
    if (!err) {
        err = rg_verify(report, &read, work);
        if (!err) {
            *reply = index_reply_new();
            report_view(*reply, self->set, read.view);
            report_snapshot(*reply, self->set, read.view, report);
            report_verification(*reply, report);
        }
        rg_read_view_end(&read);
    }
    free(report);
    return err;
}

// ---- announcements

uint64_t rg_announcements_add(rg_announcements_t *announcements, const Rg__V1__ModelRequest *request)
{
    const int is_current = strcmp(announcements->current.model, request->model) == 0;
    rg_announcement_t *added = is_current ? &announcements->current : &announcements->next;
    const uint64_t now = rg_clock_wall_ms(), last = announcements->last_serial;
    *added = (rg_announcement_t){.serial = now > last ? now : last + 1};
    announcements->last_serial = added->serial;
    snprintf(added->model, sizeof added->model, "%s", request->model);
    // A path that is too long is not kept: cut off, it would name another file.
    if (strlen(request->checkpoint) < sizeof added->checkpoint)
        strcpy(added->checkpoint, request->checkpoint);
    return added->serial;
}

rg_msg_t *rg_announcements_reply(rg_announcements_t *announcements, const char *current)
{
    rg_announcement_t *served = &announcements->current, *next = &announcements->next;
    if (strcmp(next->model, current) == 0) { // the set has switched
        *served = *next;
        *next = (rg_announcement_t){0};
    }
    rg_msg_t *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_SERVED_REPLY);
    Rg__V1__ServedReply *body = rg_msg_body(reply);
    body->model = rg_msg_text(reply, "%s", current);
    if (strcmp(served->model, current) != 0 || !*served->checkpoint) return reply;
    body->checkpoint = rg_msg_text(reply, "%s", served->checkpoint);
    body->serial = served->serial;
    return reply;
}

int rg_answer_served(rg_answers_t *self, const rg_msg_t *request, rg_msg_t **reply)
{
    rg_read_view_t read;
    (void)request;
    int err = rg_read_view_begin(&read, self->set);
    if (err) return err;
    *reply = rg_announcements_reply(&self->announcements, read.view->model.name);
    rg_read_view_end(&read);
    return 0;
}
