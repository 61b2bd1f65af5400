#include <czmq.h>

#include "common/core/err.h"
#include "tests/support/test.h"
#include "tests/unit/wire/fixture.h"

typedef struct {
    rg_wire_options_t options;
    char endpoint[600];
    fixture_t service;
    rg_link_t *link;
    atomic_int stop;
    void *folder;
} bench_t;

static int bench_make(void **state)
{
    bench_t *bench = calloc(1, sizeof *bench);
    if (folder_make(&bench->folder) != 0) return -1;
    bench->options = fixture_options;
    bench->options.message_max_mib = 1;
    snprintf(bench->endpoint, sizeof bench->endpoint, "ipc://%s/run/s.ipc", (char *)bench->folder);
    *state = bench;
    return rg_link_new(&bench->link, &bench->options, "loader", bench->endpoint, &bench->stop);
}

static int bench_drop(void **state)
{
    bench_t *bench = *state;
    rg_link_destroy(&bench->link);
    int failed = folder_remove(&bench->folder);
    free(bench);
    return failed;
}

static void start(bench_t *bench)
{
    if (fixture_start(&bench->service, &bench->options, bench->endpoint) != 0) fail_msg("%s", rg_error());
}

static void await(sem_t *semaphore, int times)
{
    while (times-- > 0) sem_wait(semaphore);
}

// What came back, in order.
typedef struct {
    int count, err[SEEN_MAX];
    uint64_t index[SEEN_MAX];
    char sentence[512];
} replies_t;

static void note(void *self, int err, const rg_msg_t *reply)
{
    replies_t *replies = self;
    replies->err[replies->count] = err;
    if (err)
        snprintf(replies->sentence, sizeof replies->sentence, "%s", rg_error());
    else
        replies->index[replies->count] = ((Rg__V1__BatchReply *)rg_msg_body(reply))->index;
    replies->count++;
}

static void send_batch(bench_t *bench, uint64_t index, replies_t *replies)
{
    rg_msg_t *request = batch_request(index, 1);
    rg_link_send(bench->link, &request, -1, note, replies);
    assert_null(request);
}

static void assert_asks(bench_t *bench, uint64_t index)
{
    rg_msg_t *request = batch_request(index, 3), *reply = NULL;
    rg_payload_t pixels;
    int err = rg_link_ask(bench->link, &request, &reply, -1);
    if (err) fail_msg("%s", rg_error());
    assert_int_equal(((Rg__V1__BatchReply *)rg_msg_body(reply))->index, index);
    assert_int_equal(rg_msg_payload(reply, "pixels", RG__V1__DTYPE__F32, 2, (uint32_t[]){3, 1000}, &pixels),
                     0);
    for (uint64_t i = 0; i < 3000; i++) assert_true(((const float *)pixels.data)[i] == (float)(index + i));
    rg_msg_destroy(&reply);
}

// ------------------------------------------------------------------ tests
static void a_request_is_answered(void **state)
{
    bench_t *bench = *state;
    start(bench);
    for (uint64_t index = 1; index < 9; index += 2) assert_asks(bench, index);
    assert_int_equal(rg_link_pending(bench->link), 0);
    assert_true(rg_link_waited_ms(bench->link) > 0);
    fixture_stop(&bench->service);
    assert_int_equal(bench->service.run_err, 0);
}

static void a_link_may_come_before_its_service(void **state)
{
    bench_t *bench = *state;
    replies_t replies = {0};
    send_batch(bench, 1, &replies);
    assert_int_equal(rg_link_poll(bench->link, 0), 0);
    assert_int_equal(replies.count, 0);
    assert_int_equal(rg_link_pending(bench->link), 1);
    start(bench);
    while (replies.count < 1) assert_int_equal(rg_link_poll(bench->link, -1), 0);
    assert_int_equal(replies.index[0], 1);
    fixture_stop(&bench->service);
    assert_int_equal(bench->service.n_seen, 1); // once
}

static void tcp_with_a_port_of_its_own(void **state)
{
    bench_t *bench = *state;
    snprintf(bench->endpoint, sizeof bench->endpoint, "tcp://127.0.0.1:*");
    start(bench);
    rg_link_destroy(&bench->link);
    assert_int_equal(rg_link_new(&bench->link, &bench->options, "loader", bench->service.bound, NULL), 0);
    assert_asks(bench, 1);
    fixture_stop(&bench->service);
}

static void an_error_reply_is_the_callers_error(void **state)
{
    bench_t *bench = *state;
    start(bench);
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_EMBED_REQUEST), *reply = NULL;
    assert_int_equal(rg_link_ask(bench->link, &request, &reply, -1), RG_EMODEL);
    assert_string_equal(rg_error(), "loader: no model is loaded");
    request = rg_msg_new(RG__V1__ENVELOPE__BODY_REMOVE_REQUEST);
    assert_int_equal(rg_link_ask(bench->link, &request, &reply, -1), RG_EINVAL);
    assert_string_equal(rg_error(), "loader: does not take a remove_request");
    assert_null(reply);
    fixture_stop(&bench->service);
}

static void too_large_a_message_is_an_error_on_either_side(void **state)
{
    bench_t *bench = *state;
    start(bench);
    rg_msg_t *request = batch_request(1, 1), *reply = NULL;
    rg_msg_reserve(request, "pixels", RG__V1__DTYPE__U8, 1, (uint32_t[]){(1 << 20) + 1});
    assert_int_equal(rg_link_ask(bench->link, &request, &reply, -1), RG_ELIMIT);
    assert_string_equal(rg_error(), "loader: a payload of 1048577 bytes exceeds limits.message_max_mib");
    request = rg_msg_new(RG__V1__ENVELOPE__BODY_TRAIN_REQUEST); // whose reply would be
    assert_int_equal(rg_link_ask(bench->link, &request, &reply, -1), RG_ELIMIT);
    request = batch_request(1, 1); // and one that just fits
    rg_msg_reserve(request, "pixels", RG__V1__DTYPE__U8, 1, (uint32_t[]){1 << 20});
    assert_int_equal(rg_link_ask(bench->link, &request, &reply, -1), 0);
    rg_msg_destroy(&reply);
    fixture_stop(&bench->service);
}

static void requests_in_flight_are_the_credit_in_use(void **state)
{
    bench_t *bench = *state;
    replies_t replies = {0};
    start(bench);
    for (uint64_t i = 0; i < 10; i++) send_batch(bench, 2 * i, &replies);
    assert_int_equal(rg_link_pending(bench->link), 10);
    assert_asks(bench, 1); // another conversation meanwhile
    await(&bench->service.came, 11);
    assert_int_equal(rg_link_pending(bench->link), 10);
    fixture_release_kept(&bench->service);
    while (rg_link_pending(bench->link) > 0) assert_int_equal(rg_link_poll(bench->link, -1), 0);
    assert_int_equal(replies.count, 10);
    for (uint64_t i = 0; i < 10; i++) assert_int_equal(replies.index[i], 2 * i);
    fixture_stop(&bench->service);
}

static void what_a_lost_service_had_is_sent_again_in_order(void **state)
{
    bench_t *bench = *state;
    replies_t replies = {0};
    start(bench);
    assert_asks(bench, 1);
    for (uint64_t i = 0; i < 5; i++) {
        send_batch(bench, 2 * i, &replies);
        while (rg_link_poll(bench->link, 0) != 0) continue;
    }
    await(&bench->service.came, 6); // it has them all
    fixture_stop(&bench->service);  // and answers none
    start(bench);
    // The link must notice by itself; polling drives it, the service says when it has what.
    for (int came = 0; came < 5;) {
        assert_int_equal(rg_link_poll(bench->link, 10), 0);
        while (sem_trywait(&bench->service.came) == 0) came++;
    }
    for (uint64_t i = 0; i < 5; i++) assert_int_equal(bench->service.seen[i], 2 * i);
    fixture_release_kept(&bench->service);
    while (replies.count < 5) assert_int_equal(rg_link_poll(bench->link, -1), 0);
    for (uint64_t i = 0; i < 5; i++) assert_int_equal(replies.index[i], 2 * i);
    assert_asks(bench, 7);
    fixture_stop(&bench->service);
    assert_int_equal(bench->service.n_seen, 6); // nothing came twice
}

static void a_late_reply_is_nobodys(void **state)
{
    bench_t *bench = *state;
    start(bench);
    assert_asks(bench, 1);
    rg_msg_t *request = batch_request(2, 1), *reply = NULL;
    assert_int_equal(rg_link_ask(bench->link, &request, &reply, 30), RG_ETIMEOUT); // kept by the service
    assert_non_null(strstr(rg_error(), "loader (ipc://"));
    assert_non_null(strstr(rg_error(), "no answer within 30 ms"));
    assert_null(reply);
    assert_int_equal(rg_link_pending(bench->link), 0);
    await(&bench->service.came, 2);
    fixture_release_kept(&bench->service);
    assert_asks(bench, 3);
    assert_int_equal(rg_link_poll(bench->link, 0), 0);
    fixture_stop(&bench->service);
    assert_int_equal(bench->service.n_kept, 0);
}

static void a_deadline_ends_only_its_own_request(void **state)
{
    bench_t *bench = *state;
    replies_t late = {0}, kept = {0};
    rg_msg_t *request = batch_request(2, 1);
    start(bench);
    assert_asks(bench, 1); // connected: what follows is sent at once
    rg_link_send(bench->link, &request, 30, note, &late);
    send_batch(bench, 4, &kept);
    while (!late.count) assert_int_equal(rg_link_poll(bench->link, -1), 0);
    assert_int_equal(late.err[0], RG_ETIMEOUT);
    assert_non_null(strstr(late.sentence, "loader (ipc://"));
    assert_non_null(strstr(late.sentence, "no answer within 30 ms"));
    assert_int_equal(rg_link_pending(bench->link), 1);
    await(&bench->service.came, 3);
    fixture_release_kept(&bench->service);
    while (!kept.count) assert_int_equal(rg_link_poll(bench->link, -1), 0);
    assert_int_equal(kept.index[0], 4);
    assert_asks(bench, 3);
    assert_int_equal(late.count, 1); // its reply came and was dropped
    fixture_stop(&bench->service);
}

// Neither while it is under way nor before it was sent.
static void a_forgotten_request_is_not_answered(void **state)
{
    bench_t *bench = *state;
    replies_t forgotten = {0}, kept = {0};
    assert_false(rg_link_connected(bench->link));
    send_batch(bench, 1, &forgotten);
    rg_link_forget(bench->link, &forgotten);
    assert_int_equal(rg_link_pending(bench->link), 0);
    start(bench);
    send_batch(bench, 2, &forgotten);
    send_batch(bench, 4, &kept);
    while (!rg_link_connected(bench->link)) assert_int_equal(rg_link_poll(bench->link, 10), 0);
    await(&bench->service.came, 2);
    rg_link_forget(bench->link, &forgotten);
    assert_int_equal(rg_link_pending(bench->link), 1);
    fixture_release_kept(&bench->service);
    while (!kept.count) assert_int_equal(rg_link_poll(bench->link, 10), 0);
    assert_asks(bench, 3);
    assert_int_equal(forgotten.count, 0);
    assert_int_equal(kept.index[0], 4);
    fixture_stop(&bench->service);
}

static void an_absent_service_times_out(void **state)
{
    bench_t *bench = *state;
    rg_msg_t *request = batch_request(2, 1), *reply = NULL;
    assert_int_equal(rg_link_ask(bench->link, &request, &reply, 1), RG_ETIMEOUT);
    assert_int_equal(rg_link_pending(bench->link), 0);
}

static void the_stop_flag_ends_waiting(void **state)
{
    bench_t *bench = *state;
    bench->service.stop = &bench->stop;
    start(bench);
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_MODEL_REQUEST), *reply = NULL;
    assert_int_equal(rg_link_ask(bench->link, &request, &reply, -1),
                     RG_ESTOPPED); // the service sets the flag
    assert_string_equal(rg_error(), "loader: stopped while waiting for a reply");
    assert_int_equal(rg_link_poll(bench->link, -1), RG_ESTOPPED);
    fixture_stop(&bench->service);
}

// A reply with which the callback sends the next request, and asks another within.
typedef struct {
    bench_t *bench;
    int left, asked;
} chain_t;

static void next_in_chain(void *self, int err, const rg_msg_t *reply)
{
    chain_t *chain = self;
    (void)reply;
    assert_int_equal(err, 0);
    if (chain->left-- == 0) return;
    rg_msg_t *request = batch_request(1, 1);
    rg_link_send(chain->bench->link, &request, -1, next_in_chain, chain);
    assert_asks(chain->bench, 5);
    chain->asked++;
}

static void callbacks_may_send_and_ask(void **state)
{
    bench_t *bench = *state;
    chain_t chain = {.bench = bench, .left = 5};
    start(bench);
    rg_msg_t *request = batch_request(1, 1);
    rg_link_send(bench->link, &request, -1, next_in_chain, &chain);
    while (chain.left >= 0) assert_int_equal(rg_link_poll(bench->link, -1), 0);
    assert_int_equal(chain.asked, 5);
    fixture_stop(&bench->service);
}

static int releases;

static void count_release(void *data, void *hint)
{
    (void)hint;
    assert_int_equal(((char *)data)[0], 'p');
    __atomic_fetch_add(&releases, 1, __ATOMIC_SEQ_CST);
}

static void an_attached_payload_is_released_once(void **state)
{
    bench_t *bench = *state;
    static char pixels[100000];
    memset(pixels, 'p', sizeof pixels);
    start(bench);
    rg_msg_t *request = batch_request(1, 1), *reply = NULL;
    rg_msg_attach(request, "pixels", RG__V1__DTYPE__U8, 1, (uint32_t[]){sizeof pixels}, pixels, count_release,
                  NULL);
    assert_int_equal(rg_link_ask(bench->link, &request, &reply, -1), 0);
    rg_msg_destroy(&reply);
    fixture_stop(&bench->service);
    rg_link_destroy(&bench->link);
    zsys_shutdown(); // waits for the io thread, which drops the last reference
    assert_int_equal(releases, 1);
}

static void bad_endpoints_are_refused(void **state)
{
    bench_t *bench = *state;
    rg_link_t *link = NULL;
    assert_int_equal(rg_link_new(&link, &bench->options, "loader", "http://x", NULL), RG_ECONFIG);
    assert_string_equal(rg_error(), "http://x: an endpoint begins with ipc:// or tcp://");
    assert_int_equal(rg_link_new(&link, &bench->options, "loader", "ipc://", NULL), RG_ECONFIG);
    assert_int_equal(rg_link_new(&link, &bench->options, "loader", "tcp://192.0.2.1:5", NULL), RG_ECONFIG);
    assert_non_null(strstr(rg_error(), "endpoints.insecure"));
    assert_int_equal(rg_link_new(&link, &bench->options, "loader", "tcp://127.0.0.1:nonsense", NULL),
                     RG_ECONFIG);
    assert_non_null(strstr(rg_error(), "tcp://127.0.0.1:nonsense: cannot connect"));
    assert_null(link);
}

#define ON_BENCH(test) cmocka_unit_test_setup_teardown(test, bench_make, bench_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BENCH(a_request_is_answered),
        ON_BENCH(a_link_may_come_before_its_service),
        ON_BENCH(tcp_with_a_port_of_its_own),
        ON_BENCH(an_error_reply_is_the_callers_error),
        ON_BENCH(too_large_a_message_is_an_error_on_either_side),
        ON_BENCH(requests_in_flight_are_the_credit_in_use),
        ON_BENCH(what_a_lost_service_had_is_sent_again_in_order),
        ON_BENCH(a_late_reply_is_nobodys),
        ON_BENCH(a_deadline_ends_only_its_own_request),
        ON_BENCH(a_forgotten_request_is_not_answered),
        ON_BENCH(an_absent_service_times_out),
        ON_BENCH(the_stop_flag_ends_waiting),
        ON_BENCH(callbacks_may_send_and_ask),
        ON_BENCH(bad_endpoints_are_refused),
        ON_BENCH(an_attached_payload_is_released_once), // last: it shuts ZeroMQ down
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
