#include <stdatomic.h>
#include <czmq.h>
#include <sys/un.h>

#include "common/core/err.h"
#include "common/core/file.h"
#include "tests/support/test.h"
#include "tests/unit/wire/fixture.h"

static rg_msg_t *ask_status(fixture_t *f)
{
    rg_link_t *link;
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_STATUS_REQUEST), *reply = NULL;
    assert_int_equal(rg_link_new(&link, &f->options, "fixture", f->server.bound, NULL), 0);
    if (rg_link_ask(link, &request, &reply, -1) != 0) fail_msg("%s", rg_error());
    rg_link_destroy(&link);
    return reply;
}

static void status_is_answered_by_the_loop(void **state)
{
    fixture_t *f = *state;
    fixture_start(f);
    rg_msg_t *reply = ask_status(f);
    const Rg__V1__StatusReply *status = rg_msg_body(reply);
    assert_string_equal(status->service, "fixture");
    assert_string_equal(status->version, RG_VERSION);
    assert_int_equal(status->pid, getpid());
    assert_true(status->uptime_s >= 0 && status->uptime_s < 3600);
    assert_int_equal(status->n_fields, 2);
    assert_string_equal(status->fields[0]->key, "seen");
    assert_string_equal(status->fields[0]->value, "0");
    assert_string_equal(status->fields[1]->value, "fine");
    rg_msg_destroy(&reply);
    server_stop(&f->server);
    assert_int_equal(f->server.run_err, 0);
}

// ---- endpoints
static void a_living_ipc_path_is_not_taken(void **state)
{
    fixture_t *f = *state;
    server_t second = {0};
    char want[700];
    fixture_start(f);
    assert_int_equal(server_start(&second, &f->options, f->endpoint), RG_EIO);
    snprintf(want, sizeof want, "%s: already in use by process %d", f->endpoint, (int)getpid());
    assert_string_equal(rg_error(), want);
    rg_msg_t *reply = ask_status(f); // the first still answers
    rg_msg_destroy(&reply);
    server_stop(&f->server);
    assert_int_equal(server_start(&second, &f->options, f->endpoint), 0);
    server_stop(&second);
}

static void a_dead_process_path_is_replaced(void **state)
{
    fixture_t *f = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char lock[700];
    strcpy(address.sun_path, f->endpoint + 6);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd); // the path stays
    snprintf(lock, sizeof lock, "%s.lock", address.sun_path);
    assert_int_equal(rg_file_write(lock, "1\n", 2), 0);
    fixture_start(f);
    rg_msg_t *reply = ask_status(f);
    rg_msg_destroy(&reply);
    server_stop(&f->server);
    assert_false(rg_exists(address.sun_path));
}

static void a_file_in_the_way_is_kept(void **state)
{
    fixture_t *f = *state;
    server_t service = {0};
    assert_int_equal(rg_file_write(f->endpoint + 6, "precious", 8), 0);
    assert_int_equal(server_start(&service, &f->options, f->endpoint), RG_EIO);
    assert_non_null(strstr(rg_error(), "the path exists and is not a socket"));
    assert_true(rg_exists(f->endpoint + 6));
}

static void a_tcp_port_in_use_is_told(void **state)
{
    fixture_t *f = *state;
    server_t second = {0};
    char want[200];
    strcpy(f->endpoint, "tcp://127.0.0.1:*");
    fixture_start(f);
    assert_int_equal(server_start(&second, &f->options, f->server.bound), RG_EIO);
    snprintf(want, sizeof want, "%s: cannot listen: Address already in use", f->server.bound);
    assert_string_equal(rg_error(), want);
    server_stop(&f->server);
}

static void unsafe_and_impossible_endpoints_are_refused(void **state)
{
    fixture_t *f = *state;
    server_t service = {0};
    char path[200] = "ipc://";
    static const char *open[] = {"tcp://*:*", "tcp://0.0.0.0:*", "tcp://127.evil.example:5", "tcp://[::]:*"};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(server_start(&service, &f->options, open[i]), RG_ECONFIG);
        assert_non_null(strstr(rg_error(), "endpoints.insecure: true"));
    }
    f->options.insecure = 1;
    assert_int_equal(server_start(&service, &f->options, "tcp://*:*"), 0);
    server_stop(&service);
    memset(path + 6, 'x', 108);
    assert_int_equal(server_start(&service, &f->options, path), RG_ECONFIG);
    assert_non_null(strstr(rg_error(), "a path of 108 characters is too long for a socket (107 at most)"));
    assert_int_equal(server_start(&service, &f->options, "inproc://x"), RG_ECONFIG);
}

static void assert_answers_at(fixture_t *f, const char *host, int port)
{
    rg_link_t *link;
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_STATUS_REQUEST), *reply = NULL;
    char endpoint[100];
    snprintf(endpoint, sizeof endpoint, "tcp://%s:%d", host, port);
    assert_ok(rg_link_new(&link, &f->options, "fixture", endpoint, NULL));
    assert_ok(rg_link_ask(link, &request, &reply, -1));
    rg_msg_destroy(&reply);
    rg_link_destroy(&link);
}

// A port that was free a moment ago on 127.0.0.1; 0 if the machine has no IPv6.
static int port_of_both(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 other = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0), six = socket(AF_INET6, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    other.sin6_port = address.sin_port;
    int both = six >= 0 && bind(six, (struct sockaddr *)&other, sizeof other) == 0;
    close(fd);
    if (six >= 0) close(six);
    return both ? ntohs(address.sin_port) : 0;
}

static void ipv6_and_localhost_are_loopback(void **state)
{
    fixture_t *f = *state;
    int port = port_of_both();
    if (!port) skip();
    snprintf(f->endpoint, sizeof f->endpoint, "tcp://[::1]:%d", port);
    fixture_start(f);
    assert_answers_at(f, "[::1]", port);
    server_stop(&f->server);
    port = port_of_both();
    snprintf(f->endpoint, sizeof f->endpoint, "tcp://localhost:%d", port);
    fixture_start(f);
    assert_answers_at(f, "localhost", port);
    assert_answers_at(f, "127.0.0.1", port);
    server_stop(&f->server);
    port = port_of_both();
    f->options.insecure = 1;
    snprintf(f->endpoint, sizeof f->endpoint, "tcp://*:%d", port);
    fixture_start(f);
    assert_answers_at(f, "127.0.0.1", port);
    assert_answers_at(f, "[::1]", port);
    server_stop(&f->server);
}

// ---- hostile peers
static void *raw_dealer(fixture_t *f, zsock_t **socket)
{
    *socket = zsock_new(ZMQ_DEALER);
    zsock_set_linger(*socket, 0);
    void *handle = zsock_resolve(*socket);
    assert_int_equal(zmq_connect(handle, f->server.bound), 0);
    return handle;
}

static void send_raw(void *handle, const void *data, size_t size, int frames)
{
    for (int i = 0; i < frames; i++)
        assert_int_equal(zmq_send(handle, data, size, i + 1 < frames ? ZMQ_SNDMORE : 0), size);
}

static size_t pack_status(uint64_t id, uint32_t version, unsigned char *out)
{
    Rg__V1__Envelope envelope = RG__V1__ENVELOPE__INIT;
    Rg__V1__StatusRequest body = RG__V1__STATUS_REQUEST__INIT;
    envelope.version = version;
    envelope.id = id;
    envelope.body_case = RG__V1__ENVELOPE__BODY_STATUS_REQUEST;
    envelope.status_request = &body;
    return rg__v1__envelope__pack(&envelope, out);
}

static void expect_error(void *handle, uint64_t id, int want)
{
    unsigned char bytes[1000];
    rg_msg_t *reply;
    int size = zmq_recv(handle, bytes, sizeof bytes, 0);
    assert_true(size > 0 && size <= (int)sizeof bytes);
    rg_frame_t frame = {.data = bytes, .size = (size_t)size};
    assert_int_equal(rg_msg_parse(&reply, &frame, 1, NULL, NULL), 0);
    assert_int_equal(rg_msg_id(reply), id);
    assert_int_equal(rg_msg_failed(reply, "fixture"), want);
    rg_msg_destroy(&reply);
}

static void bad_messages_are_refused_and_the_service_goes_on(void **state)
{
    fixture_t *f = *state;
    zsock_t *socket;
    unsigned char envelope[100];
    fixture_start(f);
    void *handle = raw_dealer(f, &socket);
    send_raw(handle, "\xff\xff\xff", 3, 1); // no id to answer
    send_raw(handle, "", 0, 1);
    send_raw(handle, "\xff", 1, 1000); // more frames than a message has
    send_raw(handle, envelope, pack_status(7, 9, envelope), 1);
    expect_error(handle, 7, RG_EVERSION);
    send_raw(handle, envelope, pack_status(8, 1, envelope), 3); // frames that the envelope does not announce
    expect_error(handle, 8, RG_EFORMAT);
    send_raw(handle, envelope, pack_status(9, 1, envelope), 400);
    expect_error(handle, 9, RG_ELIMIT);
    rg_msg_t *reply = ask_status(f);
    rg_msg_destroy(&reply);
    zsock_destroy(&socket);
    server_stop(&f->server);
    assert_int_equal(f->server.run_err, 0);
}

static void a_long_identity_is_dropped(void **state)
{
    fixture_t *f = *state;
    unsigned char envelope[100];
    char identity[200];
    fixture_start(f);
    memset(identity, 'i', sizeof identity);
    zsock_t *socket = zsock_new(ZMQ_DEALER);
    void *handle = zsock_resolve(socket);
    zmq_setsockopt(handle, ZMQ_ROUTING_ID, identity, sizeof identity);
    zsock_set_linger(socket, 0);
    assert_int_equal(zmq_connect(handle, f->server.bound), 0);
    send_raw(handle, envelope, pack_status(7, 1, envelope), 1);
    rg_msg_t *reply = ask_status(f);
    rg_msg_destroy(&reply);
    zsock_destroy(&socket);
    server_stop(&f->server);
}

static void a_peer_that_never_reads_harms_nobody(void **state)
{
    fixture_t *f = *state;
    zsock_t *socket;
    unsigned char envelope[100];
    fixture_start(f);
    void *handle = raw_dealer(f, &socket);
    size_t size = pack_status(7, 1, envelope);
    zmq_setsockopt(handle, ZMQ_RCVHWM, &(int){1}, sizeof(int));
    for (int i = 0; i < 3000; i++) send_raw(handle, envelope, size, 1); // far beyond every queue
    rg_msg_t *reply = ask_status(f);
    rg_msg_destroy(&reply);
    zsock_destroy(&socket);
    server_stop(&f->server);
}

static void a_peer_that_left_is_forgotten(void **state)
{
    fixture_t *f = *state;
    rg_link_t *link;
    rg_msg_t *request = batch_request(2, 1);
    fixture_start(f);
    assert_int_equal(rg_link_new(&link, &f->options, "fixture", f->server.bound, NULL), 0);
    rg_link_send(link, &request, -1, NULL, NULL);
    while (sem_trywait(&f->server.came) != 0) rg_link_poll(link, 10);
    rg_link_destroy(&link);
    server_release_kept(&f->server);
    rg_msg_t *reply = ask_status(f);
    rg_msg_destroy(&reply);
    server_stop(&f->server);
    assert_int_equal(f->server.run_err, 0);
}

// ---- a service that asks another
typedef struct {
    rg_service_t *service;
    rg_link_t *link;
    rg_peer_t asker;
    atomic_int timeout_ms;
} relay_t;

static void pass_back(void *self, int err, const rg_msg_t *reply)
{
    relay_t *relay = self;
    if (err) {
        rg_service_refuse(relay->service, &relay->asker, err);
        return;
    }
    rg_msg_t *copy = rg_msg_new(RG__V1__ENVELOPE__BODY_BATCH_REPLY);
    ((Rg__V1__BatchReply *)rg_msg_body(copy))->index =
        100 + ((Rg__V1__BatchReply *)rg_msg_body(reply))->index;
    rg_service_reply(relay->service, &relay->asker, &copy);
}

static int pass_on(void *self, const rg_peer_t *peer, const rg_msg_t *request)
{
    relay_t *relay = self;
    relay->asker = *peer;
    rg_msg_t *copy = rg_msg_kind(request) == RG__V1__ENVELOPE__BODY_BATCH_REQUEST
                         ? batch_request(((Rg__V1__BatchRequest *)rg_msg_body(request))->index, 1)
                         : rg_msg_new(RG__V1__ENVELOPE__BODY_EMBED_REQUEST);
    rg_link_send(relay->link, &copy, relay->timeout_ms, pass_back, relay);
    return 0;
}

static void *run_relay(void *argument)
{
    relay_t *relay = argument;
    rg_service_run(relay->service);
    return NULL;
}

static void links_are_served_by_the_loop(void **state)
{
    fixture_t *f = *state;
    relay_t relay = {.timeout_ms = -1};
    pthread_t thread;
    static const rg_route_t routes[] = {{RG__V1__ENVELOPE__BODY_BATCH_REQUEST, pass_on, RG_ROLE_WRITER},
                                        {RG__V1__ENVELOPE__BODY_EMBED_REQUEST, pass_on, RG_ROLE_READER}};
    rg_service_spec_t spec = {
        .name = "relay", .endpoint = "tcp://127.0.0.1:*", .routes = routes, .n_routes = 2, .self = &relay};
    fixture_start(f);
    assert_int_equal(rg_service_new(&relay.service, &f->options, &spec), 0);
    assert_int_equal(rg_link_new(&relay.link, &f->options, "fixture", f->server.bound, NULL), 0);
    rg_service_add_link(relay.service, relay.link);
    assert_int_equal(pthread_create(&thread, NULL, run_relay, &relay), 0);

    rg_link_t *link;
    rg_msg_t *request = batch_request(7, 1), *reply = NULL;
    assert_int_equal(rg_link_new(&link, &f->options, "relay", rg_service_endpoint(relay.service), NULL), 0);
    assert_int_equal(rg_link_ask(link, &request, &reply, -1), 0);
    assert_int_equal(((Rg__V1__BatchReply *)rg_msg_body(reply))->index, 107);
    rg_msg_destroy(&reply);
    request = rg_msg_new(RG__V1__ENVELOPE__BODY_EMBED_REQUEST);
    assert_int_equal(rg_link_ask(link, &request, &reply, -1), RG_EMODEL);
    assert_string_equal(rg_error(), "relay: fixture: no model is loaded");
    relay.timeout_ms = 50;
    request = batch_request(2, 1); // which the fixture keeps
    assert_int_equal(rg_link_ask(link, &request, &reply, -1), RG_ETIMEOUT);
    assert_non_null(strstr(rg_error(), "no answer within 50 ms"));
    rg_link_destroy(&link);

    pthread_kill(thread, SIGTERM);
    pthread_join(thread, NULL);
    rg_link_destroy(&relay.link);
    rg_service_destroy(&relay.service);
    server_stop(&f->server);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_make, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(status_is_answered_by_the_loop),
        WITH_FIXTURE(a_living_ipc_path_is_not_taken),
        WITH_FIXTURE(a_dead_process_path_is_replaced),
        WITH_FIXTURE(a_file_in_the_way_is_kept),
        WITH_FIXTURE(a_tcp_port_in_use_is_told),
        WITH_FIXTURE(unsafe_and_impossible_endpoints_are_refused),
        WITH_FIXTURE(ipv6_and_localhost_are_loopback),
        WITH_FIXTURE(bad_messages_are_refused_and_the_service_goes_on),
        WITH_FIXTURE(a_long_identity_is_dropped),
        WITH_FIXTURE(a_peer_that_never_reads_harms_nobody),
        WITH_FIXTURE(a_peer_that_left_is_forgotten),
        WITH_FIXTURE(links_are_served_by_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
