#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/core/log.h"
#include "common/wire/connection.h"
#include "common/wire/lookup.h"
#include "common/wire/socket.h"

_Static_assert(RG__LINK_ITEMS == RG__REPLICAS_MAX * RG__CONNECTION_ITEMS + 1, "all replicas, and the lookup");

enum { BATCH = 16, STOP_CHECK_MS = 100, LOG_FIRST_MS = 5000, LOG_LAST_MS = 60000 };

// A request without its reply.
typedef struct request {
    struct request *next;
    uint64_t id;
    rg_msg_t *msg;
    rg_reply_fn *fn;
    void *self;
    const rg__connection_t *sent; // on this one, which has not broken since; NULL: not yet
    int err;                      // it could not be sent: this
    char sentence[256];           // and why
} request_t;

struct rg_link {
    rg_wire_options_t options; // its texts are keys and identity
    char *keys, *identity, *peer, *endpoint;
    const atomic_int *stop;
    rg__lookup_t *lookup; // finds the replicas; NULL: there is one, at the endpoint
    rg__connection_t *replica[RG__REPLICAS_MAX];
    size_t n_replicas, last; // last: that was sent to
    size_t first_of_found;   // any: links shall not all begin at the same replica
    int receiving;           // callbacks are called: replicas stay
    size_t frame_max;
    request_t *first; // in the order of sending
    int pending;
    uint64_t last_id;
    double quiet_since_ms; // last reply, or first request after there were none
    double next_log_ms;    // of quiet before the next log line
    double waited_ms;
};

// ------------------------------------------------------------------ life
static int add_replica(rg_link_t *link, const char *endpoint)
{
    int err = rg__connection_new(&link->replica[link->n_replicas], &link->options, link->peer, endpoint);
    if (!err) link->n_replicas++;
    return err;
}

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
    int err = rg__connection_check(options, endpoint);
    if (!err) err = rg__lookup_new(&link->lookup, endpoint);
    if (!err && !link->lookup) err = add_replica(link, endpoint);
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
    rg__lookup_destroy(&link->lookup);
    for (size_t i = 0; i < link->n_replicas; i++) rg__connection_destroy(&link->replica[i]);
    for (request_t *request = link->first, *next; request; request = next) {
        next = request->next;
        destroy_request(request);
    }
    free(link->keys);
    free(link->identity);
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
        if (!request->sent && !request->err) return 1;
    return 0;
}

static void restart_quiet(rg_link_t *link)
{
    link->quiet_since_ms = rg_clock_ms();
    link->next_log_ms = LOG_FIRST_MS;
}

// ------------------------------------------------------------------ the connections
// It may have swallowed any request that it was given: these go out again, in order, to whoever is there.
static void forget_sent(rg_link_t *link, const rg__connection_t *connection)
{
    for (request_t *request = link->first; request; request = request->next)
        if (request->sent == connection) request->sent = NULL;
}

static int count_connected(const rg_link_t *link)
{
    int n = 0;
    for (size_t i = 0; i < link->n_replicas; i++) n += link->replica[i]->connected;
    return n;
}

static void remove_replica(rg_link_t *link, size_t i)
{
    rg__connection_t *gone = link->replica[i];
    rg_log(RG_LOG_INFO, "gone", "peer=%s endpoint=%s", link->peer, gone->endpoint);
    forget_sent(link, gone);
    rg__connection_destroy(&gone);
    link->replica[i] = link->replica[--link->n_replicas];
}

static int is_found(const rg__addresses_t *found, const char *endpoint)
{
    for (size_t i = 0; i < found->count; i++)
        if (strcmp(found->endpoint[i], endpoint) == 0) return 1;
    return 0;
}

static int is_replica(const rg_link_t *link, const char *endpoint)
{
    for (size_t i = 0; i < link->n_replicas; i++)
        if (strcmp(link->replica[i]->endpoint, endpoint) == 0) return 1;
    return 0;
}

static void follow_lookup(rg_link_t *link)
{
    rg__addresses_t found;
    if (!link->lookup || link->receiving || !rg__lookup_step(link->lookup, count_connected(link), &found))
        return;
    for (size_t i = link->n_replicas; i-- > 0;)
        if (!is_found(&found, link->replica[i]->endpoint)) remove_replica(link, i);
    for (size_t i = 0; i < found.count && link->n_replicas < RG__REPLICAS_MAX; i++) {
        const char *endpoint = found.endpoint[(link->first_of_found + i) % found.count];
        if (!is_replica(link, endpoint) && add_replica(link, endpoint) != 0)
            rg_log(RG_LOG_WARN, "no_connection", "peer=%s reason=\"%s\"", link->peer, rg_error());
    }
}

static void follow_connections(rg_link_t *link)
{
    for (size_t i = 0; i < link->n_replicas; i++)
        if (rg__connection_step(link->replica[i], link->pending)) forget_sent(link, link->replica[i]);
    follow_lookup(link);
}

// Requests are dealt out in turn. RG_EBUSY: nobody takes it now.
static int send_to_next(rg_link_t *link, request_t *request)
{
    for (size_t tries = 0; tries < link->n_replicas; tries++) {
        link->last = (link->last + 1) % link->n_replicas;
        const rg__connection_t *replica = link->replica[link->last];
        if (!replica->connected) continue;
        int err = rg__socket_send(replica->socket, NULL, request->msg, request->id, link->frame_max);
        if (err == RG_EBUSY) continue;
        request->sent = replica;
        return err;
    }
    return RG_EBUSY;
}

static void send_unsent(rg_link_t *link)
{
    follow_connections(link);
    for (request_t *request = link->first; request; request = request->next) {
        if (request->sent || request->err) continue;
        int err = send_to_next(link, request);
        if (err == RG_EBUSY) return;
        request->err = err;
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

static int receive_from(rg_link_t *link, const rg__connection_t *replica)
{
    int answered = 0;
    for (int i = 0; i < BATCH; i++) {
        rg__parts_t *parts = rg__parts_recv(replica->socket);
        if (!parts) break;
        answered += receive(link, parts);
    }
    return answered;
}

// Callbacks may come back here.
int rg__link_dispatch(rg_link_t *link)
{
    send_unsent(link);
    int answered = answer_failed(link);
    link->receiving++;
    for (size_t i = 0; i < link->n_replicas; i++) answered += receive_from(link, link->replica[i]);
    link->receiving--;
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
    return count_connected(link) > 0;
}

// ------------------------------------------------------------------ waiting
size_t rg__link_items(rg_link_t *link, zmq_pollitem_t items[RG__LINK_ITEMS])
{
    const int unsent = has_unsent(link);
    size_t n = 0;
    for (size_t i = 0; i < link->n_replicas; i++, n += RG__CONNECTION_ITEMS)
        rg__connection_items(link->replica[i], unsent, &items[n]);
    if (link->lookup) items[n++] = (zmq_pollitem_t){.fd = rg__lookup_fd(link->lookup), .events = ZMQ_POLLIN};
    return n;
}

void rg__link_log_waiting(rg_link_t *link)
{
    double quiet = rg_clock_ms() - link->quiet_since_ms;
    if (link->pending == 0 || quiet < link->next_log_ms) return;
    link->next_log_ms =
        link->next_log_ms * 2 < LOG_LAST_MS ? link->next_log_ms * 2 : link->next_log_ms + LOG_LAST_MS;
    rg_log(RG_LOG_INFO, "waiting", "peer=%s endpoint=%s connected=%d pending=%d for_s=%.0f", link->peer,
           link->endpoint, count_connected(link), link->pending, quiet / 1e3);
}

// Waits in slices, so that the stop flag and the log are looked at.
static void wait_for_something(rg_link_t *link, double left_ms)
{
    zmq_pollitem_t items[RG__LINK_ITEMS];
    int n = (int)rg__link_items(link, items);
    double start = rg_clock_ms(), slice = left_ms < STOP_CHECK_MS ? left_ms : STOP_CHECK_MS;
    zmq_poll(items, n, (long)slice + 1);
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
    double deadline = timeout_ms < 0 ? INFINITY : rg_clock_ms() + timeout_ms;
    for (;;) {
        int err = check_stop(link);
        if (err) return err;
        if (rg__link_dispatch(link) > 0) return 0;
        double left = deadline - rg_clock_ms();
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
    double deadline = timeout_ms < 0 ? INFINITY : rg_clock_ms() + timeout_ms;
    rg_link_send(link, request, keep_answer, &kept);
    uint64_t id = link->last_id;
    int err = 0;
    while (!kept.done && !err) {
        double left = deadline - rg_clock_ms();
        err = rg_link_poll(link, left > INT32_MAX ? -1 : left > 0 ? (int)left + 1 : 0);
        if (!err && !kept.done && rg_clock_ms() >= deadline)
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
