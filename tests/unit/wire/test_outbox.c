#include <stdlib.h>
#include <string.h>

#include "common/core/err.h"
#include "common/wire/traffic.h"
#include "tests/support/test.h"

enum { LIMIT = 1000 };

static rg_peer_t peer(unsigned char name)
{
    return (rg_peer_t){.identity = {name}, .identity_size = 1};
}

static rg_msg_t *message(uint32_t bytes)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_BATCH_REPLY);
    rg_msg_reserve(msg, "bytes", RG__V1__DTYPE__U8, 1, &bytes);
    return msg;
}

static int post(rg__unread_t *unread, unsigned char to, uint32_t bytes, rg_msg_t **msg)
{
    rg_peer_t receiver = peer(to);
    *msg = message(bytes);
    int err = rg__unread_add(unread, &receiver, *msg);
    if (err) rg_msg_destroy(msg);
    return err;
}

static void one_peer_may_have_half(void **state)
{
    (void)state;
    rg__unread_t *unread = rg__unread_new(LIMIT);
    rg_msg_t *first, *second, *other, *more;
    assert_int_equal(post(unread, 'a', 300, &first), 0);
    assert_int_equal(post(unread, 'a', 200, &second), 0);
    assert_int_equal(post(unread, 'a', 1, &more), RG_EBUSY);
    assert_string_equal(rg_error(), "500 bytes of replies are not read yet; read them before you ask again");
    assert_int_equal(post(unread, 'b', 500, &other), 0);
    assert_int_equal(post(unread, 'c', 1, &more), RG_EBUSY); // everything is taken
    rg_msg_destroy(&first);
    assert_int_equal(post(unread, 'a', 300, &first), 0);
    rg_msg_destroy(&first);
    rg_msg_destroy(&second);
    rg_msg_destroy(&other);
    rg__unread_destroy(&unread);
}

static void one_message_always_goes(void **state)
{
    (void)state;
    rg__unread_t *unread = rg__unread_new(LIMIT);
    rg_msg_t *large, *more;
    assert_int_equal(post(unread, 'a', 5000, &large), 0);
    assert_int_equal(post(unread, 'a', 1, &more), RG_EBUSY);
    rg_msg_destroy(&large);
    assert_int_equal(post(unread, 'a', 5000, &large), 0);
    rg_msg_destroy(&large);
    rg__unread_destroy(&unread);
}

static void what_has_no_payload_is_not_counted(void **state)
{
    (void)state;
    rg__unread_t *unread = rg__unread_new(LIMIT);
    rg_msg_t *large, *empty = rg_msg_new(RG__V1__ENVELOPE__BODY_STATUS_REPLY);
    rg_peer_t receiver = peer('a');
    assert_int_equal(post(unread, 'a', LIMIT, &large), 0);
    assert_int_equal(rg__unread_add(unread, &receiver, empty), 0);
    rg_msg_destroy(&empty);
    rg_msg_destroy(&large);
    rg__unread_destroy(&unread);
}

static void places_are_used_again(void **state)
{
    (void)state;
    rg__unread_t *unread = rg__unread_new(LIMIT);
    for (uint32_t i = 0; i < 5000; i++) {
        rg_peer_t receiver = {.identity_size = sizeof i};
        memcpy(receiver.identity, &i, sizeof i);
        rg_msg_t *msg = message(100);
        assert_int_equal(rg__unread_add(unread, &receiver, msg), 0);
        rg_msg_destroy(&msg);
    }
    rg__unread_destroy(&unread);
}

static void count_release(void *data, void *hint)
{
    (void)data;
    ++*(int *)hint;
}

// A reply of another service that is passed on.
static void a_received_message_is_counted(void **state)
{
    (void)state;
    rg__unread_t *unread = rg__unread_new(LIMIT);
    rg_peer_t receiver = peer('a');
    rg_msg_t *built = message(LIMIT), *received = NULL, *more;
    unsigned char *envelope;
    rg_frame_t frames[2];
    int releases = 0;
    assert_int_equal(rg_msg_pack(built, 1, &envelope, &frames[0].size), 0);
    frames[0].data = envelope;
    rg_msg_frame(built, 0, &frames[1]);
    assert_int_equal(rg_msg_parse(&received, frames, 2, count_release, &releases), 0);
    assert_int_equal(rg__unread_add(unread, &receiver, received), 0);
    assert_int_equal(post(unread, 'a', 1, &more), RG_EBUSY);
    rg_msg_destroy(&received);
    assert_int_equal(releases, 1);
    assert_int_equal(post(unread, 'a', 1, &more), 0);
    rg_msg_destroy(&more);
    rg_msg_destroy(&built);
    free(envelope);
    rg__unread_destroy(&unread);
}

// The last frame may leave after the service has ended.
static void a_message_outlives_the_budget(void **state)
{
    (void)state;
    rg__unread_t *unread = rg__unread_new(LIMIT);
    rg_msg_t *msg;
    assert_int_equal(post(unread, 'a', 100, &msg), 0);
    rg__unread_destroy(&unread);
    rg_msg_destroy(&msg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_peer_may_have_half),
        cmocka_unit_test(one_message_always_goes),
        cmocka_unit_test(what_has_no_payload_is_not_counted),
        cmocka_unit_test(places_are_used_again),
        cmocka_unit_test(a_received_message_is_counted),
        cmocka_unit_test(a_message_outlives_the_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
