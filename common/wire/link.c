// The life of a request
//
//     rg_link_send ──► unsent ──► sent to one replica ──reply──► callback(0, reply)
//                        ▲  │            │
//                        │  │            └─ the connection breaks, or the replica's address disappears
//                        └──┼────────────────┘
//                           └─ cannot be packed or is too large ──► callback(error)
//
//     A peer that is loading or busy (wire.h) answers that it cannot take the request yet: the request
//     becomes unsent again, but not before the time that the peer said.
//
//     At any time: the deadline passes ──► callback(RG_ETIMEOUT);  rg_link_forget ──► dropped, no callback.
//
// The link owns a request from rg_link_send to its callback. All requests are in one list, in the order of
// sending. `sent` names the connection that a request went to. A connection that breaks may have lost any
// request that it took, so all of its requests become unsent again and go out in order to the replicas that
// are connected: a request may arrive twice, which is why requests are idempotent. A reply is matched by
// its id; a reply to a request that is not in the list (timed out, forgotten, answered by another replica)
// is dropped.
//
// A request may be the reason why a connection broke: it ends the service. So after a break the requests of
// the connection are suspects. When the service can be reached again it is asked for its status: if it has
// run since before the request was sent, only the connection broke, and nothing is suspected. Otherwise the
// suspects wait for a moment that is chosen at random, so that the suspects of other clients go out at other
// moments, and they go out one at a time, so that only the guilty one is open when the service ends again. A
// suspect whose connection breaks, to whatever replica, ends with RG_ECRASH and is not sent a third time.
//
// Callbacks run only from rg_link_poll, rg_link_ask and the service loop, never from rg_link_send. A
// callback may send, ask and forget on the same link. `receiving` counts these nested calls: meanwhile the
// array of replicas does not change.
//
// A link has no thread. The caller or the service loop polls its sockets; an optional worker thread only
// looks up host names (connection.h).
//
// link_replicas.c has the connections; this file has the requests.
#include "common/wire/link_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/log.h"
#include "common/wire/socket.h"

_Static_assert(RG__LINK_ITEMS == RG__REPLICAS_MAX * RG__CONNECTION_ITEMS + 1, "all replicas, and the lookup");

enum { BATCH = 16, STOP_CHECK_MS = 100, LOG_FIRST_MS = 5000, LOG_LAST_MS = 60000, AGAIN_MAX_MS = 10000 };

enum {
    ALONE_MS = 1000
}; // after this time without an answer of a suspect, the next one goes out nevertheless

// ---- life
int rg_link_new(rg_link_t **out, const rg_wire_options_t *options, const char *peer, const char *endpoint,
                const atomic_int *stop)
{
    rg_link_t *link = rg_alloc(sizeof *link);
    link->options = *options;
    link->options.keys = link->keys = rg_strdup(options->keys);
    link->options.identity = link->identity = rg_strdup(options->identity);
    link->peer = rg_strdup(peer);
    link->endpoint = rg_strdup(endpoint);
    link->stop = stop;
    link->frame_max = (size_t)options->message_max_mib << 20;
    link->first_of_found = (size_t)(1e3 * rg_clock_ms());
    TAILQ_INIT(&link->requests);
    int err = rg__connection_check(&link->options, endpoint);
    if (!err) err = rg__lookup_new(&link->lookup, endpoint);
    if (!err && !link->lookup) err = rg__link_add_replica(link, endpoint);
    if (err)
        rg_link_destroy(&link);
    else
        *out = link;
    return err;
}

// The next suspect need not wait for one that has ended.
static void remove_request(rg_link_t *link, rg__request_t *request)
{
    TAILQ_REMOVE(&link->requests, request, entry);
    link->pending--;
    if (request->broke_on && request->sent) link->suspects_ms = 0;
}

static void destroy_request(rg__request_t *request)
{
    rg_msg_destroy(&request->msg);
    free(request->reason);
    free(request);
}

void rg_link_destroy(rg_link_t **out)
{
    rg_link_t *link = *out;
    if (!link) return;
    rg__lookup_destroy(&link->lookup);
    for (size_t i = 0; i < link->n_replicas; i++) rg__connection_destroy(&link->replica[i]);
    for (rg__request_t *request; (request = TAILQ_FIRST(&link->requests)) != NULL;) {
        remove_request(link, request);
        destroy_request(request);
    }
    free(link->keys);
    free(link->identity);
    free(link->peer);
    free(link->endpoint);
    free(link);
    *out = NULL;
}

// ---- sending
// A suspect waits for the status.
static int can_take(const rg__connection_t *replica, const rg__request_t *request)
{
    return replica->connected && (!request->broke_on || replica->probe == RG__PROBE_NONE);
}

// Replicas take turns. RG_EBUSY: none of them takes a request now.
static int send_to_next(rg_link_t *link, rg__request_t *request)
{
    for (size_t tries = 0; tries < link->n_replicas; tries++) {
        link->last = (link->last + 1) % link->n_replicas;
        const rg__connection_t *replica = link->replica[link->last];
        if (!can_take(replica, request)) continue;
        int err = rg__socket_send(replica->socket, NULL, request->msg, request->id, link->frame_max);
        if (err == RG_EBUSY) continue;
        request->sent = replica;
        request->sent_ms = rg_clock_ms();
        return err;
    }
    return RG_EBUSY;
}

// When a request may be sent that is not sent now; 0: at once.
static double sending_time_ms(const rg_link_t *link, const rg__request_t *request)
{
    double time_ms = request->broke_on ? fmax(request->again_at_ms, link->suspects_ms) : request->again_at_ms;
    return time_ms > rg_clock_ms() ? time_ms : 0;
}

static int is_unsent(const rg_link_t *link, const rg__request_t *request)
{
    int takers = !request->broke_on;
    if (request->sent || request->failure.err || sending_time_ms(link, request) > 0) return 0;
    for (size_t i = 0; i < link->n_replicas && !takers; i++) takers = can_take(link->replica[i], request);
    return takers;
}

static void send_unsent(rg_link_t *link)
{
    rg__request_t *request;
    rg__link_follow(link);
    TAILQ_FOREACH(request, &link->requests, entry)
    {
        if (!is_unsent(link, request)) continue;
        int err = send_to_next(link, request);
        if (err == RG_EBUSY) return;
        if (request->broke_on) link->suspects_ms = rg_clock_ms() + ALONE_MS;
        if (err) rg_failure_keep(&request->failure, rg_fail(err, "%s: %s", link->peer, rg_error()));
    }
}

static void restart_quiet(rg_link_t *link)
{
    link->quiet_since_ms = rg_clock_ms();
    link->next_log_ms = LOG_FIRST_MS;
}

void rg_link_send(rg_link_t *link, rg_msg_t **message, int timeout_ms, rg_reply_fn *fn, void *self)
{
    rg__request_t *request = rg_alloc(sizeof *request);
    *request = (rg__request_t){.id = ++link->last_id,
                               .msg = *message,
                               .fn = fn,
                               .self = self,
                               .timeout_ms = timeout_ms,
                               .deadline_ms = timeout_ms < 0 ? INFINITY : rg_clock_ms() + timeout_ms};
    *message = NULL;
    if (link->pending == 0) restart_quiet(link);
    TAILQ_INSERT_TAIL(&link->requests, request, entry);
    link->pending++;
    send_unsent(link);
}

void rg_link_forget(rg_link_t *link, const void *self)
{
    for (rg__request_t *request = TAILQ_FIRST(&link->requests), *next; request; request = next) {
        next = TAILQ_NEXT(request, entry);
        if (request->self != self) continue;
        remove_request(link, request);
        destroy_request(request);
    }
}

// ---- replies
// Ends a request that was removed from the list.
static void end_request(rg__request_t *request, int err, const rg_msg_t *reply)
{
    rg_reply_fn *fn = request->fn;
    void *self = request->self;
    destroy_request(request);
    fn(self, err, err ? NULL : reply);
}

// The error of a request that failed to be sent or is overdue; 0 for the others.
static int request_error(const rg_link_t *link, const rg__request_t *request, double now_ms)
{
    if (request->failure.err) return rg_failure_raise(&request->failure);
    if (request->deadline_ms > now_ms) return 0;
    return rg_fail(RG_ETIMEOUT, "%s (%s): no answer within %d ms%s%s", link->peer, link->endpoint,
                   request->timeout_ms, request->reason ? ": " : "", request->reason ? request->reason : "");
}

static int end_failed(rg_link_t *link)
{
    int ended = 0;
    const double now_ms = rg_clock_ms();
    for (rg__request_t *request = TAILQ_FIRST(&link->requests); request;) {
        int err = request_error(link, request, now_ms);
        if (!err) {
            request = TAILQ_NEXT(request, entry);
            continue;
        }
        remove_request(link, request);
        end_request(request, err, NULL);
        ended++;
        request = TAILQ_FIRST(&link->requests); // the callback may have changed the list
    }
    return ended;
}

static rg__request_t *find_request(const rg_link_t *link, uint64_t id)
{
    rg__request_t *request;
    TAILQ_FOREACH(request, &link->requests, entry)
    if (request->id == id) return request;
    return NULL;
}

// If the reply says that the peer cannot take the request yet, plans to send it again and returns 1.
static int postpone_request(rg_link_t *link, rg__request_t *request, const rg_msg_t *reply)
{
    if (rg_msg_kind(reply) != RG__V1__ENVELOPE__BODY_ERROR) return 0;
    uint32_t again_ms = ((const Rg__V1__Error *)rg_msg_body(reply))->again_ms;
    if (again_ms == 0) return 0;
    rg_msg_failed(reply, link->peer);
    if (!request->reason) rg_log(RG_LOG_INFO, "postponed", "reason=\"%s\"", rg_error());
    free(request->reason);
    request->reason = rg_strdup(rg_error() + strlen(link->peer) + 2); // without "PEER: "
    request->again_at_ms = rg_clock_ms() + (again_ms < AGAIN_MAX_MS ? again_ms : AGAIN_MAX_MS);
    request->sent = NULL;
    if (request->broke_on) link->suspects_ms = 0;
    return 1;
}

// Returns 1 if the reply answers no request of a caller.
static int is_handled(rg_link_t *link, rg__connection_t *replica, rg__request_t *request, uint64_t id,
                      const rg_msg_t *reply)
{
    if (reply && id == RG__PROBE_ID) rg__link_take_probe(link, replica, reply);
    return reply && (id == RG__PROBE_ID || (request && postpone_request(link, request, reply)));
}

static int receive_reply(rg_link_t *link, rg__connection_t *replica, rg__parts_t *parts)
{
    rg_msg_t *reply = NULL;
    uint64_t id;
    int err = rg__parts_parse(&parts, 0, &reply, &id);
    rg__request_t *request = find_request(link, id);
    if (is_handled(link, replica, request, id, reply)) {
        rg_msg_destroy(&reply);
        return 0;
    }
    if (request) remove_request(link, request);
    if (err && !request)
        rg_log(RG_LOG_WARN, "bad-reply", "peer=%s error=\"%s\"", link->peer, rg_error());
    else if (err)
        err = rg_fail(err, "%s: bad reply: %s", link->peer, rg_error());
    else
        err = rg_msg_failed(reply, link->peer);
    if (request) {
        restart_quiet(link);
        end_request(request, err, reply);
    }
    rg__parts_destroy(&parts);
    rg_msg_destroy(&reply);
    return request != NULL;
}

static int receive_from(rg_link_t *link, rg__connection_t *replica)
{
    int answered = 0;
    for (int i = 0; i < BATCH; i++) {
        rg__parts_t *parts = rg__parts_recv(replica->socket);
        if (!parts) break;
        answered += receive_reply(link, replica, parts);
    }
    return answered;
}

// A reply that is there already counts even when the deadline of its request has passed.
int rg__link_dispatch(rg_link_t *link)
{
    int answered = 0;
    send_unsent(link);
    link->receiving++;
    for (size_t i = 0; i < link->n_replicas; i++) answered += receive_from(link, link->replica[i]);
    link->receiving--;
    return answered + end_failed(link);
}

int rg_link_pending(const rg_link_t *link)
{
    return link->pending;
}

int rg_link_connected(const rg_link_t *link)
{
    return rg__link_count_connected(link) > 0;
}

// ---- waiting
static int has_unsent(const rg_link_t *link)
{
    const rg__request_t *request;
    TAILQ_FOREACH(request, &link->requests, entry)
    if (is_unsent(link, request)) return 1;
    return 0;
}

size_t rg__link_items(rg_link_t *link, zmq_pollitem_t items[RG__LINK_ITEMS])
{
    const int unsent = has_unsent(link);
    size_t n = 0;
    for (size_t i = 0; i < link->n_replicas; i++, n += RG__CONNECTION_ITEMS)
        rg__connection_items(link->replica[i], unsent, &items[n]);
    if (link->lookup) items[n++] = (zmq_pollitem_t){.fd = rg__lookup_fd(link->lookup), .events = ZMQ_POLLIN};
    return n;
}

double rg__link_deadline_ms(const rg_link_t *link)
{
    double first = INFINITY;
    const rg__request_t *request;
    TAILQ_FOREACH(request, &link->requests, entry)
    {
        if (request->deadline_ms < first) first = request->deadline_ms;
        double sending_ms = request->sent ? 0 : sending_time_ms(link, request);
        if (sending_ms > 0 && sending_ms < first) first = sending_ms;
    }
    return first;
}

void rg__link_log_waiting(rg_link_t *link)
{
    double quiet = rg_clock_ms() - link->quiet_since_ms;
    if (link->pending == 0 || quiet < link->next_log_ms) return;
    link->next_log_ms =
        link->next_log_ms * 2 < LOG_LAST_MS ? link->next_log_ms * 2 : link->next_log_ms + LOG_LAST_MS;
    rg_log(RG_LOG_INFO, "waiting", "peer=%s endpoint=%s connected=%d pending=%d for_s=%.0f", link->peer,
           link->endpoint, rg__link_count_connected(link), link->pending, quiet / 1e3);
}

// Waits in slices, to look at the stop flag and to log now and then.
static void wait_for_event(rg_link_t *link, double until_ms)
{
    zmq_pollitem_t items[RG__LINK_ITEMS];
    const int n = (int)rg__link_items(link, items);
    const double start = rg_clock_ms(), left = fmin(until_ms, rg__link_deadline_ms(link)) - start;
    zmq_poll(items, n, left > 0 ? (long)fmin(left, STOP_CHECK_MS) + 1 : 0);
    link->waited_ms += rg_clock_ms() - start;
    rg__link_log_waiting(link);
}

static int check_stop(const rg_link_t *link)
{
    if (!link->stop || !atomic_load(link->stop)) return 0;
    return rg_fail(RG_ESTOPPED, "%s: stopped while waiting for a reply", link->peer);
}

int rg_link_poll(rg_link_t *link, int timeout_ms)
{
    const double until_ms = timeout_ms < 0 ? INFINITY : rg_clock_ms() + timeout_ms;
    for (;;) {
        int err = check_stop(link);
        if (err) return err;
        if (rg__link_dispatch(link) > 0) return 0;
        if (rg_clock_ms() >= until_ms) return 0;
        wait_for_event(link, until_ms);
    }
}

typedef struct {
    int done;
    rg_failure_t failure;
    rg_msg_t *reply;
} answer_t;

static void keep_answer(void *self, int err, const rg_msg_t *reply)
{
    answer_t *answer = self;
    answer->done = 1;
    rg_failure_keep(&answer->failure, err);
    if (!err) answer->reply = rg_msg_retain(reply);
}

int rg_link_ask(rg_link_t *link, rg_msg_t **request, rg_msg_t **reply, int timeout_ms)
{
    answer_t answer = {0};
    int err = 0;
    rg_link_send(link, request, timeout_ms, keep_answer, &answer);
    while (!answer.done && !err) err = rg_link_poll(link, -1);
    if (!answer.done) {
        rg_link_forget(link, &answer);
        return err;
    }
    if (!answer.failure.err) *reply = answer.reply;
    return rg_failure_raise(&answer.failure);
}

double rg_link_waited_ms(const rg_link_t *link)
{
    return link->waited_ms;
}
