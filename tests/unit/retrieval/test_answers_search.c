#include "tests/unit/retrieval/answered.h"

#include <fcntl.h>

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

// Spoils a byte in the middle of what lies in the file for picture n: its features, or its thumbnail.
static void spoil(fixture_t *f, unsigned n, int features)
{
    char *path = rg_format("%s/data.mdb", (char *)f->folder);
    unsigned char *bytes;
    size_t size;
    picture_t p;
    picture(&p, n);
    const void *want = features ? (void *)p.features : p.thumbnail;
    const size_t width = features ? sizeof p.features : sizeof p.thumbnail;
    assert_ok(rg_file_read(path, 64 << 20, &bytes, &size));
    int fd = open(path, O_RDWR);
    for (const unsigned char *at = bytes; (at = memmem(at, size - (size_t)(at - bytes), want, width)); at++)
        assert_int_equal(pwrite(fd, "?", 1, at - bytes + (ptrdiff_t)width / 2), 1);
    close(fd);
    free(bytes);
    free(path);
}

static int found_number(const rg_msg_t *reply, size_t i)
{
    return atoi(((const Rg__V1__SearchReply *)rg_msg_body(reply))->neighbours[i]->name);
}

// The next ones take the place of a damaged image, until it is added again.
static void a_damaged_image_is_left_out(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply;
    announce(f, "m");
    add_some(f, 0, 20);
    for (int features = 0; features < 2; features++) {
        spoil(f, 1, features);
        for (int published = 0; published < 2; published++) {
            rg_msg_t *request = picture_search_request("m", 1, 3);
            ((Rg__V1__SearchRequest *)rg_msg_body(request))->features = features;
            ((Rg__V1__SearchRequest *)rg_msg_body(request))->thumbnails = !features;
            assert_ok(ask(f, rg_answer_search, request, &reply));
            for (size_t i = 0; i < 3; i++) assert_int_equal(found_number(reply, i), i + (i > 0));
            assert_int_equal(rg_set_damaged(f->answers.set), 1);
            assert_int_equal(rg_set_is_damage_new(f->answers.set), !published);
            rg_msg_destroy(&reply);
            rg_set_leave_out_damaged(f->answers.set);
            assert_int_equal(count_of(f->answers.set), 19);
        }
        add_some(f, 1, 1); // the same image
        assert_int_equal(rg_set_damaged(f->answers.set), 0);
        assert_int_equal(count_of(f->answers.set), 20);
        assert_ok(ask(f, rg_answer_search, picture_search_request("m", 1, 2), &reply));
        assert_int_equal(found_number(reply, 1), 1);
        rg_msg_destroy(&reply);
    }
}

// How many of pictures 0 to 3 need not be added again.
static size_t count_known(fixture_t *f)
{
    rg_msg_t *reply;
    size_t n = 0;
    assert_ok(ask(f, rg_answer_add, picture_known_request(0, 4, 0), &reply));
    const Rg__V1__IngestReply *body = rg_msg_body(reply);
    for (size_t i = 0; i < body->n_outcomes; i++) n += body->outcomes[i]->fate == RG__V1__FATE__DUPLICATE;
    rg_msg_destroy(&reply);
    return n;
}

static void a_damaged_image_is_not_known(void **state)
{
    fixture_t *f = *state;
    announce(f, "m");
    add_some(f, 0, 3);
    assert_int_equal(count_known(f), 3);
    for (int features = 0; features < 2; features++) {
        spoil(f, 1, features);
        assert_int_equal(count_known(f), 2);
        add_some(f, 1, 1);
        assert_int_equal(count_known(f), 3);
    }
}

// Spoils the label behind this id in the file.
static void spoil_id(const char *path, const uint8_t id[RG_ID_SIZE])
{
    unsigned char *bytes;
    size_t size;
    assert_ok(rg_file_read(path, 64 << 20, &bytes, &size));
    int fd = open(path, O_RDWR);
    for (const unsigned char *at = bytes; (at = memmem(at, size - (size_t)(at - bytes), id, RG_ID_SIZE));
         at++)
        assert_int_equal(pwrite(fd, "?", 1, at - bytes + RG_ID_SIZE), 1);
    close(fd);
    free(bytes);
}

static void a_damaged_id_is_excluded_nevertheless(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply, *request = picture_search_request("m", 1, 1);
    picture_t p;
    announce(f, "m");
    add_some(f, 0, 5);
    char *path = rg_format("%s/data.mdb", (char *)f->folder);
    picture(&p, 0);
    rg_msg_copy(request, "exclude", RG__V1__DTYPE__U8, 2, (const uint32_t[]){1, RG_ID_SIZE}, p.id);
    spoil_id(path, p.id);
    assert_ok(ask(f, rg_answer_search, request, &reply));
    assert_int_equal(found_number(reply, 0), 1);
    rg_msg_destroy(&reply);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ANSWERS(a_search_brings_maps_and_thumbnails),
        WITH_ANSWERS(a_random_search_needs_no_queries),
        WITH_ANSWERS(a_filtered_search_finds_what_is_wanted),
        WITH_ANSWERS(bad_searches_are_refused),
        WITH_ANSWERS(a_damaged_image_is_left_out),
        WITH_ANSWERS(a_damaged_image_is_not_known),
        WITH_ANSWERS(a_damaged_id_is_excluded_nevertheless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
