#include "common/wire/connection.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/core/log.h"

enum { REFUSED_MS = 1000 };

// ------------------------------------------------------------------ life
// Events come over an inproc PAIR of their own, so that they can be polled like any message. Its name must
// not be that of a destroyed link at the same address, which ZeroMQ frees later.
static int watch(rg__connection_t *connection)
{
    char *address = rg_format("inproc://rg-link-%p-%.6f", (void *)connection, rg_clock_ms());
    int events = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                 ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL;
    // Over tcp the other side may just hang up, for keys that it cannot read.
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

static int open_socket(zsock_t **socket, const rg_wire_options_t *options, const char *endpoint)
{
    *socket = rg__socket_new(ZMQ_DEALER, options, 0);
    if (!*socket) return rg_fail(RG_ELIMIT, "%s: cannot open a socket", endpoint);
    // What the lost connection had queued is lost with it: the link sends it again itself.
    zsock_set_immediate(*socket, 1);
    return rg__endpoint_encrypts(options, endpoint) ? rg__guard_show(options, *socket) : 0;
}

int rg__connection_check(const rg_wire_options_t *options, const char *endpoint)
{
    zsock_t *socket = NULL;
    int err = rg__endpoint_check(options, endpoint);
    if (!err) err = open_socket(&socket, options, endpoint);
    zsock_destroy(&socket);
    return err;
}

static int open_connection(rg__connection_t *connection, const rg_wire_options_t *options)
{
    const char *endpoint = connection->endpoint;
    int err = open_socket(&connection->socket, options, endpoint);
    if (!err) err = watch(connection);
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

// ------------------------------------------------------------------ events
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

// Once per try would be once a second: the first says it.
static void log_refused(rg__connection_t *connection, int event)
{
    if (connection->refused++) return;
    rg_log(
        RG_LOG_WARN, "refused", "peer=%s endpoint=%s reason=\"%s\"", connection->peer, connection->endpoint,
        event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH       ? "the key of security.identity is not allowed there"
        : event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL ? "one side is encrypted, the other is not"
                                                       : "it hung up: has it the same server.key, or none?");
}

static void follow_event(rg__connection_t *connection, int event, int pending)
{
    int connected = event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
    if (connected != connection->connected)
        rg_log(RG_LOG_INFO, connected ? "connected" : "disconnected", "peer=%s endpoint=%s pending=%d",
               connection->peer, connection->endpoint, pending);
    connection->connected = connected;
    if (connected) connection->refused = 0;
    if (!connected && event != ZMQ_EVENT_DISCONNECTED) log_refused(connection, event);
    if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH || event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL)
        connection->retry_at_ms = rg_clock_ms() + REFUSED_MS;
}

// After a refusal ZeroMQ does not try again, but the key may be allowed by now.
static void retry(rg__connection_t *connection)
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
    retry(connection);
    return broke;
}
