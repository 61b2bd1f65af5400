// The budget of replies that are not read.
#include "common/wire/unread.h"

#include <czmq.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/test.h"
#include "tests/unit/wire/fixture.h"

enum { KIB = 1 << 10, LIMIT = 1000 * KIB, PATIENT_MS = 3600000 };

static rg_peer_t peer(unsigned char name)
{
    return (rg_peer_t){.identity = {name}, .identity_size = 1, .client = name, .socket = -1};
}

static rg_msg_t *message(uint32_t bytes)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_BATCH_REPLY);
    rg_msg_reserve(msg, "bytes", RG__V1__DTYPE__U8, 1, &bytes);
    return msg;
}

static int post_to(rg__unread_t *unread, const rg_peer_t *receiver, uint32_t bytes, rg_msg_t **msg)
{
    *msg = message(bytes);
    int err = rg__unread_add(unread, receiver, *msg);
    if (err) rg_msg_destroy(msg);
    return err;
}

static int post(rg__unread_t *unread, unsigned char to, uint32_t bytes, rg_msg_t **msg)
{
    const rg_peer_t receiver = peer(to);
    return post_to(unread, &receiver, bytes, msg);
}

static void one_client_may_have_half(void **state)
{
    (void)state;
    rg__unread_t *unread = rg__unread_new(LIMIT, PATIENT_MS);
    rg_msg_t *first, *second, *other, *more;
    assert_ok(post(unread, 'a', 280 * KIB, &first));
    assert_ok(post(unread, 'a', 180 * KIB, &second));
    assert_fails(post(unread, 'a', 30 * KIB, &more), RG_EBUSY,
                 "bytes of replies are not read yet; read them before you ask again");
    assert_ok(post(unread, 'b', 480 * KIB, &other));
    assert_fails(post(unread, 'c', 50 * KIB, &more), RG_EBUSY, "to others are not read yet; try again later");
    rg_msg_destroy(&first);
    assert_ok(post(unread, 'a', 280 * KIB, &first));
    rg_msg_destroy(&first);
    rg_msg_destroy(&second);
    rg_msg_destroy(&other);
    rg__unread_destroy(&unread);
}

// They have different identities and the same key.
static void connections_of_a_client_share_its_half(void **state)
{
    (void)state;
    rg__unread_t *unread = rg__unread_new(LIMIT, PATIENT_MS);
    rg_msg_t *msgs[4], *more;
    for (unsigned char i = 0; i < 4; i++) {
        rg_peer_t receiver = peer(i);
        receiver.client = 7;
        assert_ok(post_to(unread, &receiver, 100 * KIB, &msgs[i]));
    }
    rg_peer_t fifth = peer(5);
    fifth.client = 7;
    assert_int_equal(post_to(unread, &fifth, 100 * KIB, &more), RG_EBUSY);
    assert_int_equal(rg__unread_check(unread, &fifth), 0); // a smaller one would fit
    assert_ok(post(unread, 'b', 400 * KIB, &more));
    rg_msg_destroy(&more);
    for (int i = 0; i < 4; i++) rg_msg_destroy(&msgs[i]);
    rg__unread_destroy(&unread);
}

static void one_message_always_goes(void **state)
{
    (void)state;
    rg__unread_t *unread = rg__unread_new(LIMIT, PATIENT_MS);
    const rg_peer_t receiver = peer('a');
    rg_msg_t *large, *more;
    assert_ok(post(unread, 'a', 5 * LIMIT, &large));
    assert_int_equal(post(unread, 'a', 1, &more), RG_EBUSY);
    assert_int_equal(rg__unread_check(unread, &receiver), RG_EBUSY);
    rg_msg_destroy(&large);
    assert_ok(rg__unread_check(unread, &receiver));
    assert_ok(post(unread, 'a', 5 * LIMIT, &large));
    rg_msg_destroy(&large);
    rg__unread_destroy(&unread);
}

static void what_has_no_payload_counts_too(void **state)
{
    (void)state;
    rg__unread_t *unread = rg__unread_new(LIMIT, PATIENT_MS);
    const rg_peer_t receiver = peer('a');
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_TRAIN_REPLY), *more;
    char *report = rg_msg_alloc(msg, LIMIT);
    memset(report, ' ', LIMIT - 1);
    ((Rg__V1__TrainReply *)rg_msg_body(msg))->report = report;
    assert_ok(rg__unread_add(unread, &receiver, msg));
    assert_int_equal(post(unread, 'a', 1, &more), RG_EBUSY);
    rg_msg_destroy(&msg);
    rg__unread_destroy(&unread);
}

// Nobody else has to wait, and the budget is far from used up.
static void who_reads_nothing_waits_long_before_the_budget_ends(void **state)
{
    (void)state;
    rg__unread_t *unread = rg__unread_new(LIMIT, 20); // 1 ms without reading is too long
    const rg_peer_t receiver = peer('a');
    rg_msg_t *first, *other, *more;
    assert_ok(post(unread, 'a', 10 * KIB, &first));
    zclock_sleep(3);
    assert_int_equal(rg__unread_check(unread, &receiver), RG_EBUSY);
    assert_fails(post(unread, 'a', 1, &more), RG_EBUSY,
                 "wait on this connection; read them before you ask again");
    assert_ok(post(unread, 'b', 1, &other));
    rg_msg_destroy(&first);
    assert_ok(post(unread, 'a', 1, &more));
    rg_msg_destroy(&more);
    rg_msg_destroy(&other);
    rg__unread_destroy(&unread);
}

// Of a request that has come, the sooner the more is unread. What has been worked out is sent nevertheless.
static void who_lets_much_wait_is_refused_sooner(void **state)
{
    (void)state;
    rg__unread_t *unread = rg__unread_new(LIMIT, 200000); // 10 s with a 256th of the limit unread
    const rg_peer_t much = peer('a'), little = peer('b');
    rg_msg_t *msgs[2], *more;
    assert_ok(post(unread, 'a', 400 * KIB, &msgs[0])); // 103 times as much: 97 ms
    assert_ok(post(unread, 'b', 1, &msgs[1]));
    zclock_sleep(110);
    assert_fails(rg__unread_check(unread, &much), RG_EBUSY, "wait on this connection");
    assert_ok(rg__unread_check(unread, &little));
    assert_ok(post(unread, 'a', 1, &more));
    rg_msg_destroy(&more);
    for (int i = 0; i < 2; i++) rg_msg_destroy(&msgs[i]);
    rg__unread_destroy(&unread);
}

static void places_are_used_again(void **state)
{
    (void)state;
    rg__unread_t *unread = rg__unread_new(LIMIT, PATIENT_MS);
    for (uint32_t i = 0; i < 5000; i++) {
        rg_peer_t receiver = {.identity_size = sizeof i, .client = i};
        memcpy(receiver.identity, &i, sizeof i);
        rg_msg_t *msg = message(100);
        assert_ok(rg__unread_add(unread, &receiver, msg));
        rg_msg_destroy(&msg);
    }
    rg__unread_destroy(&unread);
}

static void count_release(void *data, void *hint)
{
    (void)data;
    ++*(int *)hint;
}

// A reply of another service, passed on to the peer.
static void a_received_message_is_counted(void **state)
{
    (void)state;
    rg__unread_t *unread = rg__unread_new(LIMIT, PATIENT_MS);
    rg_peer_t receiver = peer('a');
    rg_msg_t *built = message(LIMIT), *received = NULL, *more;
    unsigned char *envelope;
    rg_frame_t frames[2];
    int releases = 0;
    assert_ok(rg_msg_pack(built, 1, &envelope, &frames[0].size));
    frames[0].data = envelope;
    rg_msg_frame(built, 0, &frames[1]);
    assert_ok(rg_msg_parse(&received, frames, 2, count_release, &releases));
    assert_ok(rg__unread_add(unread, &receiver, received));
    assert_int_equal(post(unread, 'a', 1, &more), RG_EBUSY);
    rg_msg_destroy(&received);
    assert_int_equal(releases, 1);
    assert_ok(post(unread, 'a', 1, &more));
    rg_msg_destroy(&more);
    rg_msg_destroy(&built);
    free(envelope);
    rg__unread_destroy(&unread);
}

// The last frame may leave after the service has ended.
static void a_message_outlives_the_budget(void **state)
{
    (void)state;
    rg__unread_t *unread = rg__unread_new(LIMIT, PATIENT_MS);
    rg_msg_t *msg;
    assert_ok(post(unread, 'a', 100, &msg));
    rg__unread_destroy(&unread);
    rg_msg_destroy(&msg);
}

// ---- connections that are broken
static int is_broken(int end)
{
    char byte;
    return recv(end, &byte, 1, MSG_DONTWAIT) == 0;
}

// Connections 0 and 1 belong to client 1, 2 and 3 to client 2. They become stuck in this order.
static void whoever_is_stuck_longest_is_broken(void **state)
{
    (void)state;
    rg__unread_t *unread = rg__unread_new(LIMIT, 0);
    rg_msg_t *msgs[4], *more;
    int ends[4][2];
    for (unsigned char i = 0; i < 4; i++) {
        rg_peer_t receiver = peer(i);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends[i]), 0);
        receiver.socket = ends[i][0];
        receiver.client = 1 + i / 2;
        assert_ok(post_to(unread, &receiver, 200 * KIB, &msgs[i]));
    }
    rg_peer_t third = peer(2);
    third.client = 2;
    assert_int_equal(post_to(unread, &third, 200 * KIB, &more), RG_EBUSY); // its own half is full
    assert_false(is_broken(ends[0][1]));
    assert_true(is_broken(ends[2][1]));
    assert_int_equal(post(unread, 'x', 300 * KIB, &more), RG_EBUSY); // all is full
    assert_true(is_broken(ends[0][1]));
    assert_false(is_broken(ends[1][1]));
    assert_false(is_broken(ends[3][1]));
    rg_msg_destroy(&msgs[0]); // as ZeroMQ does for a connection that has ended
    assert_ok(post(unread, 'x', 300 * KIB, &more));
    rg_msg_destroy(&more);
    for (int i = 1; i < 4; i++) rg_msg_destroy(&msgs[i]);
    for (int i = 0; i < 4; i++) close(ends[i][0]), close(ends[i][1]);
    rg__unread_destroy(&unread);
}

static void nobody_is_broken_before_the_patience_ends(void **state)
{
    (void)state;
    rg__unread_t *unread = rg__unread_new(LIMIT, PATIENT_MS);
    rg_msg_t *msg, *more;
    rg_peer_t receiver = peer('a');
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    receiver.socket = ends[0];
    assert_ok(post_to(unread, &receiver, LIMIT, &msg));
    assert_int_equal(post_to(unread, &receiver, 1, &more), RG_EBUSY);
    assert_int_equal(post(unread, 'b', 1, &more), RG_EBUSY);
    assert_false(is_broken(ends[1]));
    rg_msg_destroy(&msg);
    close(ends[0]);
    close(ends[1]);
    rg__unread_destroy(&unread);
}

// ---- a service
// A peer that asks for batches and reads none of the answers.
static zsock_t *open_deaf_peer(fixture_t *f)
{
    zsock_t *socket = zsock_new(ZMQ_DEALER);
    void *handle = zsock_resolve(socket);
    zsock_set_linger(socket, 0);
    zmq_setsockopt(handle, ZMQ_RCVHWM, &(int){1}, sizeof(int));
    assert_int_equal(zmq_connect(handle, f->server.bound), 0);
    for (uint64_t i = 0; i < 8; i++) {
        rg_msg_t *request = batch_request(1, 60);
        unsigned char *envelope;
        size_t size;
        assert_ok(rg_msg_pack(request, 1 + i, &envelope, &size));
        assert_int_equal(zmq_send(handle, envelope, size, 0), (int)size);
        free(envelope);
        rg_msg_destroy(&request);
    }
    return socket;
}

// Of the budget, 1 MiB, they take so much that not even one reply of the link would fit.
static void deaf_peers_delay_a_client_and_do_not_stop_it(void **state)
{
    fixture_t *f = *state;
    zsock_t *deaf[3];
    f->options.unread_mib = 1;
    f->options.heartbeat_ms = 300;
    fixture_start(f);
    for (int i = 0; i < 3; i++) deaf[i] = open_deaf_peer(f);
    for (int i = 0; i < 3; i++) sem_wait(&f->server.came); // one reply each lies there
    assert_ok(rg_link_new(&f->link, &f->options, "fixture", f->endpoint, NULL));
    for (int i = 0; i < 5; i++) {
        rg_msg_t *request = batch_request(1, 50), *reply = NULL;
        assert_ok(rg_link_ask(f->link, &request, &reply, -1));
        rg_msg_destroy(&reply);
    }
    for (int i = 0; i < 3; i++) zsock_destroy(&deaf[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_client_may_have_half),
        cmocka_unit_test(connections_of_a_client_share_its_half),
        cmocka_unit_test(one_message_always_goes),
        cmocka_unit_test(what_has_no_payload_counts_too),
        cmocka_unit_test(who_reads_nothing_waits_long_before_the_budget_ends),
        cmocka_unit_test(who_lets_much_wait_is_refused_sooner),
        cmocka_unit_test(places_are_used_again),
        cmocka_unit_test(a_received_message_is_counted),
        cmocka_unit_test(a_message_outlives_the_budget),
        cmocka_unit_test(whoever_is_stuck_longest_is_broken),
        cmocka_unit_test(nobody_is_broken_before_the_patience_ends),
        cmocka_unit_test_setup_teardown(deaf_peers_delay_a_client_and_do_not_stop_it, fixture_make,
                                        fixture_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
