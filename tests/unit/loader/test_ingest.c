#include "tests/unit/loader/fixture.h"

#include <stdio.h>

#include "common/core/hash.h"
#include "services/loader/ingest.h"

typedef struct {
    rg_config_t config;
    rg_msg_t *request, *reply, *store;
    size_t n;
} fixture_t;

static int open_request(void **state)
{
    fixture_t *f = rg_alloc(sizeof *f);
    rg_config_init(&f->config);
    f->config.data.img_size = SIDE;
    f->config.data.crop = 0;
    f->request = rg_msg_new(RG__V1__ENVELOPE__BODY_INGEST_REQUEST);
    Rg__V1__IngestRequest *body = rg_msg_body(f->request);
    body->items =
        (Rg__V1__Item **)rg_msg_array(f->request, &rg__v1__item__descriptor, RG_INGEST_ITEMS_MAX + 1);
    *state = f;
    return 0;
}

static int close_request(void **state)
{
    fixture_t *f = *state;
    rg_msg_destroy(&f->request);
    rg_msg_destroy(&f->reply);
    rg_msg_destroy(&f->store);
    free(f);
    return 0;
}

static void append(fixture_t *f, const void *jpeg, size_t size)
{
    char name[12];
    Rg__V1__IngestRequest *body = rg_msg_body(f->request);
    body->items[f->n]->name = rg_msg_text(f->request, "%zu.jpg", f->n);
    snprintf(name, sizeof name, "%zu", f->n);
    rg_msg_copy(f->request, name, RG__V1__DTYPE__U8, 1, (const uint32_t[]){(uint32_t)size}, jpeg);
    body->n_items = ++f->n;
}

static void append_jpeg(fixture_t *f, unsigned number, int side)
{
    size_t size;
    uint8_t *jpeg = make_jpeg(number, side, &size);
    append(f, jpeg, size);
    free(jpeg);
}

static int decode(fixture_t *f)
{
    return rg_ingest_decode(&f->config, f->request, &f->reply, &f->store);
}

// Three usable images, at 0, 3 and 5, and four that are refused.
static void append_mixture(fixture_t *f)
{
    size_t size;
    uint8_t *jpeg = make_jpeg(2, SIDE, &size);
    append_jpeg(f, 1, SIDE);
    append(f, "GIF89a, not a JPEG", 18);
    append(f, "", 0);
    append_jpeg(f, 2, 3 * SIDE);
    append(f, jpeg, size / 2);
    append_jpeg(f, 3, SIDE);
    append_jpeg(f, 4, 8 * SIDE);
    f->config.limits.image_max_side = 4 * SIDE;
    free(jpeg);
}

static void usable_images_go_on_to_the_encoder(void **state)
{
    fixture_t *f = *state;
    append_mixture(f);
    assert_ok(decode(f));
    const Rg__V1__StoreRequest *store = rg_msg_body(f->store);
    static const unsigned taken[] = {0, 3, 5};
    const uint32_t want[] = {3, SIDE, SIDE, 3};
    rg_payload_t pixels, jpeg, thumbnail;
    assert_int_equal(store->n_items, 3);
    assert_ok(rg_msg_payload(f->store, "pixels", RG__V1__DTYPE__U8, 4, want, &pixels));
    for (unsigned i = 0; i < 3; i++) {
        char name[12], source[12], file[16];
        uint8_t id[RG_ID_SIZE], again[SIDE * SIDE * 3];
        const rg_image_limits_t limits = {1 << 20, 4096};
        rg_image_facts_t facts;
        const uint8_t *row = (const uint8_t *)pixels.data + i * sizeof again;
        snprintf(name, sizeof name, "%u", i);
        snprintf(source, sizeof source, "%u", taken[i]);
        snprintf(file, sizeof file, "%u.jpg", taken[i]);
        assert_string_equal(store->items[i]->name, file);
        assert_ok(rg_msg_payload(f->request, source, RG__V1__DTYPE__U8, 1, NULL, &jpeg));
        rg_content_id(jpeg.data, jpeg.size, id);
        assert_int_equal(store->items[i]->id.len, RG_ID_SIZE);
        assert_memory_equal(store->items[i]->id.data, id, RG_ID_SIZE);
        assert_in_range(row[0], grey_of(i + 1) - 1, grey_of(i + 1) + 1);
        assert_ok(rg_msg_payload(f->store, name, RG__V1__DTYPE__U8, 1, NULL, &thumbnail));
        assert_ok(rg_image_load(&(rg_image_file_t){thumbnail.data, thumbnail.size, name, &limits}, 0, SIDE,
                                again, &facts));
        assert_in_range(again[0], row[0] - 1, row[0] + 1);
    }
}

static void names_are_made_here(void **state)
{
    fixture_t *f = *state;
    char longest[400] = "";
    memset(longest, 'a', sizeof longest - 1);
    append_jpeg(f, 1, SIDE);
    append_jpeg(f, 2, SIDE);
    Rg__V1__IngestRequest *body = rg_msg_body(f->request);
    body->items[0]->name = "caf\xe9\n.jpg"; // as a C client may send it
    body->items[1]->name = longest;
    assert_ok(decode(f));
    const Rg__V1__IngestReply *reply = rg_msg_body(f->reply);
    const Rg__V1__StoreRequest *store = rg_msg_body(f->store);
    assert_string_equal(reply->outcomes[0]->name, "caf%E9%0A.jpg");
    assert_string_equal(store->items[0]->name, "caf%E9%0A.jpg");
    assert_int_equal(strlen(store->items[1]->name), 255);
    assert_int_equal(store->items[1]->name[0], '~');
}

static void refusals_name_file_and_reason(void **state)
{
    fixture_t *f = *state;
    append_mixture(f);
    assert_ok(decode(f));
    const Rg__V1__IngestReply *reply = rg_msg_body(f->reply);
    assert_int_equal(reply->n_outcomes, 7);
    assert_int_equal(rg_ingest_count(f->reply, RG__V1__FATE__REFUSED), 4);
    assert_int_equal(rg_ingest_count(f->reply, RG__V1__FATE__FATE_UNSPECIFIED), 3);
    static const struct {
        size_t at;
        const char *reason;
    } expected[] = {{1, "1.jpg: a GIF image: convert it to JPEG, PNG or WebP"},
                    {2, "2.jpg: empty file"},
                    {4, "4.jpg: "},
                    {6, "6.jpg: 128x128 exceeds"}};
    for (size_t i = 0; i < 4; i++) {
        const Rg__V1__Outcome *outcome = reply->outcomes[expected[i].at];
        assert_int_equal(outcome->fate, RG__V1__FATE__REFUSED);
        if (!strstr(outcome->reason, expected[i].reason))
            fail_msg("%s: %s", expected[i].reason, outcome->reason);
    }
    assert_int_equal(reply->outcomes[6]->id.len, RG_ID_SIZE);
}

static rg_msg_t *answer(size_t n)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_INGEST_REPLY);
    Rg__V1__IngestReply *body = rg_msg_body(msg);
    body->generation = 42;
    body->n_outcomes = n;
    body->outcomes = (Rg__V1__Outcome **)rg_msg_array(msg, &rg__v1__outcome__descriptor, n);
    for (size_t i = 0; i < n; i++)
        body->outcomes[i]->fate = i == 1 ? RG__V1__FATE__DUPLICATE : RG__V1__FATE__ADDED;
    return msg;
}

static void outcomes_are_merged_in_order(void **state)
{
    fixture_t *f = *state;
    append_mixture(f);
    assert_ok(decode(f));
    rg_msg_t *two = answer(2), *three = answer(3), *other = rg_msg_new(RG__V1__ENVELOPE__BODY_ADD_REQUEST);
    assert_fails(rg_ingest_merge(f->reply, two), RG_EFORMAT, "answered for 2 of 3 images");
    assert_fails(rg_ingest_merge(f->reply, other), RG_EFORMAT, "another kind");
    assert_ok(rg_ingest_merge(f->reply, three));
    const Rg__V1__IngestReply *reply = rg_msg_body(f->reply);
    static const Rg__V1__Fate fates[] = {
        RG__V1__FATE__ADDED,   RG__V1__FATE__REFUSED, RG__V1__FATE__REFUSED, RG__V1__FATE__DUPLICATE,
        RG__V1__FATE__REFUSED, RG__V1__FATE__ADDED,   RG__V1__FATE__REFUSED};
    for (size_t i = 0; i < 7; i++) assert_int_equal(reply->outcomes[i]->fate, fates[i]);
    assert_int_equal(reply->generation, 42);
    rg_msg_destroy(&two);
    rg_msg_destroy(&three);
    rg_msg_destroy(&other);
}

// A file without its end marker is read whole: it goes on, and the reply says what is odd about it.
static void odd_images_go_on_with_a_warning(void **state)
{
    fixture_t *f = *state;
    size_t size;
    uint8_t *jpeg = make_jpeg(1, SIDE, &size);
    append(f, jpeg, size);
    append(f, jpeg, size - 2);
    free(jpeg);
    assert_ok(decode(f));
    const Rg__V1__IngestReply *reply = rg_msg_body(f->reply);
    assert_int_equal(rg_ingest_count(f->reply, RG__V1__FATE__REFUSED), 0);
    assert_int_equal(rg_ingest_count_warnings(f->reply), 1);
    assert_string_equal(reply->outcomes[0]->warning, "");
    assert_string_equal(reply->outcomes[1]->warning, "Premature end of JPEG file");
}

static void there_is_no_store_request_if_all_are_refused(void **state)
{
    fixture_t *f = *state;
    append(f, "no", 2);
    assert_ok(decode(f));
    assert_null(f->store);
    assert_int_equal(rg_ingest_count(f->reply, RG__V1__FATE__REFUSED), 1);
}

static void bad_requests_are_refused_whole(void **state)
{
    fixture_t *f = *state;
    Rg__V1__IngestRequest *body = rg_msg_body(f->request);
    assert_fails(decode(f), RG_ELIMIT, "0 images: 1 to 128");
    append_jpeg(f, 1, SIDE);
    body->n_items = 2; // the second came without bytes
    assert_fails(decode(f), RG_ESHAPE, "payload '1' is missing");
    body->n_items = RG_INGEST_ITEMS_MAX + 1;
    assert_fails(decode(f), RG_ELIMIT, "129 images");
    assert_null(f->reply);
    assert_null(f->store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_request, close_request)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(usable_images_go_on_to_the_encoder), TEST(names_are_made_here),
        TEST(refusals_name_file_and_reason),      TEST(odd_images_go_on_with_a_warning),
        TEST(outcomes_are_merged_in_order),       TEST(there_is_no_store_request_if_all_are_refused),
        TEST(bad_requests_are_refused_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
