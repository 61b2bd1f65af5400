#include "common/wire/relay.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/test.h"

enum { LARGE = 1 << 20, PEER = 0, OURS = 1 };

static rg__relay_t relay;
static unsigned char sent[LARGE], got[LARGE];

// Two connections: bytes come from one and go to the other. A small buffer makes the other full early.
typedef struct {
    int from[2], to[2];
} sides_t;

static sides_t open_sides(int buffer)
{
    sides_t sides;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sides.from), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sides.to), 0);
    setsockopt(sides.to[OURS], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    buffer = RG__RELAY_BUFFER;
    setsockopt(sides.from[PEER], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    for (size_t i = 0; i < LARGE; i++) sent[i] = (unsigned char)(i * 7 + i / 251);
    return sides;
}

static void close_sides(const sides_t *sides)
{
    close(sides->from[PEER]), close(sides->from[OURS]);
    close(sides->to[PEER]), close(sides->to[OURS]);
}

static size_t take(const sides_t *sides, size_t at)
{
    ssize_t n;
    while ((n = recv(sides->to[PEER], got + at, sizeof got - at, MSG_DONTWAIT)) > 0) at += (size_t)n;
    return at;
}

// Moves n bytes while the other side reads only when it is full.
static void move_all(const sides_t *sides, size_t n, size_t *kept)
{
    rg__transit_t transit = {0};
    *kept = 0;
    for (size_t moved = 0, taken = 0; taken < n;) {
        if (transit.end == 0 && moved < n) {
            long more = rg__relay_splice(&relay, &transit, sides->from[OURS], sides->to[OURS], n - moved);
            assert_true(more > 0);
            moved += (size_t)more;
            *kept += transit.end;
        } else {
            taken = take(sides, taken);
            assert_int_equal(rg__relay_send(&transit, sides->to[OURS]), 0);
            rg__relay_keep(&relay, &transit);
        }
    }
    assert_null(transit.data);
    assert_memory_equal(got, sent, n);
}

static void all_bytes_arrive_however_full_the_other_side_is(void **state)
{
    size_t kept;
    (void)state;
    for (int buffer = 1; buffer <= RG__RELAY_BUFFER; buffer <<= 10) {
        sides_t sides = open_sides(buffer);
        ssize_t n = send(sides.from[PEER], sent, LARGE, 0);
        assert_true(n > 100000);
        move_all(&sides, (size_t)n, &kept);
        if (buffer == 1) assert_true(kept > 0);
        close_sides(&sides);
    }
}

// Bytes for a connection that is broken must not reach the next one.
static void a_broken_connection_leaves_nothing_behind(void **state)
{
    rg__transit_t transit = {0};
    sides_t broken = open_sides(RG__RELAY_BUFFER), next = open_sides(RG__RELAY_BUFFER);
    size_t kept;
    (void)state;
    close(broken.to[PEER]);
    assert_int_equal(send(broken.from[PEER], "secret", 6, 0), 6);
    assert_int_equal(rg__relay_splice(&relay, &transit, broken.from[OURS], broken.to[OURS], LARGE), -1);
    free(transit.data);
    assert_int_equal(send(next.from[PEER], sent, 1000, 0), 1000);
    move_all(&next, 1000, &kept);
    assert_int_equal(recv(next.to[PEER], got, sizeof got, MSG_DONTWAIT), -1);
    close(broken.from[PEER]), close(broken.from[OURS]), close(broken.to[OURS]);
    close_sides(&next);
}

static void the_end_of_a_stream_is_told_from_silence(void **state)
{
    rg__transit_t transit = {0};
    sides_t sides = open_sides(RG__RELAY_BUFFER);
    (void)state;
    assert_int_equal(rg__relay_read(&relay, &transit, sides.from[OURS], 10), 0);
    assert_int_equal(rg__relay_splice(&relay, &transit, sides.from[OURS], sides.to[OURS], 10), 0);
    assert_int_equal(send(sides.from[PEER], sent, 3, 0), 3);
    assert_int_equal(rg__relay_read(&relay, &transit, sides.from[OURS], 10), 3);
    transit.passed = 1;
    assert_int_equal(rg__relay_send(&transit, sides.to[OURS]), 0);
    rg__relay_keep(&relay, &transit);
    assert_int_equal(transit.end, 2); // they wait
    assert_memory_equal(transit.data, sent + 1, 2);
    free(transit.data);
    close(sides.from[PEER]);
    transit = (rg__transit_t){0};
    assert_int_equal(rg__relay_read(&relay, &transit, sides.from[OURS], 10), -1);
    assert_int_equal(rg__relay_splice(&relay, &transit, sides.from[OURS], sides.to[OURS], 10), -1);
    close(sides.from[OURS]), close(sides.to[PEER]), close(sides.to[OURS]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_bytes_arrive_however_full_the_other_side_is),
        cmocka_unit_test(a_broken_connection_leaves_nothing_behind),
        cmocka_unit_test(the_end_of_a_stream_is_told_from_silence),
    };
    signal(SIGPIPE, SIG_IGN); // worker threads block it
    assert_int_equal(rg__relay_init(&relay), 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rg__relay_fini(&relay);
    return failed;
}
