// Links and services: a link sends requests over DEALER sockets, a service answers them on one ROUTER socket.
//
// Every conversation consists of requests and replies with ids (proto/). A request in flight is a credit: the
// side that asks decides how many there are (rg_link_pending), so a slow consumer never makes a producer hold
// more and more. High-water marks are only a second line of defence. A link keeps a request until its reply
// comes and sends it again after a connection breaks, so any process can be restarted alone; therefore all
// requests are idempotent. A request that was open when its service ended twice is not sent a third time
// (link.c), because it may be what ends the service. If the host name in tcp://NAME:PORT has several
// addresses, these are replicas of the service, and a link takes turns.
//
// A service uses one socket for data and control. Handlers do not block: long work runs in a job
// (wire/jobs.h) or on a worker thread (core/worker.h). A status request waits for one handler at most.
//
// With `security.keys` all tcp is encrypted (CURVE), and each side shows a key (wire/keypair.h). Each route
// names the role that the sender needs (wire/access.h). A key that is not in the access list is refused in
// the handshake. A key that is withdrawn, or gets another role, is checked again at its next request. Unix
// sockets are never encrypted; without encryption every sender is an admin.
//
// ROUTER_MANDATORY, LINGER, MAXMSGSIZE, HANDSHAKE_IVL and heartbeats (of links) are always set (socket.c).
// What a peer can make a service hold is bounded: connections, handshakes and frames in receipt (front.c), queued
// requests, and replies that it does not read (unread.h). A service that cannot take a request now says RG_EBUSY,
// and the link sends it again a little later, until its deadline.
#ifndef RG_WIRE_WIRE_H
#define RG_WIRE_WIRE_H

#include <stdatomic.h>
#include <stdint.h>

#include "common/wire/access.h"
#include "common/wire/http.h"
#include "common/wire/msg.h"
#include "common/wire/options.h"

// ---- link: the side that asks
typedef struct rg_link rg_link_t;

// Called once per request, from rg_link_poll, rg_link_ask or the service loop. reply is borrowed for the
// call, or NULL with err and rg_error(): what an error reply of the peer says, RG_ETIMEOUT naming the peer,
// RG_ECRASH if the service ended twice, or why the request could not be sent.
typedef void rg_reply_fn(void *self, int err, const rg_msg_t *reply);

// Connects to an endpoint; the peer may start later. peer is its name in logs and errors: "loader". stop (may
// be NULL): waits end with RG_ESTOPPED once it is nonzero. Use a link from one thread only. RG_ECONFIG as for
// a service; with encryption the errors of rg_keypair_read. A peer that refuses the key is logged and tried
// again.
int rg_link_new(rg_link_t **link, const rg_wire_options_t *options, const char *peer, const char *endpoint,
                const atomic_int *stop);
void rg_link_destroy(rg_link_t **link); // drops pending requests without calling their callbacks

// Sends *request (takes it) and calls fn(self, ...) once: with the reply, or with RG_ETIMEOUT after
// timeout_ms (-1: no deadline; the peer may be restarting). A request whose deadline has passed is dropped.
// Never blocks.
void rg_link_send(rg_link_t *link, rg_msg_t **request, int timeout_ms, rg_reply_fn *fn, void *self);

// Drops the requests that were sent with this self. Their callbacks are not called.
void rg_link_forget(rg_link_t *link, const void *self);

// The number of requests without a reply: the credit in use.
int rg_link_pending(const rg_link_t *link);

// 1 if at least one replica was connected when the link looked last.
int rg_link_connected(const rg_link_t *link);

// Runs the callbacks of replies that have come and of deadlines that have passed. If there are none it waits
// for one, up to timeout_ms (0: not at all, -1: forever), and logs now and then what it waits for.
// RG_ESTOPPED.
int rg_link_poll(rg_link_t *link, int timeout_ms);

// Sends *request (takes it) and waits for its reply; other replies are dispatched meanwhile. timeout_ms as
// for rg_link_send. RG_ETIMEOUT, RG_ESTOPPED, or the peer's error. Destroy *reply.
int rg_link_ask(rg_link_t *link, rg_msg_t **request, rg_msg_t **reply, int timeout_ms);

// Milliseconds spent waiting in rg_link_poll and rg_link_ask since creation.
double rg_link_waited_ms(const rg_link_t *link);

// The value of a field in a service's status: as text, as a count and as a number. If the status does not
// have the field: "", 0 and -1.
const char *rg_status_text(const Rg__V1__StatusReply *status, const char *key);
uint64_t rg_status_count(const Rg__V1__StatusReply *status, const char *key);
double rg_status_number(const Rg__V1__StatusReply *status, const char *key);

// ---- service: the side that answers
typedef struct rg_service rg_service_t;

// The sender of a request. Copy it to answer later.
typedef struct {
    unsigned char identity[32]; // of the connection
    unsigned char identity_size;
    int socket;      // descriptor of the connection, for as long as it lasts
    uint64_t client; // what the connections of a client have in common: their key, or their process
    uint64_t id;     // of the request
} rg_peer_t;

// Handles one request (borrowed). Returns 0 and answers with rg_service_reply, now or later; or returns an
// error, which is sent to the peer with rg_error() as its sentence.
typedef int rg_handler_fn(void *self, const rg_peer_t *peer, const rg_msg_t *request);

typedef struct {
    Rg__V1__Envelope__BodyCase kind;
    rg_handler_fn *handle;
    enum rg_role role; // that the sender needs at least; others get RG_EACCES
    int early;         // 1: handled in every state; 0: only when the service is ready
} rg_route_t;

// Whether a service can do its work. Status requests are answered in every state. While it loads, other
// requests get RG_EBUSY "loading, 34 %", and links send them again; after a failure they get its sentence.
enum rg_service_state { RG_SERVICE_READY, RG_SERVICE_LOADING, RG_SERVICE_FAILED, RG_SERVICE_STOPPING };

// Adds fields of the service to a status reply, with rg_status_field.
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
    const rg_http_spec_t *http; // routes besides /metrics, /healthz and /livez, or NULL
    // Loads what the service needs, on a thread of its own, once the loop runs; ends early with RG_ESTOPPED if
    // *stop is nonzero. The service is LOADING until it returns, then READY, or FAILED with its rg_error(). A
    // failed load is called again later. NULL: the service is ready at once.
    int (*load)(void *self, const atomic_int *stop);
    void (*loaded)(void *self); // called on the loop's thread after a successful load; or NULL
    void *self;                 // for every callback
} rg_service_spec_t;

// Binds the endpoint, and takes over SIGTERM and SIGINT for this and all later threads. spec is copied; its
// texts and routes are borrowed. RG_EIO naming the endpoint if it is in use (an ipc file of a dead process is
// replaced); RG_ECONFIG for tcp beyond loopback without keys or `endpoints.insecure: true`, or for a path
// that is too long; with encryption the errors of rg_keypair_read and rg_access_list_read. One service per
// process can be encrypted.
int rg_service_new(rg_service_t **service, const rg_wire_options_t *options, const rg_service_spec_t *spec);
void rg_service_destroy(rg_service_t **service);

// The endpoint as bound: tcp://127.0.0.1:* has a port now. Lives as long as the service.
const char *rg_service_endpoint(const rg_service_t *service);

// The loop also serves this link, or calls fn(self) whenever fd is readable. Both are borrowed and must
// outlive the loop.
void rg_service_add_link(rg_service_t *service, rg_link_t *link);
void rg_service_add_fd(rg_service_t *service, int fd, void (*fn)(void *self), void *self);

// Sends *reply (takes it) to peer, or rg_error() with this code. A peer that is gone is logged. Call them
// from the loop's thread.
void rg_service_reply(rg_service_t *service, const rg_peer_t *peer, rg_msg_t **reply);
void rg_service_refuse(rg_service_t *service, const rg_peer_t *peer, int err);

// Changes the state of a service that loads in another way than by spec.load. Call it on the loop's thread, or
// before rg_service_run. err: of FAILED, with rg_error() as its sentence.
void rg_service_set_state(rg_service_t *service, enum rg_service_state state, int err);

// How far the load is, for status requests; total 0: not known. From any thread.
void rg_service_progress(rg_service_t *service, uint64_t done, uint64_t total);

// After rg_service_run: says what the service still does before it ends, for those who wait: "saves". text is
// static.
void rg_service_stopping(rg_service_t *service, const char *text);

// Runs until SIGTERM or SIGINT. 0, RG_EIO, RG_ELIMIT.
int rg_service_run(rg_service_t *service);

#endif
