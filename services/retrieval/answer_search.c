#include <stdio.h>
#include <math.h>

#include "common/core/err.h"
#include "services/retrieval/answer.h"
#include "services/retrieval/filter.h"
#include "services/retrieval/search.h"

// ---- the question

// A search request, read: what its rg_search_t borrows.
typedef struct {
    const Rg__V1__SearchRequest *asked;
    rg_search_t search;
    const uint8_t *exclude_ids; // [n,RG_ID_SIZE] or NULL
    ptrdiff_t *exclude;         // owned
    rg_marks_t among;           // owned
} question_t;

static void fini_question(question_t *question)
{
    free(question->exclude);
    rg_marks_fini(&question->among);
}

static int check_finite(const rg_search_t *search, size_t dim)
{
    for (size_t i = 0; i < search->n; i++)
        if (!rg_vector_is_finite(search->queries + i * dim, dim))
            return rg_fail(RG_ENUMERIC, "query %zu is not finite", i);
    return 0;
}

static int read_queries(const rg_answerer_t *self, const rg_msg_t *request, const rg_model_t *model,
                        question_t *question)
{
    rg_search_t *search = &question->search;
    rg_payload_t payload;
    if (!search->random || rg_msg_has(request, "queries")) {
        const uint32_t want[] = {0, model->embed_dim};
        int err = rg_msg_payload(request, "queries", RG__V1__DTYPE__F32, 2, want, &payload);
        if (err) return err;
        search->n = payload.shape[0];
        search->queries = payload.data;
    }
    int err = rg__answer_count(self, "queries", search->n);
    if (!err && rg_msg_has(request, "exclude")) {
        const uint32_t want[] = {(uint32_t)search->n, RG_ID_SIZE};
        err = rg_msg_payload(request, "exclude", RG__V1__DTYPE__U8, 2, want, &payload);
        if (!err) question->exclude_ids = payload.data;
    }
    return !err && !search->random ? check_finite(search, model->embed_dim) : err;
}

static int check_reply_size(const rg_answerer_t *self, const Rg__V1__SearchRequest *asked,
                            const rg_model_t *model, size_t found)
{
    if (asked->features && found > self->reply_max / rg_model_features_bytes(model))
        return rg_fail(RG_ELIMIT, "%zu features are more than the %zu bytes a reply may have: ask for fewer",
                       found, self->reply_max);
    if (asked->thumbnails && found + (asked->features != 0) > RG_MSG_PAYLOADS_MAX)
        return rg_fail(RG_ELIMIT, "%zu thumbnails are more than a reply can carry: ask for fewer", found);
    return 0;
}

// The rows of the ids that the searches must not find.
static int find_excluded(const rg_look_t *look, question_t *question)
{
    const size_t n = question->search.n;
    int err = 0;
    if (!question->exclude_ids) return 0;
    question->exclude = rg_alloc(n * sizeof *question->exclude);
    for (size_t i = 0; i < n && !err; i++) {
        uint64_t label;
        err = rg_store_find(look->txn, question->exclude_ids + i * RG_ID_SIZE, &label);
        question->exclude[i] = err ? -1 : rg_rows_find(&look->view->rows, (int64_t)label);
        if (err == RG_ENOENT) err = 0;
    }
    question->search.exclude = question->exclude;
    return err;
}

static int read_question(const rg_answerer_t *self, const rg_msg_t *request, const rg_look_t *look,
                         question_t *question)
{
    const Rg__V1__SearchRequest *asked = rg_msg_body(request);
    const rg_model_t *model = &look->view->model;
    *question =
        (question_t){.asked = asked,
                     .search = {.n = asked->queries,
                                .k = asked->k,
                                .pool = asked->random ? 0 : asked->pool,
                                .random = asked->random,
                                .seed = asked->seed,
                                .number = asked->number,
                                .effort = {asked->nprobe ? asked->nprobe : self->effort.nprobe,
                                           asked->ef_search ? asked->ef_search : self->effort.ef_search},
                                .threads = self->threads}};
    if (asked->k < 1 || asked->k > self->k_max)
        return rg_fail(RG_ELIMIT, "k is %u: 1 to %u are possible", asked->k, self->k_max);
    if (asked->pool > self->k_max)
        return rg_fail(RG_ELIMIT, "pool is %u: up to %u are possible", asked->pool, self->k_max);
    int err = rg_look_check(look, asked->model);
    if (!err) err = read_queries(self, request, model, question);
    if (!err) err = check_reply_size(self, asked, model, question->search.n * question->search.k);
    if (!err) err = find_excluded(look, question);
    if (!err) err = rg_filter_apply(&question->among, asked->filter, look->view, look->txn);
    if (!err && question->among.words) question->search.among = &question->among;
    return err;
}

// ---- the reply

typedef struct {
    const Rg__V1__SearchRequest *asked;
    const rg_look_t *look;
    rg_msg_t *msg;
    size_t features_bytes; // of one map
    char *features;        // room in msg, or NULL
    size_t left;           // bytes this reply may still grow
} search_reply_t;

static int fill_features(search_reply_t *reply, const rg_image_t *image, size_t i)
{
    rg_span_t map;
    int err = rg_store_made(reply->look->txn, image, reply->look->slot, RG_MADE_FEATURES,
                            reply->features_bytes, &map);
    if (!err) memcpy(reply->features + i * reply->features_bytes, map.data, map.size);
    return err == RG_ENOENT ? rg_fail(RG_EFORMAT, "%s: no features", image->name) : err;
}

static int fill_thumbnail(search_reply_t *reply, const rg_image_t *image, size_t i)
{
    rg_span_t jpeg;
    int err = rg_store_thumbnail(reply->look->txn, image, &jpeg);
    if (err) return err;
    if (jpeg.size > reply->left)
        return rg_fail(RG_ELIMIT, "the thumbnails are over the size of a reply: ask for fewer");
    reply->left -= jpeg.size;
    rg__answer_thumbnail(reply->msg, i, jpeg);
    return 0;
}

static int fill_bulk(search_reply_t *reply, int64_t label, size_t i)
{
    rg_image_t image;
    int err = rg_store_image(reply->look->txn, (uint64_t)label, &image);
    if (!err && reply->asked->features) err = fill_features(reply, &image, i);
    if (!err && reply->asked->thumbnails) err = fill_thumbnail(reply, &image, i);
    return err;
}

static int fill_neighbour(search_reply_t *reply, const rg_hit_t *hit, size_t i)
{
    const rg_row_t row = rg_rows_at(&reply->look->view->rows, (size_t)hit->row);
    const Rg__V1__SearchReply *body = rg_msg_body(reply->msg);
    Rg__V1__Neighbour *neighbour = body->neighbours[i];
    rg_msg_bytes(reply->msg, &neighbour->id, row.id, RG_ID_SIZE);
    neighbour->name = rg_msg_text(reply->msg, "%s", row.name);
    neighbour->dist_l2sq = hit->dist_l2sq;
    neighbour->generation = row.generation;
    neighbour->annotated = row.annotated;
    neighbour->added_ms = row.added_ms;
    return reply->asked->features || reply->asked->thumbnails ? fill_bulk(reply, row.label, i) : 0;
}

// Missing neighbours stay as they were made: an empty id, a map of zeros, no thumbnail.
static int fill_reply(search_reply_t *reply, const rg_hit_t *hits, size_t n)
{
    const rg_view_t *view = reply->look->view;
    const uint32_t *s = view->model.features_shape;
    Rg__V1__SearchReply *body = rg_msg_body(reply->msg);
    int err = 0;
    body->generation = view->generation;
    body->images = rg_view_count(view);
    body->n_neighbours = n;
    body->neighbours = (Rg__V1__Neighbour **)rg_msg_array(reply->msg, &rg__v1__neighbour__descriptor, n);
    if (reply->asked->features) {
        reply->features_bytes = rg_model_features_bytes(&view->model);
        reply->left -= n * reply->features_bytes;
        reply->features = rg_msg_room(reply->msg, "features", RG__V1__DTYPE__F16, 4,
                                      (const uint32_t[]){(uint32_t)n, s[0], s[1], s[2]});
    }
    for (size_t i = 0; i < n && !err; i++)
        if (hits[i].row >= 0) err = fill_neighbour(reply, &hits[i], i);
    return err;
}

static int answer(rg_answerer_t *self, const rg_look_t *look, const question_t *question, rg_msg_t **out)
{
    const rg_search_t *search = &question->search;
    rg_hit_t *hits = rg_alloc(search->n * search->k * sizeof *hits);
    search_reply_t reply = {.asked = question->asked,
                            .look = look,
                            .msg = rg_msg_new(RG__V1__ENVELOPE__BODY_SEARCH_REPLY),
                            .left = self->reply_max};
    int err = rg_search_run(hits, look->view, search);
    if (!err) err = fill_reply(&reply, hits, search->n * search->k);
    if (!err) atomic_fetch_add(&self->searches, search->n);
    free(hits);
    return rg__answer_finish(err, &reply.msg, out);
}

int rg_answer_search(rg_answerer_t *self, const rg_msg_t *request, rg_msg_t **out)
{
    rg_look_t look;
    question_t question = {0};
    int err = rg_set_look(self->set, &look);
    if (err) return err;
    err = read_question(self, request, &look, &question);
    if (!err) err = answer(self, &look, &question, out);
    fini_question(&question);
    rg_look_end(&look);
    return err;
}
