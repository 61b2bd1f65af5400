#include <czmq.h>

#include "common/core/err.h"
#include "tests/support/test.h"
#include "tests/unit/wire/fixture.h"

static int link_make(void **state)
{
    if (fixture_make(state) != 0) return -1;
    fixture_t *f = *state;
    f->options.message_max_mib = 1;
    snprintf(f->endpoint, sizeof f->endpoint, "ipc://%s/run/s.ipc", (char *)f->folder);
    return rg_link_new(&f->link, &f->options, "loader", f->endpoint, &f->stop);
}

static void await(sem_t *semaphore, int times)
{
    while (times-- > 0) sem_wait(semaphore);
}

// The replies and errors in the order of their callbacks.
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

static void send_batch(fixture_t *f, uint64_t index, replies_t *replies)
{
    rg_msg_t *request = batch_request(index, 1);
    rg_link_send(f->link, &request, -1, note, replies);
    assert_null(request);
}

static void assert_asks(fixture_t *f, uint64_t index)
{
    rg_msg_t *request = batch_request(index, 3), *reply = NULL;
    rg_payload_t pixels;
    int err = rg_link_ask(f->link, &request, &reply, -1);
    if (err) fail_msg("%s", rg_error());
    assert_int_equal(((Rg__V1__BatchReply *)rg_msg_body(reply))->index, index);
    assert_int_equal(rg_msg_payload(reply, "pixels", RG__V1__DTYPE__F32, 2, (uint32_t[]){3, 1000}, &pixels),
                     0);
    for (uint64_t i = 0; i < 3000; i++) assert_true(((const float *)pixels.data)[i] == (float)(index + i));
    rg_msg_destroy(&reply);
}

// ---- tests
static void a_request_is_answered(void **state)
{
    fixture_t *f = *state;
    fixture_start(f);
    for (uint64_t index = 1; index < 9; index += 2) assert_asks(f, index);
    assert_int_equal(rg_link_pending(f->link), 0);
    assert_true(rg_link_waited_ms(f->link) > 0);
    server_stop(&f->server);
    assert_int_equal(f->server.run_err, 0);
}

static void a_link_may_come_before_its_service(void **state)
{
    fixture_t *f = *state;
    replies_t replies = {0};
    send_batch(f, 1, &replies);
    assert_int_equal(rg_link_poll(f->link, 0), 0);
    assert_int_equal(replies.count, 0);
    assert_int_equal(rg_link_pending(f->link), 1);
    fixture_start(f);
    while (replies.count < 1) assert_int_equal(rg_link_poll(f->link, -1), 0);
    assert_int_equal(replies.index[0], 1);
    server_stop(&f->server);
    assert_int_equal(f->server.n_seen, 1); // once
}

static void tcp_with_a_port_of_its_own(void **state)
{
    fixture_t *f = *state;
    snprintf(f->endpoint, sizeof f->endpoint, "tcp://127.0.0.1:*");
    fixture_start(f);
    rg_link_destroy(&f->link);
    assert_int_equal(rg_link_new(&f->link, &f->options, "loader", f->server.bound, NULL), 0);
    assert_asks(f, 1);
    server_stop(&f->server);
}

static void an_error_reply_is_the_callers_error(void **state)
{
    fixture_t *f = *state;
    fixture_start(f);
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_EMBED_REQUEST), *reply = NULL;
    assert_int_equal(rg_link_ask(f->link, &request, &reply, -1), RG_EMODEL);
    assert_string_equal(rg_error(), "loader: no model is loaded");
    request = rg_msg_new(RG__V1__ENVELOPE__BODY_REMOVE_REQUEST);
    assert_int_equal(rg_link_ask(f->link, &request, &reply, -1), RG_EINVAL);
    assert_string_equal(rg_error(), "loader: does not take a remove_request");
    assert_null(reply);
    server_stop(&f->server);
}

static void too_large_a_message_is_an_error_on_either_side(void **state)
{
    fixture_t *f = *state;
    fixture_start(f);
    rg_msg_t *request = batch_request(1, 1), *reply = NULL;
    rg_msg_reserve(request, "pixels", RG__V1__DTYPE__U8, 1, (uint32_t[]){(1 << 20) + 1});
    assert_int_equal(rg_link_ask(f->link, &request, &reply, -1), RG_ELIMIT);
    assert_string_equal(rg_error(), "loader: a payload of 1048577 bytes exceeds limits.message_max_mib");
    request = rg_msg_new(RG__V1__ENVELOPE__BODY_TRAIN_REQUEST); // whose reply would be
    assert_int_equal(rg_link_ask(f->link, &request, &reply, -1), RG_ELIMIT);
    request = batch_request(1, 1); // and one that just fits
    rg_msg_reserve(request, "pixels", RG__V1__DTYPE__U8, 1, (uint32_t[]){1 << 20});
    assert_int_equal(rg_link_ask(f->link, &request, &reply, -1), 0);
    rg_msg_destroy(&reply);
    server_stop(&f->server);
}

static void requests_in_flight_are_the_credit_in_use(void **state)
{
    fixture_t *f = *state;
    replies_t replies = {0};
    fixture_start(f);
    for (uint64_t i = 0; i < 10; i++) send_batch(f, 2 * i, &replies);
    assert_int_equal(rg_link_pending(f->link), 10);
    assert_asks(f, 1); // another conversation meanwhile
    await(&f->server.came, 11);
    assert_int_equal(rg_link_pending(f->link), 10);
    server_release_kept(&f->server);
    while (rg_link_pending(f->link) > 0) assert_int_equal(rg_link_poll(f->link, -1), 0);
    assert_int_equal(replies.count, 10);
    for (uint64_t i = 0; i < 10; i++) assert_int_equal(replies.index[i], 2 * i);
    server_stop(&f->server);
}

static void what_a_lost_service_had_is_sent_again_in_order(void **state)
{
    fixture_t *f = *state;
    replies_t replies = {0};
    fixture_start(f);
    assert_asks(f, 1);
    for (uint64_t i = 0; i < 5; i++) {
        send_batch(f, 2 * i, &replies);
        while (rg_link_poll(f->link, 0) != 0) continue;
    }
    await(&f->server.came, 6); // it has them all
    server_stop(&f->server);   // and answers none
    fixture_start(f);
    // The link must notice the new service by itself while it is polled; the service counts what comes.
    for (int came = 0; came < 5;) {
        assert_int_equal(rg_link_poll(f->link, 10), 0);
        while (sem_trywait(&f->server.came) == 0) came++;
    }
    for (uint64_t i = 0; i < 5; i++) assert_int_equal(f->server.seen[i], 2 * i);
    server_release_kept(&f->server);
    while (replies.count < 5) assert_int_equal(rg_link_poll(f->link, -1), 0);
    for (uint64_t i = 0; i < 5; i++) assert_int_equal(replies.index[i], 2 * i);
    assert_asks(f, 7);
    server_stop(&f->server);
    assert_int_equal(f->server.n_seen, 6); // nothing came twice
}

// ---- requests that end their service
static void await_request(fixture_t *f)
{
    while (sem_trywait(&f->server.came) != 0) assert_int_equal(rg_link_poll(f->link, 10), 0);
}

static void a_request_that_was_open_twice_is_not_sent_a_third_time(void **state)
{
    fixture_t *f = *state;
    replies_t replies = {0};
    send_batch(f, POISON, &replies);
    for (int life = 0; life < 2; life++) {
        assert_int_equal(replies.count, 0);
        fixture_start(f);
        await_request(f);
        server_stop(&f->server);
    }
    while (!replies.count) assert_int_equal(rg_link_poll(f->link, -1), 0);
    assert_int_equal(replies.err[0], RG_ECRASH);
    assert_non_null(strstr(replies.sentence, "loader (ipc://"));
    assert_non_null(strstr(replies.sentence, "the connection broke twice while this request was open"));
    fixture_start(f);
    assert_asks(f, 1);
    server_stop(&f->server);
    assert_int_equal(f->server.n_seen, 1);
}

// All are open when the service ends for the first time.
static void what_was_open_beside_it_is_answered(void **state)
{
    fixture_t *f = *state;
    replies_t poison = {0}, others = {0};
    send_batch(f, POISON, &poison);
    for (uint64_t i = 3; i < 10; i += 2) send_batch(f, i, &others);
    for (int life = 0; life < 2; life++) {
        fixture_start(f);
        await_request(f);
        server_stop(&f->server);
    }
    fixture_start(f);
    while (!poison.count || others.count < 4) assert_int_equal(rg_link_poll(f->link, 10), 0);
    assert_int_equal(poison.err[0], RG_ECRASH);
    for (int i = 0; i < 4; i++) assert_int_equal(others.err[i], 0);
    server_stop(&f->server);
}

static double uptime_s(fixture_t *f)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_STATUS_REQUEST), *reply = NULL;
    assert_ok(rg_link_ask(f->link, &request, &reply, -1));
    double uptime = ((const Rg__V1__StatusReply *)rg_msg_body(reply))->uptime_s;
    rg_msg_destroy(&reply);
    return uptime;
}

// The link knows how old the service is by the time that its status takes.
static void a_connection_may_break_any_number_of_times_while_the_service_runs(void **state)
{
    fixture_t *f = *state;
    fixture_start(f);
    while (uptime_s(f) < 2) assert_int_equal(rg_link_poll(f->link, 100), 0);
    assert_asks(f, HANG_UP);
    server_stop(&f->server);
    assert_int_equal(f->server.n_hung_up, 4);
}

// libzmq 4.3.4 aborts the process when it pings a peer that has filled the queue of a socket and hung up.
static void a_link_that_does_not_look_outlives_its_service(void **state)
{
    enum { REQUESTS = 40, PINGS = 3 };
    fixture_t *f = *state;
    replies_t replies = {0};
    fixture_start(f);
    rg_link_destroy(&f->link);
    f->options.queue = 4;
    f->options.heartbeat_ms = 100;
    assert_ok(rg_link_new(&f->link, &f->options, "loader", f->endpoint, &f->stop));
    assert_asks(f, 1);
    for (uint64_t i = 0; i < REQUESTS; i++) {
        send_batch(f, 2 * i + 1, &replies);
        zclock_sleep(2); // so that the queue for sending has a place again
    }
    await(&f->server.came, 2 * f->options.queue);
    server_stop(&f->server);
    zclock_sleep(PINGS * f->options.heartbeat_ms);
    while (rg_link_poll(f->link, 0) == 0 && replies.count == 0) zclock_sleep(1);
    assert_int_equal(replies.err[0], 0);
}

static void a_late_reply_is_nobodys(void **state)
{
    fixture_t *f = *state;
    fixture_start(f);
    assert_asks(f, 1);
    rg_msg_t *request = batch_request(2, 1), *reply = NULL;
    assert_int_equal(rg_link_ask(f->link, &request, &reply, 30), RG_ETIMEOUT); // kept by the service
    assert_non_null(strstr(rg_error(), "loader (ipc://"));
    assert_non_null(strstr(rg_error(), "no answer within 30 ms"));
    assert_null(reply);
    assert_int_equal(rg_link_pending(f->link), 0);
    await(&f->server.came, 2);
    server_release_kept(&f->server);
    assert_asks(f, 3);
    assert_int_equal(rg_link_poll(f->link, 0), 0);
    server_stop(&f->server);
    assert_int_equal(f->server.n_kept, 0);
}

static void a_deadline_ends_only_its_own_request(void **state)
{
    fixture_t *f = *state;
    replies_t late = {0}, kept = {0};
    rg_msg_t *request = batch_request(2, 1);
    fixture_start(f);
    assert_asks(f, 1); // connected: what follows is sent at once
    rg_link_send(f->link, &request, 30, note, &late);
    send_batch(f, 4, &kept);
    while (!late.count) assert_int_equal(rg_link_poll(f->link, -1), 0);
    assert_int_equal(late.err[0], RG_ETIMEOUT);
    assert_non_null(strstr(late.sentence, "loader (ipc://"));
    assert_non_null(strstr(late.sentence, "no answer within 30 ms"));
    assert_int_equal(rg_link_pending(f->link), 1);
    await(&f->server.came, 3);
    server_release_kept(&f->server);
    while (!kept.count) assert_int_equal(rg_link_poll(f->link, -1), 0);
    assert_int_equal(kept.index[0], 4);
    assert_asks(f, 3);
    assert_int_equal(late.count, 1); // its reply came and was dropped
    server_stop(&f->server);
}

// Both before it was sent and while it is in flight.
static void a_forgotten_request_is_not_answered(void **state)
{
    fixture_t *f = *state;
    replies_t forgotten = {0}, kept = {0};
    assert_false(rg_link_connected(f->link));
    send_batch(f, 1, &forgotten);
    rg_link_forget(f->link, &forgotten);
    assert_int_equal(rg_link_pending(f->link), 0);
    fixture_start(f);
    send_batch(f, 2, &forgotten);
    send_batch(f, 4, &kept);
    while (!rg_link_connected(f->link)) assert_int_equal(rg_link_poll(f->link, 10), 0);
    await(&f->server.came, 2);
    rg_link_forget(f->link, &forgotten);
    assert_int_equal(rg_link_pending(f->link), 1);
    server_release_kept(&f->server);
    while (!kept.count) assert_int_equal(rg_link_poll(f->link, 10), 0);
    assert_asks(f, 3);
    assert_int_equal(forgotten.count, 0);
    assert_int_equal(kept.index[0], 4);
    server_stop(&f->server);
}

static void an_absent_service_times_out(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *request = batch_request(2, 1), *reply = NULL;
    assert_int_equal(rg_link_ask(f->link, &request, &reply, 1), RG_ETIMEOUT);
    assert_int_equal(rg_link_pending(f->link), 0);
}

static void the_stop_flag_ends_waiting(void **state)
{
    fixture_t *f = *state;
    f->server.stop = &f->stop;
    fixture_start(f);
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_MODEL_REQUEST), *reply = NULL;
    assert_int_equal(rg_link_ask(f->link, &request, &reply, -1),
                     RG_ESTOPPED); // the service sets the flag
    assert_string_equal(rg_error(), "loader: stopped while waiting for a reply");
    assert_int_equal(rg_link_poll(f->link, -1), RG_ESTOPPED);
    server_stop(&f->server);
}

// A callback that sends the next request and asks another one before it returns.
typedef struct {
    fixture_t *f;
    int left, asked;
} chain_t;

static void next_in_chain(void *self, int err, const rg_msg_t *reply)
{
    chain_t *chain = self;
    (void)reply;
    assert_int_equal(err, 0);
    if (chain->left-- == 0) return;
    rg_msg_t *request = batch_request(1, 1);
    rg_link_send(chain->f->link, &request, -1, next_in_chain, chain);
    assert_asks(chain->f, 5);
    chain->asked++;
}

static void callbacks_may_send_and_ask(void **state)
{
    fixture_t *f = *state;
    chain_t chain = {.f = f, .left = 5};
    fixture_start(f);
    rg_msg_t *request = batch_request(1, 1);
    rg_link_send(f->link, &request, -1, next_in_chain, &chain);
    while (chain.left >= 0) assert_int_equal(rg_link_poll(f->link, -1), 0);
    assert_int_equal(chain.asked, 5);
    server_stop(&f->server);
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
    fixture_t *f = *state;
    static char pixels[100000];
    memset(pixels, 'p', sizeof pixels);
    fixture_start(f);
    rg_msg_t *request = batch_request(1, 1), *reply = NULL;
    rg_msg_attach(request, "pixels", RG__V1__DTYPE__U8, 1, (uint32_t[]){sizeof pixels}, pixels, count_release,
                  NULL);
    assert_int_equal(rg_link_ask(f->link, &request, &reply, -1), 0);
    rg_msg_destroy(&reply);
    server_stop(&f->server);
    rg_link_destroy(&f->link);
    zsys_shutdown(); // waits for the io thread, which drops the last reference
    assert_int_equal(releases, 1);
}

static void bad_endpoints_are_refused(void **state)
{
    fixture_t *f = *state;
    rg_link_t *link = NULL;
    assert_int_equal(rg_link_new(&link, &f->options, "loader", "http://x", NULL), RG_ECONFIG);
    assert_string_equal(rg_error(), "http://x: an endpoint begins with ipc:// or tcp://");
    assert_int_equal(rg_link_new(&link, &f->options, "loader", "ipc://", NULL), RG_ECONFIG);
    assert_int_equal(rg_link_new(&link, &f->options, "loader", "tcp://192.0.2.1:5", NULL), RG_ECONFIG);
    assert_non_null(strstr(rg_error(), "endpoints.insecure"));
    assert_int_equal(rg_link_new(&link, &f->options, "loader", "tcp://127.0.0.1:nonsense", NULL), RG_ECONFIG);
    assert_non_null(strstr(rg_error(), "tcp://127.0.0.1:nonsense: 'nonsense' is not a port"));
    assert_null(link);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, link_make, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(a_request_is_answered),
        WITH_FIXTURE(a_link_may_come_before_its_service),
        WITH_FIXTURE(tcp_with_a_port_of_its_own),
        WITH_FIXTURE(an_error_reply_is_the_callers_error),
        WITH_FIXTURE(too_large_a_message_is_an_error_on_either_side),
        WITH_FIXTURE(requests_in_flight_are_the_credit_in_use),
        WITH_FIXTURE(what_a_lost_service_had_is_sent_again_in_order),
        WITH_FIXTURE(a_request_that_was_open_twice_is_not_sent_a_third_time),
        WITH_FIXTURE(what_was_open_beside_it_is_answered),
        WITH_FIXTURE(a_connection_may_break_any_number_of_times_while_the_service_runs),
        WITH_FIXTURE(a_link_that_does_not_look_outlives_its_service),
        WITH_FIXTURE(a_late_reply_is_nobodys),
        WITH_FIXTURE(a_deadline_ends_only_its_own_request),
        WITH_FIXTURE(a_forgotten_request_is_not_answered),
        WITH_FIXTURE(an_absent_service_times_out),
        WITH_FIXTURE(the_stop_flag_ends_waiting),
        WITH_FIXTURE(callbacks_may_send_and_ask),
        WITH_FIXTURE(bad_endpoints_are_refused),
        WITH_FIXTURE(an_attached_payload_is_released_once), // last: it shuts ZeroMQ down
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
