// Sockets of the system: a service answers requests on one ROUTER socket, a link asks them over a DEALER.
//
// Both directions of every conversation are requests and replies with ids. Flow control is credit based: a
// request in flight is a credit, so the asking side decides how much may come (rg_link_pending) and a
// stalled consumer never makes a producer grow; high-water marks are only the backstop. A link keeps each
// request until its reply is there and sends it again when the connection comes back, so either process may
// be restarted alone; requests are therefore idempotent by design of the .proto files. Where
// tcp://NAME:PORT has several addresses, these are replicas of the service: a link deals its requests out
// to them.
//
// One socket per service serves data and control alike: no handler blocks (long jobs run on a worker
// thread, core/worker.h), so a status request waits for at most one handler.
//
// With `security.keys` all tcp is encrypted (CURVE) and both sides show a key (wire/keypair.h); each route
// says which role its sender needs (wire/access.h). A key that is not allowed is refused in the handshake;
// one that is withdrawn, or whose role changes, at its next request. Unix sockets are never encrypted, and
// without keys nothing is: there everybody is an admin.
//
// ROUTER_MANDATORY, LINGER, MAXMSGSIZE, HANDSHAKE_IVL and heartbeats (of links, socket.c) are always set.
// What a peer can make a service hold is bounded: connections, queued requests, and replies that it does
// not read.
#ifndef RG_WIRE_WIRE_H
#define RG_WIRE_WIRE_H

#include <stdatomic.h>
#include <stdint.h>

#include "common/wire/access.h"
#include "common/wire/http.h"
#include "common/wire/msg.h"
#include "common/wire/options.h"

// ------------------------------------------------------------------ link: the asking side
typedef struct rg_link rg_link_t;

// Called once per request, from rg_link_poll, rg_link_ask or the service loop. reply is borrowed for the
// call, or NULL with err and rg_error(): what an error reply of the peer says, RG_ETIMEOUT naming the peer,
// or why the request could not be sent.
typedef void rg_reply_fn(void *self, int err, const rg_msg_t *reply);

// Connects (also before the peer exists). peer names it in logs: "loader". stop (may be NULL): waits end
// with RG_ESTOPPED once it is nonzero. Use a link from one thread only. RG_ECONFIG as for a service; over
// an encrypted endpoint the errors of rg_keypair_read. A peer that refuses the key is logged and tried again.
int rg_link_new(rg_link_t **link, const rg_wire_options_t *options, const char *peer, const char *endpoint,
                const atomic_int *stop);
void rg_link_destroy(rg_link_t **link); // pending requests are dropped, their callbacks not called

// Sends *request (takes it) and calls fn(self, ...) once: with the reply, or with RG_ETIMEOUT after
// timeout_ms (-1: no deadline; the peer may be restarting). A request whose deadline has passed is dropped.
// Never blocks.
void rg_link_send(rg_link_t *link, rg_msg_t **request, int timeout_ms, rg_reply_fn *fn, void *self);

// Drops the requests that were sent with this self. Their callbacks are not called.
void rg_link_forget(rg_link_t *link, const void *self);

// Requests without a reply yet: the credit in use.
int rg_link_pending(const rg_link_t *link);

// 1 if the peer is there, as far as the link has noticed.
int rg_link_connected(const rg_link_t *link);

// Handles what has come; waits up to timeout_ms for something (0: none, -1: forever). Logs what it waits
// for when that takes long. RG_ESTOPPED.
int rg_link_poll(rg_link_t *link, int timeout_ms);

// Sends *request (takes it) and waits for its reply; other replies are dispatched meanwhile. timeout_ms as
// for rg_link_send. RG_ETIMEOUT, RG_ESTOPPED, or the peer's error. Destroy *reply.
int rg_link_ask(rg_link_t *link, rg_msg_t **request, rg_msg_t **reply, int timeout_ms);

// Milliseconds spent waiting in rg_link_poll and rg_link_ask since creation.
double rg_link_waited_ms(const rg_link_t *link);

// The value of a field in a service's status: as text, as a count and as a number. If the status does not have
// the field: "", 0 and -1.
const char *rg_status_text(const Rg__V1__StatusReply *status, const char *key);
uint64_t rg_status_count(const Rg__V1__StatusReply *status, const char *key);
double rg_status_number(const Rg__V1__StatusReply *status, const char *key);

// ------------------------------------------------------------------ service: the answering side
typedef struct rg_service rg_service_t;

// Whom to answer: copy it to answer later.
typedef struct {
    unsigned char identity[32];
    unsigned char identity_size;
    uint64_t id;
} rg_peer_t;

// Handles one request (borrowed). Either answers (now or later) with rg_service_reply and returns 0, or
// returns an error, which is sent back with rg_error() as its sentence.
typedef int rg_handler_fn(void *self, const rg_peer_t *peer, const rg_msg_t *request);

typedef struct {
    Rg__V1__Envelope__BodyCase kind;
    rg_handler_fn *handle;
    enum rg_role role; // the least that a sender must have; others are answered RG_EACCES
} rg_route_t;

// Adds the service's own lines to a status reply with rg_status_field.
typedef struct rg_status rg_status_t;
typedef void rg_status_fn(void *self, rg_status_t *status);
void rg_status_field(rg_status_t *status, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

typedef struct {
    const char *name; // "loader"
    const char *endpoint;
    const rg_route_t *routes;
    size_t n_routes;
    rg_status_fn *status;       // or NULL
    int http_port;              // 0: HTTP is off
    const rg_http_spec_t *http; // what is answered there beside /metrics and /healthz, or NULL
    void *self;                 // for every callback
} rg_service_spec_t;

// Binds and takes over SIGTERM and SIGINT for this and all later threads. RG_EIO naming the endpoint if it
// is in use (an ipc file left by a dead process is not); RG_ECONFIG for tcp beyond loopback without keys or
// `endpoints.insecure: true`, or a path too long; over tcp with keys the errors of rg_keypair_read and
// rg_access_list_read. One service per process can be encrypted.
int rg_service_new(rg_service_t **service, const rg_wire_options_t *options, const rg_service_spec_t *spec);
void rg_service_destroy(rg_service_t **service);

// The endpoint as bound: with the port that tcp://127.0.0.1:* was given. Lives as long as the service.
const char *rg_service_endpoint(const rg_service_t *service);

// Also polls this link / calls fn(self) when fd is readable, in the loop. Borrowed, must outlive the loop.
void rg_service_add_link(rg_service_t *service, rg_link_t *link);
void rg_service_add_fd(rg_service_t *service, int fd, void (*fn)(void *self), void *self);

// Sends *reply (takes it) to peer. A peer that is gone is logged and forgotten. Call from the loop's
// thread.
void rg_service_reply(rg_service_t *service, const rg_peer_t *peer, rg_msg_t **reply);
void rg_service_refuse(rg_service_t *service, const rg_peer_t *peer, int err); // with rg_error()

// Runs until SIGTERM or SIGINT; logs `ready` first. 0, or RG_EIO.
int rg_service_run(rg_service_t *service);

#endif
