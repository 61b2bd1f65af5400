// What a peer may do to the service behind the front.
#include "common/wire/front.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/wire/socket.h"
#include "tests/support/test.h"

enum { QUEUE = 2, MESSAGES = 8, WAIT_MS = 20000, QUIET_MS = 300 };

static void send_all(int fd, const void *data, size_t size)
{
    assert_int_equal(send(fd, data, size, MSG_NOSIGNAL), (long)size);
}

// A peer that speaks ZMTP by hand, without encryption.
static int connect_peer(const char *endpoint)
{
    static const char greeting[64] = {'\xff', 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1, 'N', 'U', 'L', 'L', '\0'};
    static const char ready[] = "\4\x1c\5READY\13Socket-Type\0\0\0\6DEALER";
    char answer[256];
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)atoi(strrchr(endpoint, ':') + 1)),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    send_all(fd, greeting, sizeof greeting);
    send_all(fd, ready, sizeof ready - 1);
    for (long n, got = 0; got <= (long)sizeof greeting; got += n) { // until the other side is ready, too
        n = recv(fd, answer, sizeof answer, 0);
        assert_true(n > 0);
    }
    return fd;
}

static int receive(zsock_t *socket, long wait_ms)
{
    zmq_pollitem_t item = {.socket = zsock_resolve(socket), .events = ZMQ_POLLIN};
    if (zmq_poll(&item, 1, wait_ms) <= 0) return 0;
    rg__parts_t *parts = rg__parts_recv(socket);
    rg__parts_destroy(&parts);
    return 1;
}

// libzmq 4.3.4 aborts if the connection ends while the queue is full, and a ping is among what it holds.
static void a_ping_behind_a_full_queue_does_not_end_the_service(void **state)
{
    const rg_wire_options_t options = {
        .message_max_mib = 1, .queue = QUEUE, .connections = 8, .heartbeat_ms = 1000, .keys = ""};
    rg__front_t *front;
    int received = 0;
    (void)state;
    zsock_t *socket = rg__socket_new(ZMQ_ROUTER, &options, 0);
    assert_ok(rg__front_new(&front, &options, "tcp://127.0.0.1:*", socket));
    int fd = connect_peer(rg__front_endpoint(front));
    for (int i = 0; i < MESSAGES; i++) send_all(fd, "\0\5hello", 7);
    send_all(fd, "\4\7\4PING\0\x1e", 9);
    while (rg__front_counts(front).connections == 0) zclock_sleep(1);
    zclock_sleep(QUIET_MS); // ZeroMQ fills the queue and stops reading
    close(fd);
    zclock_sleep(QUIET_MS);
    while (received < MESSAGES && receive(socket, WAIT_MS)) received++;
    assert_int_equal(received, MESSAGES);
    while (rg__front_counts(front).connections > 0) zclock_sleep(1); // its place is free again
    rg__front_destroy(&front);
    zsock_destroy(&socket);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ping_behind_a_full_queue_does_not_end_the_service),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
