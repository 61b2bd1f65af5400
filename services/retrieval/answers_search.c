// A search request: reads and checks it, runs the search in a read view, fills the reply.
#include "common/core/err.h"
#include "services/retrieval/answers.h"
#include "services/retrieval/search.h"

enum {
    EFFORT_MAX = 1 << 17, // ef_search times queries: half a second on two cores
    DAMAGED_MAX = 100     // rows that one search leaves out
};

// ---- the request

// A search as the request asks for it, with what its rg_search_t borrows.
typedef struct {
    const Rg__V1__SearchRequest *fields;
    rg_search_t search;
    const uint8_t *exclude_ids; // [n,RG_ID_SIZE] or NULL
    ptrdiff_t *exclude;         // owned
    rg_bitset_t allowed;        // owned
} search_input_t;

static void search_input_fini(search_input_t *input)
{
    free(input->exclude);
    rg_bitset_fini(&input->allowed);
}

static int check_queries_finite(const rg_search_t *search, size_t dim)
{
    for (size_t i = 0; i < search->n; i++)
        if (!rg_vector_is_finite(search->queries + i * dim, dim))
            return rg_fail(RG_ENUMERIC,
                           "query %zu is not finite: it holds infinity, NaN or numbers that are too large",
                           i);
    return 0;
}

static int read_queries(const rg_answers_t *self, const rg_msg_t *request, const rg_store_model_t *model,
                        search_input_t *input)
{
    rg_search_t *search = &input->search;
    rg_payload_t payload;
    if (!search->random || rg_msg_has(request, "queries")) {
        const uint32_t want[] = {0, model->embed_dim};
        int err = rg_msg_payload(request, "queries", RG__V1__DTYPE__F32, 2, want, &payload);
        if (err) return err;
        search->n = payload.shape[0];
        search->queries = payload.data;
    }
    int err = rg__answer_check_count(self, "queries", search->n);
    if (!err && rg_msg_has(request, "exclude")) {
        const uint32_t want[] = {(uint32_t)search->n, RG_ID_SIZE};
        err = rg_msg_payload(request, "exclude", RG__V1__DTYPE__U8, 2, want, &payload);
        if (!err) input->exclude_ids = payload.data;
    }
    return !err && !search->random ? check_queries_finite(search, model->embed_dim) : err;
}

// An HNSW search takes time in proportion to both.
static int check_effort(const Rg__V1__SearchRequest *fields, size_t n)
{
    if ((uint64_t)fields->ef_search * n <= EFFORT_MAX) return 0;
    return rg_fail(RG_ELIMIT, "ef_search is %u for %zu queries: at most %u is possible for as many",
                   fields->ef_search, n, (unsigned)(EFFORT_MAX / n));
}

static int check_reply_size(const rg_answers_t *self, const Rg__V1__SearchRequest *fields,
                            const rg_store_model_t *model, size_t found)
{
    if (fields->features && found > self->reply_max / rg_store_features_bytes(model))
        return rg_fail(
            RG_ELIMIT,
            "%zu features are more than the %zu bytes of a reply: ask for fewer (limits.message_max_mib)",
            found, self->reply_max);
    if (fields->thumbnails && found + (fields->features != 0) > RG_MSG_PAYLOADS_MAX)
        return rg_fail(RG_ELIMIT, "%zu thumbnails are more than a reply can hold: ask for fewer", found);
    return 0;
}

// Finds the rows of the ids that the queries must not find.
static int find_excluded(const rg_read_view_t *read, search_input_t *input)
{
    const size_t n = input->search.n;
    int err = 0;
    if (!input->exclude_ids) return 0;
    input->exclude = rg_alloc(n * sizeof *input->exclude);
    for (size_t i = 0; i < n && !err; i++) {
        const uint8_t *id = input->exclude_ids + i * RG_ID_SIZE;
        err = rg_search_find_row(&input->exclude[i], id, read->view, read->txn);
    }
    input->search.exclude = input->exclude;
    return err;
}

static int read_input(const rg_answers_t *self, const rg_msg_t *request, const rg_read_view_t *read,
                      search_input_t *input)
{
    const Rg__V1__SearchRequest *fields = rg_msg_body(request);
    const rg_store_model_t *model = &read->view->model;
    *input = (search_input_t){
        .fields = fields,
        .search = {.n = fields->queries,
                   .k = fields->k,
                   .pool = fields->random ? 0 : fields->pool,
                   .random = fields->random,
                   .seed = fields->seed,
                   .number = fields->number,
                   .effort = {fields->nprobe ? fields->nprobe : self->effort.nprobe,
                              fields->ef_search ? fields->ef_search : self->effort.ef_search},
                   .threads = self->threads}};
    if (fields->k < 1 || fields->k > self->k_max)
        return rg_fail(RG_ELIMIT, "k is %u: 1 to %u are possible (retrieval.k_max)", fields->k, self->k_max);
    if (fields->pool > self->k_max)
        return rg_fail(RG_ELIMIT, "pool is %u: at most %u is possible (retrieval.k_max)", fields->pool,
                       self->k_max);
    int err = rg_read_view_check_model(read, fields->model);
    if (!err) err = read_queries(self, request, model, input);
    if (!err) err = check_effort(fields, input->search.n);
    if (!err) err = check_reply_size(self, fields, model, input->search.n * input->search.k);
    if (!err) err = find_excluded(read, input);
    if (!err) err = rg_search_filter(&input->allowed, fields->filter, read->view, read->txn);
    if (!err && input->allowed.words) input->search.allowed = &input->allowed;
    return err;
}

// ---- the reply

typedef struct {
    const Rg__V1__SearchRequest *fields;
    const rg_read_view_t *read;
    rg_msg_t *msg;
    size_t features_bytes; // of one image
    char *features;        // payload of msg, or NULL
    size_t left;           // bytes that this reply may still grow by
    ptrdiff_t damaged;     // row of an image that cannot be read, or -1
} search_reply_t;

static int fill_neighbour_features(search_reply_t *reply, const rg_store_image_t *image, size_t i)
{
    rg_store_value_t features;
    int err = rg_store_derived(reply->read->txn, image, reply->read->slot, RG_DERIVED_FEATURES,
                               reply->features_bytes, &features);
    if (!err) memcpy(reply->features + i * reply->features_bytes, features.data, features.size);
    return err == RG_ENOENT
               ? rg_fail(RG_EFORMAT, "%s: its features are missing: run rg-ctl index verify", image->name)
               : err;
}

static int fill_neighbour_thumbnail(search_reply_t *reply, const rg_store_image_t *image, size_t i)
{
    rg_store_value_t jpeg;
    int err = rg_store_thumbnail(reply->read->txn, image, &jpeg);
    if (err) return err;
    if (jpeg.size > reply->left)
        return rg_fail(
            RG_ELIMIT,
            "the thumbnails are larger than a reply may be: ask for fewer (limits.message_max_mib)");
    reply->left -= jpeg.size;
    rg__answer_thumbnail(reply->msg, i, jpeg);
    return 0;
}

// Fills in what the store holds of a neighbour.
static int fill_stored(search_reply_t *reply, int64_t label, Rg__V1__Neighbour *neighbour, size_t i)
{
    rg_store_image_t image;
    int err = rg_store_image(reply->read->txn, (uint64_t)label, &image);
    if (!err && reply->fields->features) err = fill_neighbour_features(reply, &image, i);
    if (!err && reply->fields->thumbnails) err = fill_neighbour_thumbnail(reply, &image, i);
    if (err) return err;
    rg_msg_bytes(reply->msg, &neighbour->id, image.id, RG_ID_SIZE);
    neighbour->name = rg__answer_name(reply->msg, image.name);
    neighbour->generation = image.generation;
    neighbour->annotated = image.annotated;
    neighbour->added_ms = image.time_ms;
    return 0;
}

static int fill_neighbour(search_reply_t *reply, const rg_hit_t *hit, size_t i)
{
    const int64_t label = rg_rows_at(&reply->read->view->rows, (size_t)hit->row).label;
    const Rg__V1__SearchReply *body = rg_msg_body(reply->msg);
    body->neighbours[i]->dist_l2sq = hit->dist_l2sq;
    int err = fill_stored(reply, label, body->neighbours[i], i);
    if (err == RG_ENOENT || err == RG_EFORMAT) rg_set_note_damaged(reply->read->set, (uint64_t)label);
    return err == RG_ENOENT ? RG_EFORMAT : err;
}

// Missing neighbours keep what a new reply has: an empty id, features of zeros, no thumbnail.
static int fill_search_reply(search_reply_t *reply, const rg_hit_t *hits, size_t n)
{
    const rg_view_t *view = reply->read->view;
    const uint32_t *s = view->model.features_shape;
    Rg__V1__SearchReply *body = rg_msg_body(reply->msg);
    int err = 0;
    body->generation = view->generation;
    body->images = rg_view_count(view);
    body->n_neighbours = n;
    body->neighbours = (Rg__V1__Neighbour **)rg_msg_array(reply->msg, &rg__v1__neighbour__descriptor, n);
    if (reply->fields->features) {
        reply->features_bytes = rg_store_features_bytes(&view->model);
        reply->left -= n * reply->features_bytes;
        reply->features = rg_msg_reserve(reply->msg, "features", RG__V1__DTYPE__F16, 4,
                                         (const uint32_t[]){(uint32_t)n, s[0], s[1], s[2]});
    }
    for (size_t i = 0; i < n && !err; i++)
        if (hits[i].row >= 0 && (err = fill_neighbour(reply, &hits[i], i)) == RG_EFORMAT)
            reply->damaged = hits[i].row;
    return err;
}

// Makes a reply without the rows that are not allowed. *damaged: a row that has to be left out, or -1.
static int run_search(rg_answers_t *self, const rg_read_view_t *read, const search_input_t *input,
                      ptrdiff_t *damaged, rg_msg_t **out)
{
    const rg_search_t *search = &input->search;
    rg_hit_t *hits = rg_alloc(search->n * search->k * sizeof *hits);
    search_reply_t reply = {.fields = input->fields,
                            .read = read,
                            .msg = rg_msg_new(RG__V1__ENVELOPE__BODY_SEARCH_REPLY),
                            .left = self->reply_max,
                            .damaged = -1};
    int err = rg_search_run(hits, read->view, search);
    if (!err) err = fill_search_reply(&reply, hits, search->n * search->k);
    if (!err) atomic_fetch_add(&self->searches, search->n);
    free(hits);
    *damaged = reply.damaged;
    return rg__answer_finish(err, &reply.msg, out);
}

static void leave_out_row(search_input_t *input, const rg_view_t *view, size_t row)
{
    if (!input->allowed.words) rg_search_allow_alive(&input->allowed, view);
    rg_bitset_clear(&input->allowed, row);
    input->search.allowed = &input->allowed;
}

// A damaged image is left out, and others take its place. The published view soon is without it.
static int search_undamaged(rg_answers_t *self, const rg_read_view_t *read, search_input_t *input,
                            rg_msg_t **out)
{
    ptrdiff_t damaged;
    int err = run_search(self, read, input, &damaged, out);
    for (int i = 0; err && damaged >= 0 && i < DAMAGED_MAX; i++) {
        leave_out_row(input, read->view, (size_t)damaged);
        err = run_search(self, read, input, &damaged, out);
    }
    return err;
}

int rg_answer_search(rg_answers_t *self, const rg_msg_t *request, rg_msg_t **out)
{
    rg_read_view_t read;
    search_input_t input = {0};
    int err = rg_read_view_begin(&read, self->set);
    if (err) return err;
    err = read_input(self, request, &read, &input);
    if (!err) err = search_undamaged(self, &read, &input, out);
    search_input_fini(&input);
    rg_read_view_end(&read);
    return err;
}
