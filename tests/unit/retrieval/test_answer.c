#include "tests/unit/retrieval/sets.h"

#include <math.h>

#include "services/retrieval/answers.h"

static const atomic_int GO = 0, STOP = 1;

enum { K_MAX = 10, BATCH_MAX = 40, REPLY_MAX = 64 << 10 };

typedef struct {
    void *folder;
    rg_answers_t answers;
} fixture_t;

static int open_answers(void **state)
{
    fixture_t *f = rg_alloc(sizeof *f);
    if (folder_make(&f->folder) != 0) return -1;
    const rg_set_options_t options = {.path = f->folder, .index = "Flat", .map_bytes = MAP_BYTES};
    f->answers = (rg_answers_t){.k_max = K_MAX, .batch_max = BATCH_MAX, .reply_max = REPLY_MAX};
    *state = f;
    return rg_set_open(&f->answers.set, &options);
}

static int close_answers(void **state)
{
    fixture_t *f = *state;
    rg_set_close(&f->answers.set);
    int rc = folder_remove(&f->folder);
    free(f);
    return rc;
}

typedef int answer_fn(rg_answers_t *, const rg_msg_t *, rg_msg_t **);

// Answers and destroys the request; *reply is NULL on an error.
static int ask(fixture_t *f, answer_fn *answer, rg_msg_t *request, rg_msg_t **reply)
{
    *reply = NULL;
    int err = answer(&f->answers, request, reply);
    rg_msg_destroy(&request);
    return err;
}

static rg_msg_t *model_request(const char *model, uint32_t dims)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_MODEL_REQUEST);
    Rg__V1__ModelRequest *body = rg_msg_body(msg);
    body->model = rg_msg_text(msg, "%s", model);
    body->embed_dim = D;
    body->n_features_shape = dims;
    body->features_shape = rg_msg_alloc(msg, 8 * sizeof(uint32_t));
    memcpy(body->features_shape, (const uint32_t[]){H, W, C, 1}, 4 * sizeof(uint32_t));
    return msg;
}

static void announce(fixture_t *f, const char *model)
{
    rg_msg_t *reply;
    assert_ok(ask(f, rg_answer_model, model_request(model, 3), &reply));
    rg_msg_destroy(&reply);
}

// Pictures first..first+n-1, with only `thumbnails` of the thumbnail payloads; every second is annotated.
static rg_msg_t *add_request_of(const char *model, unsigned first, uint32_t n, uint32_t thumbnails)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_ADD_REQUEST);
    Rg__V1__AddRequest *body = rg_msg_body(msg);
    body->model = rg_msg_text(msg, "%s", model);
    body->n_items = n;
    body->items = (Rg__V1__Item **)rg_msg_array(msg, &rg__v1__item__descriptor, n);
    float *embeddings = rg_msg_room(msg, "embeddings", RG__V1__DTYPE__F32, 2, (const uint32_t[]){n, D});
    uint16_t *features = rg_msg_room(msg, "features", RG__V1__DTYPE__F16, 4, (const uint32_t[]){n, H, W, C});
    for (uint32_t i = 0; i < n; i++) {
        picture_t p;
        char name[16];
        picture(&p, first + i);
        body->items[i]->name = rg_msg_text(msg, "%s", p.name);
        body->items[i]->annotated = (first + i) % 2;
        rg_msg_bytes(msg, &body->items[i]->id, p.id, sizeof p.id);
        memcpy(embeddings + i * D, p.embedding, sizeof p.embedding);
        memcpy(features + i * FEATURES, p.features, sizeof p.features);
        if (i >= thumbnails) continue;
        snprintf(name, sizeof name, "%u", (unsigned)i);
        rg_msg_copy(msg, name, RG__V1__DTYPE__U8, 1, (const uint32_t[]){sizeof p.thumbnail}, p.thumbnail);
    }
    return msg;
}

static rg_msg_t *add_request(unsigned first, uint32_t n, uint32_t thumbnails)
{
    return add_request_of("m", first, n, thumbnails);
}

static void add_some(fixture_t *f, unsigned first, uint32_t n)
{
    rg_msg_t *reply;
    assert_ok(ask(f, rg_answer_add, add_request(first, n, n), &reply));
    rg_msg_destroy(&reply);
}

// n queries, of pictures 0..n-1, for k neighbours.
static rg_msg_t *search_request(uint32_t n, uint32_t k)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_SEARCH_REQUEST);
    Rg__V1__SearchRequest *body = rg_msg_body(msg);
    body->model = rg_msg_text(msg, "m");
    body->k = k;
    float *queries = rg_msg_room(msg, "queries", RG__V1__DTYPE__F32, 2, (const uint32_t[]){n, D});
    for (uint32_t i = 0; i < n; i++) {
        picture_t p;
        picture(&p, i);
        memcpy(queries + i * D, p.embedding, sizeof p.embedding);
    }
    return msg;
}

static void a_model_is_made_current(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply;
    announce(f, "old");
    assert_ok(ask(f, rg_answer_model, model_request("m", 3), &reply)); // nothing is stored: at once
    const Rg__V1__ModelReply *body = rg_msg_body(reply);
    assert_int_equal(body->generation, 2);
    assert_int_equal(body->images, 0);
    assert_int_equal(body->missing, 0);
    rg_msg_destroy(&reply);
    assert_fails(ask(f, rg_answer_model, model_request("n", 2), &reply), RG_ESHAPE);
    assert_fails(ask(f, rg_answer_model, model_request("n", 4), &reply), RG_ESHAPE);
    assert_says("features_shape has 4 entries");
    char name[RG_TEXT_MAX + 2] = {0};
    memset(name, 'n', RG_TEXT_MAX + 1);
    assert_fails(ask(f, rg_answer_model, model_request(name, 3), &reply), RG_EINVAL);
    assert_fails(ask(f, rg_answer_model, model_request("", 3), &reply), RG_EINVAL);
    assert_null(reply);
    const rg_store_model_t *model;
    assert_ok(rg_set_find_model(f->answers.set, "m", &model));
    assert_int_equal(rg_set_generation(f->answers.set), 2);
}

static void the_next_model_says_what_is_missing(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply;
    announce(f, "m");
    add_some(f, 0, 3);
    assert_ok(ask(f, rg_answer_model, model_request("new", 3), &reply));
    const Rg__V1__ModelReply *announcements = rg_msg_body(reply);
    assert_int_equal(announcements->generation, 2);
    assert_int_equal(announcements->images, 3);
    assert_int_equal(announcements->missing, 3);
    rg_msg_destroy(&reply);
    rg_msg_t *request = search_request(1, 1);
    ((Rg__V1__SearchRequest *)rg_msg_body(request))->model = rg_msg_text(request, "new");
    assert_fails(ask(f, rg_answer_search, request, &reply), RG_EMODEL);
    assert_says("model new has 3 images still to embed; until then model m is current");
    assert_ok(ask(f, rg_answer_add, add_request_of("new", 1, 3, 0), &reply)); // thumbnails need not come
    const Rg__V1__IngestReply *body = rg_msg_body(reply);
    assert_int_equal(body->outcomes[0]->fate, RG__V1__FATE__ADDED);
    assert_int_equal(body->outcomes[2]->fate, RG__V1__FATE__REFUSED);
    assert_non_null(strstr(body->outcomes[2]->reason, "not stored"));
    rg_msg_destroy(&reply);
    assert_ok(ask(f, rg_answer_add, add_request_of("new", 0, 1, 0), &reply)); // the last one
    assert_int_equal(((const Rg__V1__IngestReply *)rg_msg_body(reply))->generation, 3);
    rg_msg_destroy(&reply);
    assert_fails(ask(f, rg_answer_search, search_request(1, 1), &reply), RG_EMODEL);
    assert_says("model m is not the current model, which is new");
}

static void adds_report_each_image(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply;
    announce(f, "m");
    add_some(f, 2, 1);
    assert_ok(ask(f, rg_answer_add, add_request(1, 3, 3), &reply));
    assert_int_equal(rg_msg_kind(reply), RG__V1__ENVELOPE__BODY_INGEST_REPLY);
    const Rg__V1__IngestReply *body = rg_msg_body(reply);
    assert_int_equal(body->generation, 3);
    assert_int_equal(body->n_outcomes, 3);
    assert_int_equal(body->outcomes[0]->fate, RG__V1__FATE__ADDED);
    assert_int_equal(body->outcomes[1]->fate, RG__V1__FATE__DUPLICATE);
    assert_string_equal(body->outcomes[2]->name, "000003.jpg");
    picture_t p;
    picture(&p, 3);
    assert_int_equal(body->outcomes[2]->id.len, RG_ID_SIZE);
    assert_memory_equal(body->outcomes[2]->id.data, p.id, RG_ID_SIZE);
    assert_int_equal(f->answers.adds, 3);
    rg_msg_destroy(&reply);
}

static void bad_adds_are_refused_whole(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply, *request;
    assert_fails(ask(f, rg_answer_add, add_request(0, 1, 1), &reply), RG_EMODEL);
    announce(f, "m");
    request = add_request(0, 1, 0); // a thumbnail of another kind
    rg_msg_copy(request, "0", RG__V1__DTYPE__F32, 1, (const uint32_t[]){1}, &(float){1});
    assert_fails(ask(f, rg_answer_add, request, &reply), RG_ESHAPE);
    request = add_request(0, 2, 2);
    ((Rg__V1__AddRequest *)rg_msg_body(request))->items[1]->id.len = 15;
    assert_fails(ask(f, rg_answer_add, request, &reply), RG_EINVAL);
    assert_says("items[1].id has 15 bytes");
    request = add_request(0, 3, 3); // more images than rows
    ((Rg__V1__AddRequest *)rg_msg_body(request))->n_items = 2;
    assert_fails(ask(f, rg_answer_add, request, &reply), RG_ESHAPE);
    request = add_request(0, 1, 1);
    ((Rg__V1__AddRequest *)rg_msg_body(request))->n_items = 0;
    assert_fails(ask(f, rg_answer_add, request, &reply), RG_ELIMIT);
    assert_fails(ask(f, rg_answer_add, add_request(0, BATCH_MAX + 1, 1), &reply), RG_ELIMIT);
    assert_says("41 items: 1 to 40");
    assert_null(reply);
    assert_int_equal(count_of(f->answers.set), 0);
}

static void an_image_without_thumbnail_is_refused_alone(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply;
    announce(f, "m");
    assert_ok(ask(f, rg_answer_add, add_request(0, 3, 2), &reply));
    const Rg__V1__IngestReply *body = rg_msg_body(reply);
    assert_int_equal(body->outcomes[1]->fate, RG__V1__FATE__ADDED);
    assert_int_equal(body->outcomes[2]->fate, RG__V1__FATE__REFUSED);
    assert_string_equal(body->outcomes[2]->reason, "its thumbnail is empty");
    rg_msg_destroy(&reply);
    assert_int_equal(count_of(f->answers.set), 2);
}

static void a_search_brings_maps_and_thumbnails(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply, *request = search_request(2, 3);
    Rg__V1__SearchRequest *asked = rg_msg_body(request);
    asked->features = asked->thumbnails = 1;
    picture_t p;
    uint8_t *exclude =
        rg_msg_room(request, "exclude", RG__V1__DTYPE__U8, 2, (const uint32_t[]){2, RG_ID_SIZE});
    picture(&p, 1);
    memcpy(exclude + RG_ID_SIZE, p.id, RG_ID_SIZE); // query 1 leaves itself out
    announce(f, "m");
    add_some(f, 0, 3);
    assert_ok(ask(f, rg_answer_search, request, &reply));
    const Rg__V1__SearchReply *body = rg_msg_body(reply);
    assert_int_equal(body->generation, 2);
    assert_int_equal(body->images, 3);
    assert_int_equal(body->n_neighbours, 6);
    assert_string_equal(body->neighbours[0]->name, "000000.jpg");
    assert_int_equal(body->neighbours[0]->generation, 2);
    assert_true(body->neighbours[1]->dist_l2sq == 7);
    assert_false(body->neighbours[0]->annotated);
    assert_true(body->neighbours[1]->annotated);
    assert_true(body->neighbours[1]->added_ms > 0);
    assert_int_equal(body->neighbours[4]->id.len, RG_ID_SIZE);
    assert_int_equal(body->neighbours[5]->id.len, 0); // two are left of three
    rg_payload_t features, thumbnail;
    assert_ok(
        rg_msg_payload(reply, "features", RG__V1__DTYPE__F16, 4, (const uint32_t[]){6, H, W, C}, &features));
    const uint16_t zeros[FEATURES] = {0};
    picture(&p, 2);
    assert_memory_equal((const uint16_t *)features.data + 2 * FEATURES, p.features, sizeof p.features);
    assert_memory_equal((const uint16_t *)features.data + 5 * FEATURES, zeros, sizeof zeros);
    assert_ok(rg_msg_payload(reply, "2", RG__V1__DTYPE__U8, 1, NULL, &thumbnail));
    assert_memory_equal(thumbnail.data, p.thumbnail, sizeof p.thumbnail);
    assert_false(rg_msg_has(reply, "5"));
    assert_int_equal(f->answers.searches, 2);
    rg_msg_destroy(&reply);
}

static void a_random_search_needs_no_queries(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply, *request = rg_msg_new(RG__V1__ENVELOPE__BODY_SEARCH_REQUEST);
    Rg__V1__SearchRequest *asked = rg_msg_body(request);
    asked->model = rg_msg_text(request, "m");
    asked->k = 2;
    asked->random = 1;
    asked->queries = 4;
    announce(f, "m");
    add_some(f, 0, 3);
    assert_ok(ask(f, rg_answer_search, request, &reply));
    const Rg__V1__SearchReply *body = rg_msg_body(reply);
    assert_int_equal(body->n_neighbours, 8);
    for (size_t i = 0; i < 8; i++) assert_int_equal(body->neighbours[i]->id.len, RG_ID_SIZE);
    assert_false(rg_msg_has(reply, "features"));
    rg_msg_destroy(&reply);
}

static void a_filtered_search_finds_what_is_wanted(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply, *request = search_request(2, 3);
    Rg__V1__SearchRequest *asked = rg_msg_body(request);
    asked->filter = (Rg__V1__Filter *)*rg_msg_array(request, &rg__v1__filter__descriptor, 1);
    asked->filter->annotation = RG__V1__ANNOTATION__ANNOTATED;
    announce(f, "m");
    add_some(f, 0, 4);
    assert_ok(ask(f, rg_answer_search, request, &reply));
    const Rg__V1__SearchReply *body = rg_msg_body(reply);
    assert_int_equal(body->images, 4);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(body->neighbours[3 * i]->name, "000001.jpg");
        assert_string_equal(body->neighbours[3 * i + 1]->name, "000003.jpg");
        assert_int_equal(body->neighbours[3 * i + 2]->id.len, 0);
    }
    rg_msg_destroy(&reply);
}

static void bad_searches_are_refused(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply, *request;
    announce(f, "m");
    add_some(f, 0, 2);
    assert_fails(ask(f, rg_answer_search, search_request(1, 0), &reply), RG_ELIMIT);
    assert_fails(ask(f, rg_answer_search, search_request(1, K_MAX + 1), &reply), RG_ELIMIT);
    assert_says("k is 11: 1 to 10");
    assert_fails(ask(f, rg_answer_search, search_request(BATCH_MAX + 1, 1), &reply), RG_ELIMIT);
    assert_fails(ask(f, rg_answer_search, search_request(0, 1), &reply), RG_ELIMIT);
    request = search_request(1, 1);
    ((Rg__V1__SearchRequest *)rg_msg_body(request))->model = rg_msg_text(request, "other");
    assert_fails(ask(f, rg_answer_search, request, &reply), RG_EMODEL);
    request = search_request(2, 1);
    rg_payload_t queries;
    assert_ok(rg_msg_payload(request, "queries", RG__V1__DTYPE__F32, 2, NULL, &queries));
    ((float *)(void *)queries.data)[D + 2] = NAN;
    assert_fails(ask(f, rg_answer_search, request, &reply), RG_ENUMERIC);
    assert_says("query 1 is not finite");
    request = search_request(1, 1);
    Rg__V1__SearchRequest *asked = rg_msg_body(request);
    asked->filter = (Rg__V1__Filter *)*rg_msg_array(request, &rg__v1__filter__descriptor, 1);
    asked->filter->n_exclude = 1;
    asked->filter->exclude = rg_msg_alloc(request, sizeof *asked->filter->exclude);
    rg_msg_bytes(request, asked->filter->exclude, "short", 5);
    assert_fails(ask(f, rg_answer_search, request, &reply), RG_EINVAL);
    assert_says("filter.exclude[0] has 5 bytes");
    request = search_request(2, 1); // one id for two queries
    rg_msg_room(request, "exclude", RG__V1__DTYPE__U8, 2, (const uint32_t[]){1, RG_ID_SIZE});
    assert_fails(ask(f, rg_answer_search, request, &reply), RG_ESHAPE);
    request = rg_msg_new(RG__V1__ENVELOPE__BODY_SEARCH_REQUEST);
    *(Rg__V1__SearchRequest *)rg_msg_body(request) = (Rg__V1__SearchRequest){
        .base = ((Rg__V1__SearchRequest *)rg_msg_body(request))->base, .model = "m", .k = 1};
    assert_fails(ask(f, rg_answer_search, request, &reply), RG_ESHAPE); // no queries
    request = search_request(BATCH_MAX, K_MAX);
    ((Rg__V1__SearchRequest *)rg_msg_body(request))->thumbnails = 1;
    assert_fails(ask(f, rg_answer_search, request, &reply), RG_ELIMIT);
    assert_says("400 thumbnails");
    request = search_request(1, 2);
    ((Rg__V1__SearchRequest *)rg_msg_body(request))->pool = K_MAX + 1;
    assert_fails(ask(f, rg_answer_search, request, &reply), RG_ELIMIT);
    assert_says("pool is");
    f->answers.reply_max = 3 * FEATURES * 2 - 1;
    request = search_request(3, 1);
    ((Rg__V1__SearchRequest *)rg_msg_body(request))->features = 1;
    assert_fails(ask(f, rg_answer_search, request, &reply), RG_ELIMIT);
    assert_says("3 features");
    f->answers.reply_max = 31; // two thumbnails of 16 bytes
    request = search_request(1, 2);
    ((Rg__V1__SearchRequest *)rg_msg_body(request))->thumbnails = 1;
    assert_fails(ask(f, rg_answer_search, request, &reply), RG_ELIMIT);
    assert_null(reply);
}

static rg_msg_t *remove_request(unsigned first, size_t n, size_t id_size)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_REMOVE_REQUEST);
    Rg__V1__RemoveRequest *body = rg_msg_body(msg);
    body->n_ids = n;
    body->ids = rg_msg_alloc(msg, n * sizeof *body->ids);
    for (size_t i = 0; i < n; i++) {
        picture_t p;
        picture(&p, first + (unsigned)i);
        rg_msg_bytes(msg, &body->ids[i], p.id, id_size);
    }
    return msg;
}

static void removals_are_counted(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply;
    announce(f, "m");
    add_some(f, 0, 3);
    assert_ok(ask(f, rg_answer_remove, remove_request(2, 4, RG_ID_SIZE), &reply));
    const Rg__V1__RemoveReply *body = rg_msg_body(reply);
    assert_int_equal(body->removed, 1);
    assert_int_equal(body->generation, 3);
    rg_msg_destroy(&reply);
    assert_fails(ask(f, rg_answer_remove, remove_request(0, 1, 3), &reply), RG_EINVAL);
    assert_says("ids[0] has 3 bytes");
    assert_fails(ask(f, rg_answer_remove, remove_request(0, BATCH_MAX + 1, RG_ID_SIZE), &reply), RG_ELIMIT);
    assert_fails(ask(f, rg_answer_remove, remove_request(0, 0, RG_ID_SIZE), &reply), RG_ELIMIT);
    assert_int_equal(count_of(f->answers.set), 2);
}

static rg_msg_t *list_request(uint64_t from, uint32_t limit)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_LIST_REQUEST);
    Rg__V1__ListRequest *body = rg_msg_body(msg);
    body->from = from;
    body->limit = limit;
    body->thumbnails = 1;
    return msg;
}

static void images_are_listed_with_all_they_have(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply, *request = list_request(0, BATCH_MAX);
    ((Rg__V1__ListRequest *)rg_msg_body(request))->embeddings = 1;
    announce(f, "m");
    add_some(f, 0, 4);
    take_out(f->answers.set, 1, 1);
    assert_ok(ask(f, rg_answer_list, request, &reply));
    const Rg__V1__ListReply *body = rg_msg_body(reply);
    assert_int_equal(body->n_images, 3);
    assert_int_equal(body->next, 0);
    assert_int_equal(body->missing, 0);
    assert_string_equal(body->model, "m");
    rg_payload_t embeddings, thumbnail;
    assert_ok(
        rg_msg_payload(reply, "embeddings", RG__V1__DTYPE__F32, 2, (const uint32_t[]){3, D}, &embeddings));
    for (unsigned i = 0; i < 3; i++) {
        char name[16];
        picture_t p;
        picture(&p, i + (i > 0));
        snprintf(name, sizeof name, "%u", i);
        assert_string_equal(body->images[i]->name, p.name);
        assert_memory_equal(body->images[i]->id.data, p.id, RG_ID_SIZE);
        assert_int_equal(body->images[i]->generation, 2);
        assert_int_equal(body->images[i]->annotated, (i + (i > 0)) % 2);
        assert_true(body->images[i]->added_ms > 0);
        assert_memory_equal((const float *)embeddings.data + i * D, p.embedding, sizeof p.embedding);
        assert_ok(rg_msg_payload(reply, name, RG__V1__DTYPE__U8, 1, NULL, &thumbnail));
        assert_memory_equal(thumbnail.data, p.thumbnail, sizeof p.thumbnail);
    }
    rg_msg_destroy(&reply);
    assert_ok(ask(f, rg_answer_list, list_request(5, 1), &reply)); // after the last
    body = rg_msg_body(reply);
    assert_int_equal(body->n_images, 0);
    assert_int_equal(body->next, 0);
    rg_msg_destroy(&reply);
    assert_fails(ask(f, rg_answer_list, list_request(0, 0), &reply), RG_ELIMIT);
    assert_fails(ask(f, rg_answer_list, list_request(0, BATCH_MAX + 1), &reply), RG_ELIMIT);
    assert_says("41 images: 1 to 40");
}

// reply_max has room for two thumbnails, and for two embeddings if they are sent.
static void page_through(fixture_t *f, int embeddings, size_t reply_max)
{
    rg_msg_t *reply;
    uint64_t from = 0;
    unsigned number = 0, pages = 0;
    f->answers.reply_max = reply_max;
    do {
        rg_msg_t *request = list_request(from, 3);
        ((Rg__V1__ListRequest *)rg_msg_body(request))->embeddings = embeddings;
        assert_ok(ask(f, rg_answer_list, request, &reply));
        const Rg__V1__ListReply *body = rg_msg_body(reply);
        assert_in_range(body->n_images, 1, 2);
        for (size_t i = 0; i < body->n_images; i++) assert_int_equal(atoi(body->images[i]->name), number++);
        assert_false(rg_msg_has(reply, "2"));
        from = body->next;
        rg_msg_destroy(&reply);
    } while (from && ++pages < 20);
    assert_int_equal(number, 10);
}

static void a_list_goes_on_where_the_last_one_ended(void **state)
{
    fixture_t *f = *state;
    announce(f, "m");
    add_some(f, 0, 10);
    page_through(f, 0, 40);
    page_through(f, 1, 40 + 2 * D * sizeof(float));
}

// Of these pictures, in this order.
static rg_msg_t *named_request(const unsigned *pictures, size_t n, size_t id_size)
{
    rg_msg_t *msg = list_request(0, 0);
    Rg__V1__ListRequest *body = rg_msg_body(msg);
    body->n_ids = n;
    body->ids = rg_msg_alloc(msg, (n + 1) * sizeof *body->ids);
    for (size_t i = 0; i < n; i++) {
        picture_t p;
        picture(&p, pictures[i]);
        rg_msg_bytes(msg, &body->ids[i], p.id, i + 1 < n ? sizeof p.id : id_size);
    }
    return msg;
}

static void assert_listed(const rg_msg_t *reply, const unsigned *pictures, size_t n)
{
    const Rg__V1__ListReply *body = rg_msg_body(reply);
    assert_int_equal(body->n_images, n);
    for (unsigned i = 0; i < n; i++) {
        char name[16];
        picture_t p;
        rg_payload_t thumbnail;
        picture(&p, pictures[i]);
        snprintf(name, sizeof name, "%u", i);
        assert_memory_equal(body->images[i]->id.data, p.id, RG_ID_SIZE);
        assert_string_equal(body->images[i]->name, p.name);
        assert_ok(rg_msg_payload(reply, name, RG__V1__DTYPE__U8, 1, NULL, &thumbnail));
        assert_memory_equal(thumbnail.data, p.thumbnail, sizeof p.thumbnail);
    }
}

static void images_are_listed_by_their_ids(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply, *request = named_request((const unsigned[]){3, 9, 0, 1, 3}, 5, RG_ID_SIZE);
    Rg__V1__ListRequest *asked = rg_msg_body(request);
    asked->embeddings = asked->missing = 1; // there is no next model: nothing is missing
    asked->from = 4;
    asked->limit = BATCH_MAX + 1;
    announce(f, "m");
    add_some(f, 0, 4);
    take_out(f->answers.set, 1, 1);
    assert_ok(ask(f, rg_answer_list, request, &reply));
    static const unsigned want[] = {3, 0, 3}; // 9 never was there, 1 is there no more
    assert_listed(reply, want, 3);
    assert_int_equal(((const Rg__V1__ListReply *)rg_msg_body(reply))->next, 0);
    rg_payload_t embeddings;
    assert_ok(
        rg_msg_payload(reply, "embeddings", RG__V1__DTYPE__F32, 2, (const uint32_t[]){3, D}, &embeddings));
    for (int i = 0; i < 3; i++) {
        picture_t p;
        picture(&p, want[i]);
        assert_memory_equal((const float *)embeddings.data + i * D, p.embedding, sizeof p.embedding);
    }
    rg_msg_destroy(&reply);
    assert_ok(ask(f, rg_answer_list, named_request((const unsigned[]){7}, 1, RG_ID_SIZE), &reply));
    assert_listed(reply, NULL, 0);
    rg_msg_destroy(&reply);
}

// As many as a reply has room for; `next` counts ids, also those that are not stored.
static void a_list_of_ids_goes_on_where_the_last_one_ended(void **state)
{
    enum { MANY = RG_MSG_PAYLOADS_MAX + 4 };
    fixture_t *f = *state;
    rg_msg_t *reply;
    unsigned many[MANY] = {0};
    announce(f, "m");
    add_some(f, 0, 4);
    f->answers.batch_max = MANY;
    assert_ok(ask(f, rg_answer_list, named_request(many, MANY, RG_ID_SIZE), &reply));
    assert_listed(reply, many, RG_MSG_PAYLOADS_MAX - 1);
    assert_int_equal(((const Rg__V1__ListReply *)rg_msg_body(reply))->next, RG_MSG_PAYLOADS_MAX - 1);
    rg_msg_destroy(&reply);
    f->answers.reply_max = 40; // two thumbnails
    static const unsigned ids[] = {9, 2, 8, 1, 7, 3, 0};
    assert_ok(ask(f, rg_answer_list, named_request(ids, 7, RG_ID_SIZE), &reply));
    assert_listed(reply, (const unsigned[]){2, 1}, 2);
    assert_int_equal(((const Rg__V1__ListReply *)rg_msg_body(reply))->next, 5);
    rg_msg_destroy(&reply);
    assert_ok(ask(f, rg_answer_list, named_request(ids + 5, 2, RG_ID_SIZE), &reply));
    assert_listed(reply, ids + 5, 2);
    assert_int_equal(((const Rg__V1__ListReply *)rg_msg_body(reply))->next, 0);
    rg_msg_destroy(&reply);
}

static void bad_ids_are_refused(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply;
    const unsigned many[BATCH_MAX + 1] = {0};
    announce(f, "m");
    add_some(f, 0, 1);
    assert_fails(ask(f, rg_answer_list, named_request(many, 2, RG_ID_SIZE - 1), &reply), RG_EINVAL);
    assert_says("ids[1] has 15 bytes, not 16");
    assert_fails(ask(f, rg_answer_list, named_request(many, 1, 0), &reply), RG_EINVAL);
    assert_says("ids[0] has 0 bytes, not 16");
    assert_fails(ask(f, rg_answer_list, named_request(many, BATCH_MAX + 1, RG_ID_SIZE), &reply), RG_ELIMIT);
    assert_says("41 ids: 1 to 40");
    assert_null(reply);
}

static void missing_images_are_listed_for_the_next_model(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply;
    announce(f, "m");
    add_some(f, 0, 5);
    announce(f, "new");
    assert_ok(ask(f, rg_answer_add, add_request_of("new", 1, 2, 0), &reply));
    rg_msg_destroy(&reply);
    for (uint32_t limit = 1; limit <= 4; limit += 3) {
        rg_msg_t *request = list_request(0, limit);
        ((Rg__V1__ListRequest *)rg_msg_body(request))->missing = 1;
        assert_ok(ask(f, rg_answer_list, request, &reply));
        const Rg__V1__ListReply *body = rg_msg_body(reply);
        static const int want[] = {0, 3, 4};
        assert_int_equal(body->missing, 3);
        assert_string_equal(body->model, "m");
        assert_int_equal(body->n_images, limit < 3 ? limit : 3);
        assert_int_equal(body->next != 0, limit < 3);
        for (size_t i = 0; i < body->n_images; i++) assert_int_equal(atoi(body->images[i]->name), want[i]);
        assert_true(rg_msg_has(reply, "0"));
        rg_msg_destroy(&reply);
    }
}

// What the report of an index action says under that key, NULL if nothing.
static const char *said(const rg_msg_t *reply, const char *key)
{
    const Rg__V1__IndexReply *body = rg_msg_body(reply);
    for (size_t i = 0; i < body->n_report; i++)
        if (strcmp(body->report[i]->key, key) == 0) return body->report[i]->value;
    return NULL;
}

static void index_actions_report(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply;
    announce(f, "m");
    add_some(f, 0, 5);
    take_out(f->answers.set, 2, 1);
    assert_ok(rg_answer_index(&f->answers, &reply));
    assert_int_equal(((const Rg__V1__IndexReply *)rg_msg_body(reply))->generation, 3);
    assert_string_equal(said(reply, "images"), "4");
    assert_string_equal(said(reply, "indexed"), "0");
    assert_string_equal(said(reply, "dead"), "1");
    assert_true(atoi(said(reply, "store_bytes")) > 0);
    rg_msg_destroy(&reply);
    assert_ok(rg_answer_verify(&f->answers, &GO, &reply));
    assert_string_equal(said(reply, "snapshot"), "none");
    assert_string_equal(said(reply, "stored"), "4");
    assert_string_equal(said(reply, "problems"), "0");
    assert_string_equal(said(reply, "recall_at_10"), "1.0000");
    assert_null(said(reply, "problem"));
    rg_msg_destroy(&reply);
    assert_ok(rg_set_save(f->answers.set));
    assert_ok(rg_answer_verify(&f->answers, &GO, &reply));
    assert_string_equal(said(reply, "snapshot"), "0 images");
    rg_msg_destroy(&reply);
    assert_fails(rg_answer_verify(&f->answers, &STOP, &reply), RG_ESTOPPED);
    assert_null(reply);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_answers, close_answers)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_model_is_made_current),
        TEST(the_next_model_says_what_is_missing),
        TEST(adds_report_each_image),
        TEST(bad_adds_are_refused_whole),
        TEST(an_image_without_thumbnail_is_refused_alone),
        TEST(a_search_brings_maps_and_thumbnails),
        TEST(a_random_search_needs_no_queries),
        TEST(a_filtered_search_finds_what_is_wanted),
        TEST(bad_searches_are_refused),
        TEST(removals_are_counted),
        TEST(images_are_listed_with_all_they_have),
        TEST(a_list_goes_on_where_the_last_one_ended),
        TEST(images_are_listed_by_their_ids),
        TEST(a_list_of_ids_goes_on_where_the_last_one_ended),
        TEST(bad_ids_are_refused),
        TEST(missing_images_are_listed_for_the_next_model),
        TEST(index_actions_report),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
