#include "tests/unit/retrieval/answered.h"

#include <math.h>

static void a_search_brings_maps_and_thumbnails(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply, *request = picture_search_request("m", 2, 3);
    Rg__V1__SearchRequest *fields = rg_msg_body(request);
    fields->features = fields->thumbnails = 1;
    picture_t p;
    uint8_t *exclude =
        rg_msg_reserve(request, "exclude", RG__V1__DTYPE__U8, 2, (const uint32_t[]){2, RG_ID_SIZE});
    picture(&p, 1);
    memcpy(exclude + RG_ID_SIZE, p.id, RG_ID_SIZE); // query 1 must not find itself
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
    assert_int_equal(body->neighbours[5]->id.len, 0); // only two of three images may be found
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
    rg_msg_t *reply, *request = search_request("m", NULL, 4, D, 2);
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
    rg_msg_t *reply, *request = picture_search_request("m", 2, 3);
    Rg__V1__SearchRequest *fields = rg_msg_body(request);
    add_filter(request);
    fields->filter->annotation = RG__V1__ANNOTATION__ANNOTATED;
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
    assert_fails(ask(f, rg_answer_search, picture_search_request("m", 1, 0), &reply), RG_ELIMIT, "");
    assert_fails(ask(f, rg_answer_search, picture_search_request("m", 1, K_MAX + 1), &reply), RG_ELIMIT,
                 "k is 11: 1 to 10");
    assert_fails(ask(f, rg_answer_search, picture_search_request("m", BATCH_MAX + 1, 1), &reply), RG_ELIMIT,
                 "");
    assert_fails(ask(f, rg_answer_search, picture_search_request("m", 0, 1), &reply), RG_ELIMIT, "");
    request = picture_search_request("m", 1, 1);
    ((Rg__V1__SearchRequest *)rg_msg_body(request))->model = rg_msg_text(request, "other");
    assert_fails(ask(f, rg_answer_search, request, &reply), RG_EMODEL, "");
    request = picture_search_request("m", 2, 1);
    rg_payload_t queries;
    assert_ok(rg_msg_payload(request, "queries", RG__V1__DTYPE__F32, 2, NULL, &queries));
    ((float *)(void *)queries.data)[D + 2] = NAN;
    assert_fails(ask(f, rg_answer_search, request, &reply), RG_ENUMERIC, "query 1 is not finite");
    request = picture_search_request("m", 1, 1);
    Rg__V1__Filter *filter = add_filter(request);
    filter->n_exclude = 1;
    filter->exclude = rg_msg_alloc(request, sizeof *filter->exclude);
    rg_msg_bytes(request, filter->exclude, "short", 5);
    assert_fails(ask(f, rg_answer_search, request, &reply), RG_EINVAL, "filter.exclude[0] has 5 bytes");
    request = picture_search_request("m", 2, 1); // one id for two queries
    rg_msg_reserve(request, "exclude", RG__V1__DTYPE__U8, 2, (const uint32_t[]){1, RG_ID_SIZE});
    assert_fails(ask(f, rg_answer_search, request, &reply), RG_ESHAPE, "");
    request = search_request("m", NULL, 1, D, 1);
    ((Rg__V1__SearchRequest *)rg_msg_body(request))->random = 0;
    assert_fails(ask(f, rg_answer_search, request, &reply), RG_ESHAPE, ""); // without queries
    request = picture_search_request("m", BATCH_MAX, K_MAX);
    ((Rg__V1__SearchRequest *)rg_msg_body(request))->thumbnails = 1;
    assert_fails(ask(f, rg_answer_search, request, &reply), RG_ELIMIT, "400 thumbnails");
    request = picture_search_request("m", 1, 2);
    ((Rg__V1__SearchRequest *)rg_msg_body(request))->pool = K_MAX + 1;
    assert_fails(ask(f, rg_answer_search, request, &reply), RG_ELIMIT, "pool is");
    request = picture_search_request("m", BATCH_MAX, 1);
    ((Rg__V1__SearchRequest *)rg_msg_body(request))->ef_search = 4096;
    assert_fails(ask(f, rg_answer_search, request, &reply), RG_ELIMIT, "ef_search is 4096 for 40 queries");
    f->answers.reply_max = 3 * FEATURES * 2 - 1;
    request = picture_search_request("m", 3, 1);
    ((Rg__V1__SearchRequest *)rg_msg_body(request))->features = 1;
    assert_fails(ask(f, rg_answer_search, request, &reply), RG_ELIMIT, "3 features");
    f->answers.reply_max = 31; // two thumbnails of 16 bytes
    request = picture_search_request("m", 1, 2);
    ((Rg__V1__SearchRequest *)rg_msg_body(request))->thumbnails = 1;
    assert_fails(ask(f, rg_answer_search, request, &reply), RG_ELIMIT, "");
    assert_null(reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ANSWERS(a_search_brings_maps_and_thumbnails),
        WITH_ANSWERS(a_random_search_needs_no_queries),
        WITH_ANSWERS(a_filtered_search_finds_what_is_wanted),
        WITH_ANSWERS(bad_searches_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
