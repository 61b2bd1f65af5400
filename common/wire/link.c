#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/log.h"
#include "common/wire/lookup.h"
#include "common/wire/socket.h"

enum { BATCH = 16, STOP_CHECK_MS = 100, LOG_FIRST_MS = 5000, LOG_LAST_MS = 60000, REFUSED_MS = 1000 };

// A request without its reply.
typedef struct request {
    struct request *next;
    uint64_t id;
    rg_msg_t *msg;
    rg_reply_fn *fn;
    void *self;
    int sent;           // on a connection that is still there
    int err;            // it could not be sent: this
    char sentence[256]; // and why
} request_t;

// One who answers: the service, or a replica of it.
typedef struct {
    char *endpoint;
    int connected;
    int refused;        // said so, since the last connection
    double retry_at_ms; // after a refusal; 0: not needed
} replica_t;

struct rg_link {
    char *peer, *endpoint;
    const atomic_int *stop;
    zsock_t *socket;      // DEALER: deals requests out to all who are connected
    zsock_t *monitor;     // PAIR: its connection events
    rg__lookup_t *lookup; // finds the replicas; NULL: there is one, at the endpoint
    size_t frame_max;
    replica_t replica[RG__REPLICAS_MAX];
    int n_replicas, connected; // of them
    request_t *first;          // in the order of sending
    int pending;
    uint64_t last_id;
    double quiet_since_ms; // last reply, or first request after there were none
    double next_log_ms;    // of quiet before the next log line
    double waited_ms;
};

// ------------------------------------------------------------------ life
// Events come over an inproc PAIR of their own, so that they can be polled like any message. Its name must
// not be that of a destroyed link at the same address, which ZeroMQ frees later.
static int watch(rg_link_t *link)
{
    char *address = rg_format("inproc://rg-link-%p-%.6f", (void *)link, rg__now_ms());
    int events = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                 ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL;
    // Over tcp the other side may just hang up, for keys that it cannot read.
    if (strncmp(link->endpoint, "tcp://", 6) == 0) events |= ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL;
    int failed = zmq_socket_monitor(zsock_resolve(link->socket), address, events) != 0;
    if (!failed) {
        link->monitor = zsock_new(ZMQ_PAIR);
        failed = !link->monitor || zmq_connect(zsock_resolve(link->monitor), address) != 0;
    }
    free(address);
    return failed ? rg_fail(RG_EIO, "%s: cannot watch the connection: %s", link->endpoint,
                            zmq_strerror(zmq_errno()))
                  : 0;
}

static int add_replica(rg_link_t *link, const char *endpoint)
{
    if (zmq_connect(zsock_resolve(link->socket), endpoint) != 0)
        return rg_fail(RG_ECONFIG, "%s: cannot connect: %s", endpoint, zmq_strerror(zmq_errno()));
    link->replica[link->n_replicas++] = (replica_t){.endpoint = rg_strdup(endpoint)};
    return 0;
}

static int open_link(rg_link_t *link, const rg_config_t *config)
{
    int err = rg__endpoint_check(config, link->endpoint);
    if (err) return err;
    link->socket = rg__socket_new(ZMQ_DEALER, config, 0);
    if (!link->socket) return rg_fail(RG_ELIMIT, "%s: cannot open a socket", link->peer);
    if (rg__endpoint_encrypts(config, link->endpoint)) err = rg__guard_show(config, link->socket);
    if (err) return err;
    // What the lost connection had queued is lost with it: this link sends it again itself.
    zsock_set_immediate(link->socket, 1);
    err = watch(link);
    if (!err) err = rg__lookup_new(&link->lookup, link->endpoint);
    return err || link->lookup ? err : add_replica(link, link->endpoint);
}

int rg_link_new(rg_link_t **out, const rg_config_t *config, const char *peer, const char *endpoint,
                const atomic_int *stop)
{
    rg_link_t *link = rg_alloc(sizeof *link);
    link->peer = rg_strdup(peer);
    link->endpoint = rg_strdup(endpoint);
    link->stop = stop;
    link->frame_max = (size_t)config->limits.message_max_mib << 20;
    int err = open_link(link, config);
    if (err)
        rg_link_destroy(&link);
    else
        *out = link;
    return err;
}

static void destroy_request(request_t *request)
{
    rg_msg_destroy(&request->msg);
    free(request);
}

void rg_link_destroy(rg_link_t **out)
{
    rg_link_t *link = *out;
    if (!link) return;
    if (link->socket) zmq_socket_monitor(zsock_resolve(link->socket), NULL, 0);
    zsock_destroy(&link->monitor);
    zsock_destroy(&link->socket);
    rg__lookup_destroy(&link->lookup);
    for (int i = 0; i < link->n_replicas; i++) free(link->replica[i].endpoint);
    for (request_t *request = link->first, *next; request; request = next) {
        next = request->next;
        destroy_request(request);
    }
    free(link->peer);
    free(link->endpoint);
    free(link);
    *out = NULL;
}

// ------------------------------------------------------------------ the list of requests
static request_t *take(rg_link_t *link, uint64_t id)
{
    for (request_t **at = &link->first; *at; at = &(*at)->next) {
        request_t *request = *at;
        if (request->id != id) continue;
        *at = request->next;
        link->pending--;
        return request;
    }
    return NULL;
}

static void append(rg_link_t *link, request_t *request)
{
    request_t **at = &link->first;
    while (*at) at = &(*at)->next;
    *at = request;
    link->pending++;
}

static int has_unsent(const rg_link_t *link)
{
    for (const request_t *request = link->first; request; request = request->next)
        if (!request->sent) return 1;
    return 0;
}

static void restart_quiet(rg_link_t *link)
{
    link->quiet_since_ms = rg__now_ms();
    link->next_log_ms = LOG_FIRST_MS;
}

// ------------------------------------------------------------------ the connections
static replica_t *find_replica(rg_link_t *link, const char *endpoint)
{
    for (int i = 0; i < link->n_replicas; i++)
        if (strcmp(link->replica[i].endpoint, endpoint) == 0) return &link->replica[i];
    return NULL;
}

// The next event and the replica it is about, which may be gone (NULL).
static int next_event(rg_link_t *link, replica_t **replica)
{
    unsigned char frame[6];
    char endpoint[256];
    void *handle = zsock_resolve(link->monitor);
    uint16_t event = 0;
    if (zmq_recv(handle, frame, sizeof frame, ZMQ_DONTWAIT) != sizeof frame) return 0;
    int size = zmq_recv(handle, endpoint, sizeof endpoint - 1, ZMQ_DONTWAIT);
    endpoint[size < 0 ? 0 : size < (int)sizeof endpoint ? size : (int)sizeof endpoint - 1] = 0;
    memcpy(&event, frame, sizeof event);
    *replica = link->lookup ? find_replica(link, endpoint) : &link->replica[0];
    return event;
}

// Once per try would be once a second: the first says it.
static void log_refused(const rg_link_t *link, replica_t *replica, int event)
{
    if (replica->refused++) return;
    rg_log(RG_LOG_WARN, "refused", "peer=%s endpoint=%s reason=\"%s\"", link->peer, replica->endpoint,
           event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH ? "the key of security.identity is not allowed there"
           : event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
               ? "one side is encrypted, the other is not"
               : "it hung up: has it the same server.key, or none?");
}

// A connection that broke may have swallowed any request: all that wait for a reply go out again, in order.
// What others are at already is done twice, which is harmless.
static void set_connected(rg_link_t *link, replica_t *replica, int connected)
{
    if (connected == replica->connected) return;
    replica->connected = connected;
    link->connected += connected ? 1 : -1;
    rg_log(RG_LOG_INFO, connected ? "connected" : "disconnected", "peer=%s endpoint=%s pending=%d",
           link->peer, replica->endpoint, link->pending);
    for (request_t *request = link->first; !connected && request; request = request->next) request->sent = 0;
}

static void follow_event(rg_link_t *link, replica_t *replica, int event)
{
    int connected = event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
    set_connected(link, replica, connected);
    if (connected) replica->refused = 0;
    if (!connected && event != ZMQ_EVENT_DISCONNECTED) log_refused(link, replica, event);
    if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH || event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL)
        replica->retry_at_ms = rg__now_ms() + REFUSED_MS;
}

// After a refusal ZeroMQ does not try again, but the key may be allowed by now.
static void retry(rg_link_t *link, replica_t *replica)
{
    if (replica->retry_at_ms == 0 || rg__now_ms() < replica->retry_at_ms) return;
    replica->retry_at_ms = 0;
    zmq_disconnect(zsock_resolve(link->socket), replica->endpoint);
    zmq_connect(zsock_resolve(link->socket), replica->endpoint);
}

static void remove_replica(rg_link_t *link, int i)
{
    replica_t *replica = &link->replica[i];
    zmq_disconnect(zsock_resolve(link->socket), replica->endpoint);
    set_connected(link, replica, 0);
    free(replica->endpoint);
    *replica = link->replica[--link->n_replicas];
}

static int is_found(const rg__addresses_t *found, const char *endpoint)
{
    for (size_t i = 0; i < found->count; i++)
        if (strcmp(found->endpoint[i], endpoint) == 0) return 1;
    return 0;
}

static void follow_lookup(rg_link_t *link)
{
    rg__addresses_t found;
    if (!link->lookup || !rg__lookup_step(link->lookup, link->connected, &found)) return;
    for (int i = link->n_replicas - 1; i >= 0; i--)
        if (!is_found(&found, link->replica[i].endpoint)) remove_replica(link, i);
    for (size_t i = 0; i < found.count; i++)
        if (link->n_replicas < RG__REPLICAS_MAX && !find_replica(link, found.endpoint[i]) &&
            add_replica(link, found.endpoint[i]) != 0)
            rg_log(RG_LOG_WARN, "bad_address", "peer=%s reason=\"%s\"", link->peer, rg_error());
}

static void follow_connections(rg_link_t *link)
{
    replica_t *replica;
    for (int event; (event = next_event(link, &replica)) != 0;)
        if (replica) follow_event(link, replica, event);
    follow_lookup(link);
    for (int i = 0; i < link->n_replicas; i++) retry(link, &link->replica[i]);
}

static void send_unsent(rg_link_t *link)
{
    follow_connections(link);
    for (request_t *request = link->first; link->connected && request; request = request->next) {
        if (request->sent || request->err) continue;
        int err = rg__socket_send(link->socket, NULL, request->msg, request->id, link->frame_max);
        if (err == RG_EBUSY) return;
        request->err = err;
        request->sent = 1;
        if (err) snprintf(request->sentence, sizeof request->sentence, "%s: %s", link->peer, rg_error());
    }
}

// ------------------------------------------------------------------ requests and replies
void rg_link_send(rg_link_t *link, rg_msg_t **message, rg_reply_fn *fn, void *self)
{
    request_t *request = rg_alloc(sizeof *request);
    *request = (request_t){.id = ++link->last_id, .msg = *message, .fn = fn, .self = self};
    *message = NULL;
    if (link->pending == 0) restart_quiet(link);
    append(link, request);
    send_unsent(link);
}

static void answer(rg_link_t *link, request_t *request, int err, const rg_msg_t *reply)
{
    rg_reply_fn *fn = request->fn;
    void *self = request->self;
    destroy_request(request);
    restart_quiet(link);
    fn(self, err, err ? NULL : reply);
}

// Requests that could not be sent are answered from here, never from rg_link_send.
static int answer_failed(rg_link_t *link)
{
    int answered = 0;
    for (request_t *request = link->first; request;) {
        if (!request->err) {
            request = request->next;
            continue;
        }
        take(link, request->id);
        answer(link, request, rg_fail(request->err, "%s", request->sentence), NULL);
        answered++;
        request = link->first; // the callback may have changed the list
    }
    return answered;
}

static int receive(rg_link_t *link, rg__parts_t *parts)
{
    rg_msg_t *reply = NULL;
    uint64_t id;
    int err = rg__parts_parse(&parts, 0, &reply, &id);
    request_t *request = take(link, id);
    if (err && !request)
        rg_log(RG_LOG_WARN, "bad_reply", "peer=%s error=\"%s\"", link->peer, rg_error());
    else if (err)
        err = rg_fail(err, "%s: bad reply: %s", link->peer, rg_error());
    else
        err = rg_msg_failed(reply, link->peer);
    if (request) answer(link, request, err, reply);
    rg__parts_destroy(&parts);
    rg_msg_destroy(&reply);
    return request != NULL;
}

int rg__link_dispatch(rg_link_t *link)
{
    send_unsent(link);
    int answered = answer_failed(link);
    for (int i = 0; i < BATCH; i++) {
        rg__parts_t *parts = rg__parts_recv(link->socket);
        if (!parts) break;
        answered += receive(link, parts);
    }
    return answered;
}

void rg_link_forget(rg_link_t *link, const void *self)
{
    for (request_t *request = link->first, *next; request; request = next) {
        next = request->next;
        if (request->self == self) destroy_request(take(link, request->id));
    }
}

int rg_link_pending(const rg_link_t *link)
{
    return link->pending;
}

int rg_link_connected(const rg_link_t *link)
{
    return link->connected;
}

// ------------------------------------------------------------------ waiting
void rg__link_items(rg_link_t *link, zmq_pollitem_t items[RG__LINK_ITEMS])
{
    short events = ZMQ_POLLIN;
    if (link->connected && has_unsent(link)) events |= ZMQ_POLLOUT;
    items[0] = (zmq_pollitem_t){.socket = zsock_resolve(link->socket), .events = events};
    items[1] = (zmq_pollitem_t){.socket = zsock_resolve(link->monitor), .events = ZMQ_POLLIN};
    items[2] = (zmq_pollitem_t){.fd = link->lookup ? rg__lookup_fd(link->lookup) : -1, .events = ZMQ_POLLIN};
}

void rg__link_log_waiting(rg_link_t *link)
{
    double quiet = rg__now_ms() - link->quiet_since_ms;
    if (link->pending == 0 || quiet < link->next_log_ms) return;
    link->next_log_ms =
        link->next_log_ms * 2 < LOG_LAST_MS ? link->next_log_ms * 2 : link->next_log_ms + LOG_LAST_MS;
    rg_log(RG_LOG_INFO, "waiting", "peer=%s endpoint=%s connected=%d pending=%d for_s=%.0f", link->peer,
           link->endpoint, link->connected, link->pending, quiet / 1e3);
}

// Waits in slices, so that the stop flag and the log are looked at.
static void wait_for_something(rg_link_t *link, double left_ms)
{
    zmq_pollitem_t items[RG__LINK_ITEMS];
    rg__link_items(link, items);
    double start = rg__now_ms(), slice = left_ms < STOP_CHECK_MS ? left_ms : STOP_CHECK_MS;
    zmq_poll(items, RG__LINK_ITEMS, (long)slice + 1);
    link->waited_ms += rg__now_ms() - start;
    rg__link_log_waiting(link);
}

static int check_stop(const rg_link_t *link)
{
    if (!link->stop || !atomic_load(link->stop)) return 0;
    return rg_fail(RG_ESTOPPED, "%s: stopped while waiting for a reply", link->peer);
}

int rg_link_poll(rg_link_t *link, int timeout_ms)
{
    double deadline = timeout_ms < 0 ? INFINITY : rg__now_ms() + timeout_ms;
    for (;;) {
        int err = check_stop(link);
        if (err) return err;
        if (rg__link_dispatch(link) > 0) return 0;
        double left = deadline - rg__now_ms();
        if (left <= 0) return 0;
        wait_for_something(link, left);
    }
}

typedef struct {
    int done, err;
    rg_msg_t *reply;
    char sentence[512];
} answer_t;

static void keep_answer(void *self, int err, const rg_msg_t *reply)
{
    answer_t *kept = self;
    kept->done = 1;
    kept->err = err;
    if (err)
        snprintf(kept->sentence, sizeof kept->sentence, "%s", rg_error());
    else
        kept->reply = rg_msg_retain(reply);
}

int rg_link_ask(rg_link_t *link, rg_msg_t **request, rg_msg_t **reply, int timeout_ms)
{
    answer_t kept = {0};
    double deadline = timeout_ms < 0 ? INFINITY : rg__now_ms() + timeout_ms;
    rg_link_send(link, request, keep_answer, &kept);
    uint64_t id = link->last_id;
    int err = 0;
    while (!kept.done && !err) {
        double left = deadline - rg__now_ms();
        err = rg_link_poll(link, left > INT32_MAX ? -1 : left > 0 ? (int)left + 1 : 0);
        if (!err && !kept.done && rg__now_ms() >= deadline)
            err = rg_fail(RG_ETIMEOUT, "%s (%s): no answer within %d ms", link->peer, link->endpoint,
                          timeout_ms);
    }
    if (!kept.done)
        destroy_request(take(link, id)); // its reply, if it still comes, is not for anyone
    else if (kept.err)
        err = rg_fail(kept.err, "%s", kept.sentence);
    else
        *reply = kept.reply;
    return kept.done && !kept.err ? 0 : err;
}

double rg_link_waited_ms(const rg_link_t *link)
{
    return link->waited_ms;
}
