#include "common/wire/connection.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/endpoint.h"
#include "common/core/err.h"
#include "common/core/log.h"
#include "common/core/thread.h"

enum { REFUSED_MS = 1000, AGAIN_MS = 2000, AGAIN_ALONE_MS = 500 };

// ---- life
// ZeroMQ reports events over an inproc PAIR socket, which is polled like any other. The time is part of its
// name because ZeroMQ frees the name of a destroyed connection late, and a new one may lie at the same
// address.
static int watch_events(rg__connection_t *connection)
{
    char *address = rg_format("inproc://rg-link-%p-%.6f", (void *)connection, rg_clock_ms());
    int events = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                 ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL;
    // Over tcp a peer that cannot read our keys just hangs up.
    if (strncmp(connection->endpoint, "tcp://", 6) == 0) events |= ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL;
    int failed = zmq_socket_monitor(zsock_resolve(connection->socket), address, events) != 0;
    if (!failed) {
        connection->monitor = zsock_new(ZMQ_PAIR);
        failed = !connection->monitor || zmq_connect(zsock_resolve(connection->monitor), address) != 0;
    }
    free(address);
    return failed ? rg_fail(RG_EIO, "%s: cannot watch the connection: %s", connection->endpoint,
                            zmq_strerror(zmq_errno()))
                  : 0;
}

static int open_dealer(zsock_t **socket, const rg_wire_options_t *options, const char *endpoint)
{
    *socket = rg__socket_new(ZMQ_DEALER, options, 0);
    if (!*socket) return rg_fail(RG_ELIMIT, "%s: cannot open a socket", endpoint);
    zsock_set_ipv6(*socket, strchr(endpoint, '[') != NULL);
    // Queue nothing for a connection that is not there: the link itself sends again.
    zsock_set_immediate(*socket, 1);
    // The kernel tells at once that the peer at a unix socket has ended. A ping there may end the service: libzmq
    // 4.3.4 aborts if its queue is full when the peer hangs up (front_peers.c, which unix sockets do not have).
    if (strncmp(endpoint, "ipc://", 6) == 0) zsock_set_heartbeat_ivl(*socket, 0);
    return rg__endpoint_encrypts(options, endpoint) ? rg__curve_client(options, *socket) : 0;
}

int rg__connection_check(const rg_wire_options_t *options, const char *endpoint)
{
    zsock_t *socket = NULL;
    int err = rg__endpoint_check(options, endpoint);
    if (!err) err = open_dealer(&socket, options, endpoint);
    zsock_destroy(&socket);
    return err;
}

static int open_connection(rg__connection_t *connection, const rg_wire_options_t *options)
{
    const char *endpoint = connection->endpoint;
    int err = open_dealer(&connection->socket, options, endpoint);
    if (!err) err = watch_events(connection);
    if (err) return err;
    if (zmq_connect(zsock_resolve(connection->socket), endpoint) != 0)
        return rg_fail(RG_ECONFIG, "%s: cannot connect: %s", endpoint, zmq_strerror(zmq_errno()));
    return 0;
}

int rg__connection_new(rg__connection_t **out, const rg_wire_options_t *options, const char *peer,
                       const char *endpoint)
{
    rg__connection_t *connection = rg_alloc(sizeof *connection);
    connection->peer = peer;
    connection->endpoint = rg_strdup(endpoint);
    int err = open_connection(connection, options);
    if (err)
        rg__connection_destroy(&connection);
    else
        *out = connection;
    return err;
}

void rg__connection_destroy(rg__connection_t **out)
{
    rg__connection_t *connection = *out;
    if (!connection) return;
    if (connection->socket) zmq_socket_monitor(zsock_resolve(connection->socket), NULL, 0);
    zsock_destroy(&connection->monitor);
    zsock_destroy(&connection->socket);
    free(connection->endpoint);
    free(connection);
    *out = NULL;
}

void rg__connection_items(const rg__connection_t *connection, int sending,
                          zmq_pollitem_t items[RG__CONNECTION_ITEMS])
{
    short events = ZMQ_POLLIN;
    if (connection->connected && sending) events |= ZMQ_POLLOUT;
    items[0] = (zmq_pollitem_t){.socket = zsock_resolve(connection->socket), .events = events};
    items[1] = (zmq_pollitem_t){.socket = zsock_resolve(connection->monitor), .events = ZMQ_POLLIN};
}

// ---- events
static int next_event(rg__connection_t *connection)
{
    unsigned char frame[6];
    char address[1];
    void *handle = zsock_resolve(connection->monitor);
    uint16_t event = 0;
    if (zmq_recv(handle, frame, sizeof frame, ZMQ_DONTWAIT) != sizeof frame) return 0;
    zmq_recv(handle, address, sizeof address, ZMQ_DONTWAIT); // the endpoint, known already
    memcpy(&event, frame, sizeof event);
    return event;
}

// A refused connection is tried once a second; only the first refusal is logged.
static void log_refused(rg__connection_t *connection, int event)
{
    if (connection->refusals++) return;
    rg_log(RG_LOG_WARN, "refused", "peer=%s endpoint=%s reason=\"%s\"", connection->peer,
           connection->endpoint,
           event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH ? "the key of security.identity is not allowed there"
           : event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
               ? "one side is encrypted, the other is not"
               : "the peer hung up: does it have the same server.key, or no keys?");
}

static void follow_event(rg__connection_t *connection, int event, int pending)
{
    int connected = event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
    if (connected != connection->connected)
        rg_log(RG_LOG_INFO, connected ? "connected" : "disconnected", "peer=%s endpoint=%s pending=%d",
               connection->peer, connection->endpoint, pending);
    connection->connected = connected;
    if (connected) connection->refusals = 0;
    if (!connected && event != ZMQ_EVENT_DISCONNECTED) log_refused(connection, event);
    if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH || event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL)
        connection->retry_at_ms = rg_clock_ms() + REFUSED_MS;
}

// ZeroMQ does not connect again after a refusal, but the key may be allowed by now.
static void retry_refused(rg__connection_t *connection)
{
    if (connection->retry_at_ms == 0 || rg_clock_ms() < connection->retry_at_ms) return;
    connection->retry_at_ms = 0;
    zmq_disconnect(zsock_resolve(connection->socket), connection->endpoint);
    zmq_connect(zsock_resolve(connection->socket), connection->endpoint);
}

int rg__connection_step(rg__connection_t *connection, int pending)
{
    int broke = 0;
    for (int event; (event = next_event(connection)) != 0;) {
        follow_event(connection, event, pending);
        broke |= !connection->connected;
    }
    retry_refused(connection);
    return broke;
}

// ---- lookup of host names
struct rg__lookup {
    rg_endpoint_t name;
    rg_worker_t *worker;
    rg__addresses_t found; // written by the worker while it runs
    double begun_ms;       // 0: never started
    int failed;            // the last lookup failed, which is logged
};

// 1, with host and port, if the host of the endpoint is a name.
static int split_endpoint(const char *endpoint, rg_endpoint_t *parsed)
{
    struct in_addr ipv4;
    if (rg_endpoint_parse(endpoint, parsed) != 0 || parsed->path || rg_endpoint_is_ipv6(parsed)) return 0;
    return inet_pton(AF_INET, parsed->host, &ipv4) != 1;
}

int rg__lookup_new(rg__lookup_t **out, const char *endpoint)
{
    rg_endpoint_t parsed;
    *out = NULL;
    if (!split_endpoint(endpoint, &parsed)) return 0;
    rg__lookup_t *lookup = rg_alloc(sizeof *lookup);
    *lookup = (rg__lookup_t){.name = parsed};
    int err = rg_worker_new(&lookup->worker);
    if (err)
        rg__lookup_destroy(&lookup);
    else
        *out = lookup;
    return err;
}

void rg__lookup_destroy(rg__lookup_t **out)
{
    rg__lookup_t *lookup = *out;
    if (!lookup) return;
    rg_worker_destroy(&lookup->worker);
    free(lookup);
    *out = NULL;
}

int rg__lookup_fd(const rg__lookup_t *lookup)
{
    return rg_worker_fd(lookup->worker);
}

static int resolve_host(void *self, const atomic_int *stop)
{
    rg__lookup_t *lookup = self;
    rg__addresses_t *found = &lookup->found;
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list;
    (void)stop;
    int failed = getaddrinfo(lookup->name.host, NULL, &hints, &list);
    if (failed) return rg_fail(RG_ENOENT, "%s: %s", lookup->name.host, gai_strerror(failed));
    found->count = 0;
    for (const struct addrinfo *at = list; at && found->count < RG__REPLICAS_MAX; at = at->ai_next)
        rg__endpoint_numeric(at->ai_addr, at->ai_addrlen, lookup->name.port, found->endpoint[found->count++]);
    freeaddrinfo(list);
    return 0;
}

static int has_answer(const rg__lookup_t *lookup)
{
    struct pollfd item = {.fd = rg__lookup_fd(lookup), .events = POLLIN};
    return rg_worker_running(lookup->worker) && poll(&item, 1, 0) == 1;
}

static void begin_if_due(rg__lookup_t *lookup, int connected)
{
    double now = rg_clock_ms(), again_ms = connected ? AGAIN_MS : AGAIN_ALONE_MS;
    if (rg_worker_running(lookup->worker)) return;
    if (lookup->begun_ms > 0 && now - lookup->begun_ms < again_ms) return;
    lookup->begun_ms = now;
    rg_worker_start(lookup->worker, resolve_host, lookup); // a failure to start is retried next time
}

int rg__lookup_step(rg__lookup_t *lookup, int connected, rg__addresses_t *addresses)
{
    int found = 0;
    if (has_answer(lookup)) {
        int err = rg_worker_finish(lookup->worker);
        if (err && !lookup->failed) rg_log(RG_LOG_WARN, "unknown-host", "reason=\"%s\"", rg_error());
        lookup->failed = err != 0;
        found = !err;
        if (found) *addresses = lookup->found;
    }
    begin_if_due(lookup, connected);
    return found;
}
