#include "tests/unit/retrieval/pictures.h"

#include <math.h>

#include "services/retrieval/answer.h"

enum { K_MAX = 10, BATCH_MAX = 40, REPLY_MAX = 64 << 10 };

typedef struct {
    void *folder;
    rg_answerer_t answerer;
} fixture_t;

static int open_answerer(void **state)
{
    fixture_t *f = rg_alloc(sizeof *f);
    if (make_folder(&f->folder) != 0) return -1;
    const rg_set_options_t options = {.path = f->folder, .index = "Flat", .map_bytes = MAP_BYTES};
    f->answerer = (rg_answerer_t){.k_max = K_MAX, .batch_max = BATCH_MAX, .reply_max = REPLY_MAX};
    *state = f;
    return rg_set_open(&f->answerer.set, &options);
}

static int close_answerer(void **state)
{
    fixture_t *f = *state;
    rg_set_close(&f->answerer.set);
    int rc = remove_folder(&f->folder);
    free(f);
    return rc;
}

typedef int answer_fn(rg_answerer_t *, const rg_msg_t *, rg_msg_t **);

// Answers and destroys the request; *reply is NULL on an error.
static int ask(fixture_t *f, answer_fn *answer, rg_msg_t *request, rg_msg_t **reply)
{
    *reply = NULL;
    int err = answer(&f->answerer, request, reply);
    rg_msg_destroy(&request);
    return err;
}

static rg_msg_t *model_request(const char *model, uint32_t dims)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_MODEL_REQUEST);
    Rg__V1__ModelRequest *body = rg_msg_body(msg);
    body->model = rg_msg_text(msg, "%s", model);
    body->embed_dim = D;
    body->n_content_shape = dims;
    body->content_shape = rg_msg_alloc(msg, 8 * sizeof(uint32_t));
    memcpy(body->content_shape, (const uint32_t[]){H, W, C, 1}, 4 * sizeof(uint32_t));
    return msg;
}

static void use(fixture_t *f, const char *model)
{
    rg_msg_t *reply;
    assert_ok(ask(f, rg_answer_model, model_request(model, 3), &reply));
    rg_msg_destroy(&reply);
}

// Pictures first..first+n-1, with only `thumbnails` of the thumbnail payloads.
static rg_msg_t *add_request(unsigned first, uint32_t n, uint32_t thumbnails)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_ADD_REQUEST);
    Rg__V1__AddRequest *body = rg_msg_body(msg);
    body->model = rg_msg_text(msg, "m");
    body->n_items = n;
    body->items = (Rg__V1__Item **)rg_msg_array(msg, &rg__v1__item__descriptor, n);
    float *embeddings = rg_msg_room(msg, "embeddings", RG__V1__DTYPE__F32, 2, (const uint32_t[]){n, D});
    uint16_t *contents = rg_msg_room(msg, "content", RG__V1__DTYPE__F16, 4, (const uint32_t[]){n, H, W, C});
    for (uint32_t i = 0; i < n; i++) {
        picture_t p;
        char name[16];
        picture(&p, first + i);
        body->items[i]->name = rg_msg_text(msg, "%s", p.name);
        rg_msg_bytes(msg, &body->items[i]->id, p.id, sizeof p.id);
        memcpy(embeddings + i * D, p.embedding, sizeof p.embedding);
        memcpy(contents + i * CONTENT, p.content, sizeof p.content);
        if (i >= thumbnails) continue;
        snprintf(name, sizeof name, "%u", (unsigned)i);
        rg_msg_copy(msg, name, RG__V1__DTYPE__U8, 1, (const uint32_t[]){sizeof p.thumbnail}, p.thumbnail);
    }
    return msg;
}

static void add(fixture_t *f, unsigned first, uint32_t n)
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
    use(f, "old");
    assert_ok(ask(f, rg_answer_model, model_request("m", 3), &reply));
    const Rg__V1__ModelReply *body = rg_msg_body(reply);
    assert_int_equal(body->generation, 2);
    assert_int_equal(body->images, 0);
    assert_int_equal(body->missing, 0);
    rg_msg_destroy(&reply);
    assert_fails(ask(f, rg_answer_model, model_request("n", 2), &reply), RG_ESHAPE);
    assert_fails(ask(f, rg_answer_model, model_request("n", 4), &reply), RG_ESHAPE);
    assert_says("content_shape has 4 entries");
    char name[RG_TEXT_MAX + 2] = {0};
    memset(name, 'n', RG_TEXT_MAX + 1);
    assert_fails(ask(f, rg_answer_model, model_request(name, 3), &reply), RG_EINVAL);
    assert_fails(ask(f, rg_answer_model, model_request("", 3), &reply), RG_EINVAL);
    assert_string_equal(rg_set_state(f->answerer.set)->model.name, "m");
}

static void adds_report_each_image(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply;
    use(f, "m");
    add(f, 2, 1);
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
    assert_int_equal(f->answerer.adds, 3);
    rg_msg_destroy(&reply);
}

static void bad_adds_are_refused_whole(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply, *request;
    assert_fails(ask(f, rg_answer_add, add_request(0, 1, 1), &reply), RG_EMODEL);
    use(f, "m");
    assert_fails(ask(f, rg_answer_add, add_request(0, 3, 2), &reply), RG_ESHAPE); // a thumbnail is not there
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
    assert_int_equal(rg_set_count(f->answerer.set), 0);
}

static void a_search_brings_maps_and_thumbnails(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply, *request = search_request(2, 3);
    Rg__V1__SearchRequest *asked = rg_msg_body(request);
    asked->content = asked->thumbnails = 1;
    picture_t p;
    uint8_t *exclude =
        rg_msg_room(request, "exclude", RG__V1__DTYPE__U8, 2, (const uint32_t[]){2, RG_ID_SIZE});
    picture(&p, 1);
    memcpy(exclude + RG_ID_SIZE, p.id, RG_ID_SIZE); // query 1 leaves itself out
    use(f, "m");
    add(f, 0, 3);
    assert_ok(ask(f, rg_answer_search, request, &reply));
    const Rg__V1__SearchReply *body = rg_msg_body(reply);
    assert_int_equal(body->generation, 2);
    assert_int_equal(body->images, 3);
    assert_int_equal(body->n_neighbours, 6);
    assert_string_equal(body->neighbours[0]->name, "000000.jpg");
    assert_int_equal(body->neighbours[0]->generation, 2);
    assert_true(fabsf(body->neighbours[1]->dist_l2sq - 7) < 1e-4);
    assert_int_equal(body->neighbours[4]->id.len, RG_ID_SIZE);
    assert_int_equal(body->neighbours[5]->id.len, 0); // two are left of three
    rg_payload_t contents, thumbnail;
    assert_ok(
        rg_msg_payload(reply, "content", RG__V1__DTYPE__F16, 4, (const uint32_t[]){6, H, W, C}, &contents));
    const uint16_t zeros[CONTENT] = {0};
    picture(&p, 2);
    assert_memory_equal((const uint16_t *)contents.data + 2 * CONTENT, p.content, sizeof p.content);
    assert_memory_equal((const uint16_t *)contents.data + 5 * CONTENT, zeros, sizeof zeros);
    assert_ok(rg_msg_payload(reply, "2", RG__V1__DTYPE__U8, 1, NULL, &thumbnail));
    assert_memory_equal(thumbnail.data, p.thumbnail, sizeof p.thumbnail);
    assert_false(rg_msg_has(reply, "5"));
    assert_int_equal(f->answerer.searches, 2);
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
    use(f, "m");
    add(f, 0, 3);
    assert_ok(ask(f, rg_answer_search, request, &reply));
    const Rg__V1__SearchReply *body = rg_msg_body(reply);
    assert_int_equal(body->n_neighbours, 8);
    for (size_t i = 0; i < 8; i++) assert_int_equal(body->neighbours[i]->id.len, RG_ID_SIZE);
    assert_false(rg_msg_has(reply, "content"));
    rg_msg_destroy(&reply);
}

static void bad_searches_are_refused(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply, *request;
    use(f, "m");
    add(f, 0, 2);
    assert_fails(ask(f, rg_answer_search, search_request(1, 0), &reply), RG_ELIMIT);
    assert_fails(ask(f, rg_answer_search, search_request(1, K_MAX + 1), &reply), RG_ELIMIT);
    assert_says("k is 11: 1 to 10");
    assert_fails(ask(f, rg_answer_search, search_request(BATCH_MAX + 1, 1), &reply), RG_ELIMIT);
    assert_fails(ask(f, rg_answer_search, search_request(0, 1), &reply), RG_ELIMIT);
    request = search_request(1, 1);
    ((Rg__V1__SearchRequest *)rg_msg_body(request))->model = rg_msg_text(request, "other");
    assert_fails(ask(f, rg_answer_search, request, &reply), RG_EMODEL);
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
    f->answerer.reply_max = 3 * CONTENT * 2 - 1;
    request = search_request(3, 1);
    ((Rg__V1__SearchRequest *)rg_msg_body(request))->content = 1;
    assert_fails(ask(f, rg_answer_search, request, &reply), RG_ELIMIT);
    assert_says("3 content maps");
    f->answerer.reply_max = 31; // two thumbnails of 16 bytes
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
    use(f, "m");
    add(f, 0, 3);
    assert_ok(ask(f, rg_answer_remove, remove_request(2, 4, RG_ID_SIZE), &reply));
    const Rg__V1__RemoveReply *body = rg_msg_body(reply);
    assert_int_equal(body->removed, 1);
    assert_int_equal(body->generation, 3);
    rg_msg_destroy(&reply);
    assert_fails(ask(f, rg_answer_remove, remove_request(0, 1, 3), &reply), RG_EINVAL);
    assert_says("ids[0] has 3 bytes");
    assert_fails(ask(f, rg_answer_remove, remove_request(0, BATCH_MAX + 1, RG_ID_SIZE), &reply), RG_ELIMIT);
    assert_fails(ask(f, rg_answer_remove, remove_request(0, 0, RG_ID_SIZE), &reply), RG_ELIMIT);
    assert_int_equal(rg_set_count(f->answerer.set), 2);
}

static void stale_images_come_with_thumbnails(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply;
    use(f, "m");
    add(f, 0, 3);
    use(f, "new");
    for (uint32_t limit = 0; limit <= UINT32_MAX - 1000; limit += UINT32_MAX / 2) {
        rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_STALE_REQUEST);
        ((Rg__V1__StaleRequest *)rg_msg_body(request))->limit = limit;
        assert_ok(ask(f, rg_answer_stale, request, &reply));
        const Rg__V1__StaleReply *body = rg_msg_body(reply);
        rg_payload_t thumbnail;
        picture_t p;
        picture(&p, 2);
        assert_int_equal(body->left, 3);
        assert_int_equal(body->n_items, limit ? 3 : 0);
        if (limit) {
            assert_string_equal(body->items[2]->name, p.name);
            assert_memory_equal(body->items[2]->id.data, p.id, RG_ID_SIZE);
            assert_ok(rg_msg_payload(reply, "2", RG__V1__DTYPE__U8, 1, NULL, &thumbnail));
            assert_memory_equal(thumbnail.data, p.thumbnail, sizeof p.thumbnail);
        }
        rg_msg_destroy(&reply);
    }
    f->answerer.reply_max = 40; // room for two thumbnails
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_STALE_REQUEST);
    ((Rg__V1__StaleRequest *)rg_msg_body(request))->limit = 3;
    assert_ok(ask(f, rg_answer_stale, request, &reply));
    assert_int_equal(((const Rg__V1__StaleReply *)rg_msg_body(reply))->n_items, 2);
    rg_msg_destroy(&reply);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_answerer, close_answerer)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_model_is_made_current),
        TEST(adds_report_each_image),
        TEST(bad_adds_are_refused_whole),
        TEST(a_search_brings_maps_and_thumbnails),
        TEST(a_random_search_needs_no_queries),
        TEST(bad_searches_are_refused),
        TEST(removals_are_counted),
        TEST(stale_images_come_with_thumbnails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
