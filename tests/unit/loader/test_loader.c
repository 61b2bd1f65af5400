// The service answers while a job decodes. The linker puts __wrap_rg_image_examine in the place of the
// decoder (CMakeLists.txt), so that a test can hold the jobs' thread in it.
#include "tests/unit/loader/fixture.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#include "common/wire/wire.h"
#include "services/loader/loader.h"
#include "tests/support/test.h"

static sem_t decode_may_go_on;

int __real_rg_image_examine(const rg_config_t *config, const uint8_t *bytes, size_t size, const char *origin,
                            uint8_t *out, rg_image_facts_t *facts);
int __wrap_rg_image_examine(const rg_config_t *config, const uint8_t *bytes, size_t size, const char *origin,
                            uint8_t *out, rg_image_facts_t *facts);

int __wrap_rg_image_examine(const rg_config_t *config, const uint8_t *bytes, size_t size, const char *origin,
                            uint8_t *out, rg_image_facts_t *facts)
{
    sem_wait(&decode_may_go_on);
    return __real_rg_image_examine(config, bytes, size, origin, out, facts);
}

typedef struct {
    void *folder;
    rg_config_t config;
    pthread_t thread;
    sem_t ready;
    int err; // of the loader's life
    rg_link_t *link;
} running_t;

static void *serve(void *data)
{
    running_t *f = data;
    rg_loader_t *loader = NULL;
    f->err = rg_loader_new(&loader, &f->config);
    sem_post(&f->ready);
    if (!f->err) f->err = rg_loader_run(loader);
    rg_loader_destroy(&loader);
    return NULL;
}

static rg_msg_t *ask_status(running_t *f)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_STATUS_REQUEST), *reply;
    assert_ok(rg_link_ask(f->link, &request, &reply, -1));
    return reply;
}

// The data set is read while the loader answers already.
static void await_ready(running_t *f)
{
    for (int ready = 0; !ready;) {
        rg_msg_t *reply = ask_status(f);
        ready = strcmp(((const Rg__V1__StatusReply *)rg_msg_body(reply))->state, "ready") == 0;
        rg_msg_destroy(&reply);
    }
}

static int start_loader(void **state)
{
    running_t *f = rg_alloc(sizeof *f);
    *state = f;
    if (folder_make(&f->folder)) return -1;
    fixture_write_images(f->folder);
    fixture_configure(&f->config, f->folder);
    snprintf(f->config.endpoints.loader, sizeof f->config.endpoints.loader, "ipc://%s/loader.ipc",
             (const char *)f->folder);
    snprintf(f->config.endpoints.encoder, sizeof f->config.endpoints.encoder, "ipc://%s/encoder.ipc",
             (const char *)f->folder);
    sem_init(&decode_may_go_on, 0, 0);
    sem_init(&f->ready, 0, 0);
    if (pthread_create(&f->thread, NULL, serve, f)) return -1;
    sem_wait(&f->ready);
    const rg_wire_options_t wire = rg_wire_options(&f->config);
    assert_ok(f->err);
    assert_ok(rg_link_new(&f->link, &wire, "loader", f->config.endpoints.loader, NULL));
    await_ready(f);
    return 0;
}

static void release_decodes(unsigned n)
{
    while (n--) sem_post(&decode_may_go_on);
}

static int stop_loader(void **state)
{
    running_t *f = *state;
    release_decodes(4 * IMAGES); // a job that was held when a test failed
    rg_link_destroy(&f->link);
    pthread_kill(f->thread, SIGTERM);
    pthread_join(f->thread, NULL);
    int rc = folder_remove(&f->folder) || f->err;
    free(f);
    return rc;
}

// ---- requests

static void send_batch_request(running_t *f, uint64_t index, rg_reply_fn *fn, void *self)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_BATCH_REQUEST);
    Rg__V1__BatchRequest *body = rg_msg_body(request);
    body->stream = rg_msg_text(request, "stage1");
    body->index = index;
    body->images = ANNOTATED;
    rg_link_send(f->link, &request, -1, fn, self);
}

static void send_ingest_request(running_t *f, rg_reply_fn *fn, void *self)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_INGEST_REQUEST);
    Rg__V1__IngestRequest *body = rg_msg_body(request);
    size_t size;
    uint8_t *jpeg = make_jpeg(1, SIDE, &size);
    body->n_items = 1;
    body->items = (Rg__V1__Item **)rg_msg_array(request, &rg__v1__item__descriptor, 1);
    body->items[0]->name = rg_msg_text(request, "broken.jpg");
    size /= 2; // refused after the decoder saw it, so that no encoder is needed
    rg_msg_copy(request, "0", RG__V1__DTYPE__U8, 1, (const uint32_t[]){(uint32_t)size}, jpeg);
    free(jpeg);
    rg_link_send(f->link, &request, -1, fn, self);
}

static void expect_status(running_t *f, const char *key, const char *value)
{
    rg_msg_t *reply = ask_status(f);
    assert_string_equal(rg_status_text(rg_msg_body(reply), key), value);
    rg_msg_destroy(&reply);
}

// ---- tests

typedef struct {
    int n;
    Rg__V1__Envelope__BodyCase kind[4];
    uint64_t index[4]; // of batches
} replies_t;

static void note_reply(void *self, int err, const rg_msg_t *reply)
{
    replies_t *replies = self;
    assert_ok(err);
    replies->kind[replies->n] = rg_msg_kind(reply);
    if (rg_msg_kind(reply) == RG__V1__ENVELOPE__BODY_BATCH_REPLY)
        replies->index[replies->n] = ((const Rg__V1__BatchReply *)rg_msg_body(reply))->index;
    replies->n++;
}

static void status_is_answered_while_a_batch_is_decoded(void **state)
{
    running_t *f = *state;
    replies_t replies = {0};
    send_batch_request(f, 0, note_reply, &replies);
    expect_status(f, "jobs", "1");
    release_decodes(1); // the batch goes on to its second image
    expect_status(f, "batches", "0");
    expect_status(f, "annotated", "8");
    assert_int_equal(replies.n, 0);
    release_decodes(ANNOTATED - 1);
    while (replies.n == 0) assert_ok(rg_link_poll(f->link, -1));
    assert_int_equal(replies.kind[0], RG__V1__ENVELOPE__BODY_BATCH_REPLY);
    expect_status(f, "batches", "1");
    expect_status(f, "jobs", "0");
}

static void jobs_are_answered_in_the_order_of_their_requests(void **state)
{
    running_t *f = *state;
    replies_t replies = {0};
    send_batch_request(f, 5, note_reply, &replies);
    send_ingest_request(f, note_reply, &replies);
    send_batch_request(f, 3, note_reply, &replies);
    expect_status(f, "jobs", "3");
    release_decodes(ANNOTATED + 1); // the second batch finds its images in the cache
    while (replies.n < 3) assert_ok(rg_link_poll(f->link, -1));
    assert_int_equal(replies.index[0], 5);
    assert_int_equal(replies.kind[1], RG__V1__ENVELOPE__BODY_INGEST_REPLY);
    assert_int_equal(replies.index[2], 3);
    expect_status(f, "refused", "1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start_loader, stop_loader)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(status_is_answered_while_a_batch_is_decoded),
        TEST(jobs_are_answered_in_the_order_of_their_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
