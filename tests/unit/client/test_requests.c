// Requests that the client library builds and replies that it reads. The service keeps each request and sends
// the reply that the test prepared.

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#include "common/core/err.h"
#include "common/wire/wire.h"
#include "tests/support/test.h"
#include "tests/unit/client/asserts.h"

typedef struct {
    void *folder;
    char endpoint[600];
    rg_service_t *service;
    pthread_t thread;
    sem_t ready;
    rg_msg_t *request; // the last one
    rg_msg_t *reply;   // to the next one
    rg_client_t *client;
} fixture_t;

// ---- the service
static int answer(void *self, const rg_peer_t *peer, const rg_msg_t *request)
{
    fixture_t *f = self;
    rg_msg_t *reply = f->reply;
    rg_msg_destroy(&f->request);
    f->request = rg_msg_retain(request);
    f->reply = NULL;
    rg_service_reply(f->service, peer, &reply); // from here on the test may set the next one
    return 0;
}

static void *serve(void *self)
{
    static const rg_route_t routes[] = {
        {RG__V1__ENVELOPE__BODY_SEARCH_REQUEST, answer}, {RG__V1__ENVELOPE__BODY_LIST_REQUEST, answer},
        {RG__V1__ENVELOPE__BODY_INDEX_REQUEST, answer},  {RG__V1__ENVELOPE__BODY_EMBED_REQUEST, answer},
        {RG__V1__ENVELOPE__BODY_ADD_REQUEST, answer},
    };
    fixture_t *f = self;
    const rg_service_spec_t spec = {.name = "encoder",
                                    .endpoint = f->endpoint,
                                    .routes = routes,
                                    .n_routes = sizeof routes / sizeof *routes,
                                    .self = f};
    const rg_wire_options_t options = {.message_max_mib = 64,
                                       .queue = 64,
                                       .heartbeat_ms = 2000,
                                       .unread_mib = 512,
                                       .connections = 100,
                                       .keys = ""};
    int err = rg_service_new(&f->service, &options, &spec);
    sem_post(&f->ready);
    if (!err) rg_service_run(f->service);
    rg_service_destroy(&f->service);
    return NULL;
}

static int fixture_make(void **state)
{
    fixture_t *f = calloc(1, sizeof *f);
    if (folder_make(&f->folder) != 0) return -1;
    snprintf(f->endpoint, sizeof f->endpoint, "ipc://%s/s.ipc", (char *)f->folder);
    sem_init(&f->ready, 0, 0);
    *state = f;
    if (pthread_create(&f->thread, NULL, serve, f) != 0) return -1;
    sem_wait(&f->ready);
    return f->service ? rg_client_open(&f->client, f->endpoint, NULL) : -1;
}

static int fixture_drop(void **state)
{
    fixture_t *f = *state;
    rg_client_close(&f->client);
    pthread_kill(f->thread, SIGTERM);
    pthread_join(f->thread, NULL);
    rg_msg_destroy(&f->request);
    rg_msg_destroy(&f->reply);
    sem_destroy(&f->ready);
    int failed = folder_remove(&f->folder);
    free(f);
    return failed;
}

static void *next_reply(fixture_t *f, Rg__V1__Envelope__BodyCase kind)
{
    f->reply = rg_msg_new(kind);
    return rg_msg_body(f->reply);
}

// ---- tests
static void a_search_sends_its_filter_and_effort(void **state)
{
    fixture_t *f = *state;
    static const unsigned char ids[2][RG_CLIENT_ID_SIZE] = {"fifteen letters", "fifteen others."};
    const rg_client_search_t search = {.model = "m",
                                       .n = 1,
                                       .k = 1,
                                       .random = 1,
                                       .seed = 9,
                                       .nprobe = 7,
                                       .ef_search = 8,
                                       .filter = {.name_prefix = "album/",
                                                  .annotation = RG_CLIENT_UNANNOTATED,
                                                  .added_from_ms = 5,
                                                  .added_until_ms = 6,
                                                  .exclude = ids[0],
                                                  .n_exclude = 2}};
    rg_client_result_t *result = NULL;
    Rg__V1__SearchReply *reply = next_reply(f, RG__V1__ENVELOPE__BODY_SEARCH_REPLY);
    reply->n_neighbours = 1;
    reply->neighbours = (Rg__V1__Neighbour **)rg_msg_array(f->reply, &rg__v1__neighbour__descriptor, 1);
    rg_msg_bytes(f->reply, &reply->neighbours[0]->id, ids[1], RG_ID_SIZE);
    reply->neighbours[0]->annotated = 1;
    reply->neighbours[0]->added_ms = 1700000000000;
    assert_client_ok(rg_client_search(f->client, &search, &result));
    assert_true(result->images[0].annotated && result->images[0].added_ms == 1700000000000);
    assert_memory_equal(result->images[0].id, ids[1], RG_ID_SIZE);
    rg_client_result_destroy(&result);
    const Rg__V1__SearchRequest *sent = rg_msg_body(f->request);
    assert_int_equal(sent->nprobe, 7);
    assert_int_equal(sent->ef_search, 8);
    assert_int_equal(sent->seed, 9);
    assert_string_equal(sent->filter->name_prefix, "album/");
    assert_int_equal(sent->filter->annotation, RG__V1__ANNOTATION__UNANNOTATED);
    assert_int_equal(sent->filter->added_from_ms, 5);
    assert_int_equal(sent->filter->added_until_ms, 6);
    assert_int_equal(sent->filter->n_exclude, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sent->filter->exclude[i].len, RG_ID_SIZE);
        assert_memory_equal(sent->filter->exclude[i].data, ids[i], RG_ID_SIZE);
    }
}

static void fill_listing(fixture_t *f)
{
    static const float embeddings[] = {1, 2, 3, 4, 5, 6};
    Rg__V1__ListReply *reply = next_reply(f, RG__V1__ENVELOPE__BODY_LIST_REPLY);
    reply->n_images = 2;
    reply->images = (Rg__V1__Listed **)rg_msg_array(f->reply, &rg__v1__listed__descriptor, 2);
    reply->next = 40;
    reply->missing = 3;
    reply->model = "m";
    for (int i = 0; i < 2; i++) {
        reply->images[i]->name = rg_msg_text(f->reply, "%d.jpg", i);
        reply->images[i]->generation = 12;
        reply->images[i]->added_ms = 34;
        reply->images[i]->annotated = i;
        rg_msg_bytes(f->reply, &reply->images[i]->id, "fifteen letters", RG_ID_SIZE);
    }
    rg_msg_copy(f->reply, "0", RG__V1__DTYPE__U8, 1, (const uint32_t[]){4}, "JPEG");
    rg_msg_copy(f->reply, "1", RG__V1__DTYPE__U8, 1, (const uint32_t[]){5}, "JPEGS");
    rg_msg_copy(f->reply, "embeddings", RG__V1__DTYPE__F32, 2, (const uint32_t[]){2, 3}, embeddings);
}

static void a_listing_has_all_that_was_asked_for(void **state)
{
    fixture_t *f = *state;
    const rg_client_list_t list = {.from = 38, .limit = 2, .missing = 1, .thumbnails = 1, .embeddings = 1};
    rg_client_listing_t *listing = NULL;
    fill_listing(f);
    assert_client_ok(rg_client_list(f->client, &list, &listing));
    const Rg__V1__ListRequest *sent = rg_msg_body(f->request);
    assert_int_equal(sent->from, 38);
    assert_int_equal(sent->limit, 2);
    assert_true(sent->missing && sent->thumbnails && sent->embeddings);
    assert_int_equal(listing->n, 2);
    assert_int_equal(listing->next, 40);
    assert_int_equal(listing->missing, 3);
    assert_string_equal(listing->model, "m");
    assert_int_equal(listing->dimension, 3);
    assert_true(listing->embeddings[5] == 6);
    const rg_client_image_t *image = &listing->images[1];
    assert_true(image->found && image->annotated && image->generation == 12 && image->added_ms == 34);
    assert_string_equal(image->name, "1.jpg");
    assert_int_equal(image->jpeg_size, 5);
    assert_memory_equal(image->jpeg, "JPEGS", 5);
    rg_client_listing_destroy(&listing);
    assert_null(listing);
}

static void an_index_action_returns_its_report(void **state)
{
    fixture_t *f = *state;
    char *report = NULL;
    Rg__V1__IndexReply *reply = next_reply(f, RG__V1__ENVELOPE__BODY_INDEX_REPLY);
    reply->n_report = 2;
    reply->report = (Rg__V1__Field **)rg_msg_array(f->reply, &rg__v1__field__descriptor, 2);
    for (int i = 0; i < 2; i++) {
        reply->report[i]->key = i ? "problem" : "images";
        reply->report[i]->value = i ? "it is gone" : "3";
    }
    assert_client_ok(rg_client_index(f->client, RG_CLIENT_VERIFY, &report));
    assert_string_equal(report, "images=3\nproblem=it is gone\n");
    free(report);
    const Rg__V1__IndexRequest *sent = rg_msg_body(f->request);
    assert_int_equal(sent->action, RG__V1__INDEX_ACTION__VERIFY);
}

static void an_encoder_embeds(void **state)
{
    fixture_t *f = *state;
    static const unsigned char pixels[2 * 4 * 4 * 3] = {1, 2, 3};
    static const float values[] = {1, 2, 3, 4};
    const rg_client_edit_t edits[] = {{"Male", 1}, {"Young", 0}};
    const rg_client_embed_t embed = {.pixels = pixels, .n = 2, .size = 4, .edits = edits, .n_edits = 2};
    rg_client_embeddings_t *embeddings = NULL;
    rg_payload_t sent_pixels;
    Rg__V1__EmbedReply *reply = next_reply(f, RG__V1__ENVELOPE__BODY_EMBED_REPLY);
    reply->model = "m";
    rg_msg_copy(f->reply, "embeddings", RG__V1__DTYPE__F32, 2, (const uint32_t[]){2, 2}, values);
    assert_client_ok(rg_client_embed(f->client, &embed, &embeddings));
    assert_string_equal(embeddings->model, "m");
    assert_int_equal(embeddings->n, 2);
    assert_int_equal(embeddings->dimension, 2);
    assert_memory_equal(embeddings->values, values, sizeof values);
    rg_client_embeddings_destroy(&embeddings);
    const Rg__V1__EmbedRequest *sent = rg_msg_body(f->request);
    assert_int_equal(sent->n_edits, 2);
    assert_string_equal(sent->edits[0]->attribute, "Male");
    assert_true(sent->edits[0]->value && !sent->edits[1]->value);
    assert_int_equal(rg_msg_payload(f->request, "pixels", RG__V1__DTYPE__U8, 4,
                                    (const uint32_t[]){2, 4, 4, 3}, &sent_pixels),
                     0);
    assert_memory_equal(sent_pixels.data, pixels, sizeof pixels);
}

static void an_item_without_features_has_zeros(void **state)
{
    fixture_t *f = *state;
    static const float embedding[] = {1, 2};
    static const uint16_t zeros[4];
    const rg_client_model_t model = {"m", 2, {1, 2, 2}};
    const rg_client_item_t item = {
        .name = "a.jpg", .annotated = 1, .embedding = embedding, .jpeg = "JPEG", .jpeg_size = 4};
    rg_client_outcome_t outcome;
    rg_payload_t features;
    Rg__V1__IngestReply *reply = next_reply(f, RG__V1__ENVELOPE__BODY_INGEST_REPLY);
    reply->n_outcomes = 1;
    reply->outcomes = (Rg__V1__Outcome **)rg_msg_array(f->reply, &rg__v1__outcome__descriptor, 1);
    reply->outcomes[0]->fate = RG__V1__FATE__REFUSED;
    reply->outcomes[0]->reason = "just so";
    assert_client_ok(rg_client_add(f->client, &model, &item, 1, &outcome, NULL));
    assert_int_equal(outcome.fate, RG_CLIENT_REFUSED);
    assert_string_equal(outcome.reason, "just so");
    const Rg__V1__AddRequest *sent = rg_msg_body(f->request);
    assert_true(sent->items[0]->annotated);
    assert_int_equal(rg_msg_payload(f->request, "features", RG__V1__DTYPE__F16, 4,
                                    (const uint32_t[]){1, 1, 2, 2}, &features),
                     0);
    assert_memory_equal(features.data, zeros, sizeof zeros);
}

// A reply that does not fit the request is an error.
static void a_strange_reply_is_an_error(void **state)
{
    fixture_t *f = *state;
    const rg_client_search_t search = {.model = "m", .n = 2, .k = 3, .random = 1, .features = 1};
    const rg_client_list_t list = {.limit = 1, .embeddings = 1};
    rg_client_result_t *result = NULL;
    rg_client_listing_t *listing = NULL;
    rg_client_status_t status;
    next_reply(f, RG__V1__ENVELOPE__BODY_SEARCH_REPLY); // no neighbours at all
    assert_client_fails(rg_client_search(f->client, &search, &result), RG_CLIENT_EFORMAT, "0 neighbours");
    next_reply(f, RG__V1__ENVELOPE__BODY_LIST_REPLY);
    assert_client_fails(rg_client_search(f->client, &search, &result), RG_CLIENT_EFORMAT, "another kind");
    next_reply(f, RG__V1__ENVELOPE__BODY_LIST_REPLY);
    assert_client_ok(rg_client_search_send(f->client, &search));
    assert_client_fails(rg_client_search_take(f->client, &result), RG_CLIENT_EFORMAT, "another kind");
    Rg__V1__SearchReply *reply = next_reply(f, RG__V1__ENVELOPE__BODY_SEARCH_REPLY);
    reply->n_neighbours = 6;
    reply->neighbours = (Rg__V1__Neighbour **)rg_msg_array(f->reply, &rg__v1__neighbour__descriptor, 6);
    assert_client_fails(rg_client_search(f->client, &search, &result), RG_CLIENT_ESHAPE, "features");
    reply = next_reply(f, RG__V1__ENVELOPE__BODY_SEARCH_REPLY);
    reply->n_neighbours = 6;
    reply->neighbours = (Rg__V1__Neighbour **)rg_msg_array(f->reply, &rg__v1__neighbour__descriptor, 6);
    rg_msg_bytes(f->reply, &reply->neighbours[0]->id, "short", 5);
    assert_client_fails(rg_client_search(f->client, &search, &result), RG_CLIENT_EFORMAT, "an id of 5 bytes");
    Rg__V1__ListReply *listed = next_reply(f, RG__V1__ENVELOPE__BODY_LIST_REPLY);
    listed->n_images = 1;
    listed->images = (Rg__V1__Listed **)rg_msg_array(f->reply, &rg__v1__listed__descriptor, 1);
    assert_client_fails(rg_client_list(f->client, &list, &listing), RG_CLIENT_ESHAPE, "embeddings");
    assert_client_fails(rg_client_status(f->client, &status), RG_CLIENT_EINVAL, "is the encoder");
    assert_null(result);
    assert_null(listing);
}

static void its_codes_are_the_systems(void **state)
{
    (void)state;
    static const struct {
        int code;
        const char *name;
    } codes[] = {
        {RG_CLIENT_EINVAL, "RG_EINVAL"},     {RG_CLIENT_EIO, "RG_EIO"},
        {RG_CLIENT_ENOENT, "RG_ENOENT"},     {RG_CLIENT_EFORMAT, "RG_EFORMAT"},
        {RG_CLIENT_ESHAPE, "RG_ESHAPE"},     {RG_CLIENT_ELIMIT, "RG_ELIMIT"},
        {RG_CLIENT_EVERSION, "RG_EVERSION"}, {RG_CLIENT_ECONFIG, "RG_ECONFIG"},
        {RG_CLIENT_EMODEL, "RG_EMODEL"},     {RG_CLIENT_ETIMEOUT, "RG_ETIMEOUT"},
        {RG_CLIENT_ESTOPPED, "RG_ESTOPPED"}, {RG_CLIENT_EBUSY, "RG_EBUSY"},
        {RG_CLIENT_EFULL, "RG_EFULL"},       {RG_CLIENT_ENUMERIC, "RG_ENUMERIC"},
        {RG_CLIENT_EREMOTE, "RG_EREMOTE"},   {RG_CLIENT_EACCES, "RG_EACCES"},
        {RG_CLIENT_ECRASH, "RG_ECRASH"},
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        assert_string_equal(rg_errname(codes[i].code), codes[i].name);
}

int main(void)
{
#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, fixture_make, fixture_drop)
    const struct CMUnitTest tests[] = {
        WITH_BENCH(a_search_sends_its_filter_and_effort), WITH_BENCH(a_listing_has_all_that_was_asked_for),
        WITH_BENCH(an_index_action_returns_its_report),   WITH_BENCH(an_encoder_embeds),
        WITH_BENCH(an_item_without_features_has_zeros),   WITH_BENCH(a_strange_reply_is_an_error),
        cmocka_unit_test(its_codes_are_the_systems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
