// The replicas of a link: their connections, what becomes of requests when one breaks, and the addresses of the host
// name. link.c explains suspects.
#include "common/wire/link_private.h"

#include <string.h>
#include <unistd.h>

#include "common/core/clock.h"
#include "common/core/hash.h"
#include "common/core/log.h"
#include "common/wire/socket.h"

// SUSPECT_WAIT_MS: the longest wait of suspects. PROGRESS_MS: a load that was open for so long did not end its encoder.
enum { SUSPECT_WAIT_MS = 1000, PROGRESS_MS = 60000 };

int rg__link_add_replica(rg_link_t *link, const char *endpoint)
{
    int err = rg__connection_new(&link->replica[link->n_replicas], &link->options, link->peer, endpoint);
    if (!err) link->replica[link->n_replicas++]->number = ++link->n_connections;
    return err;
}

static void mark_unsent(rg_link_t *link, const rg__connection_t *connection)
{
    rg__request_t *request;
    TAILQ_FOREACH(request, &link->requests, entry)
    if (request->sent == connection) request->sent = NULL;
}

// Status requests end no service. A trainer goes on from what it saved, however often it was killed: one that
// ends each time is paused by its supervisor. So does an encoder that embeds a set for long.
static int can_end_service(const rg__request_t *request)
{
    switch (rg_msg_kind(request->msg)) {
    case RG__V1__ENVELOPE__BODY_STATUS_REQUEST:
    case RG__V1__ENVELOPE__BODY_STATS_REQUEST:
    case RG__V1__ENVELOPE__BODY_TRAIN_REQUEST:
        return 0;
    case RG__V1__ENVELOPE__BODY_LOAD_REQUEST:
        return rg_clock_ms() - request->sent_ms < PROGRESS_MS;
    default:
        return 1;
    }
}

static void suspect_request(rg_link_t *link, rg__request_t *request)
{
    const int can_end = can_end_service(request);
    const double seed[] = {rg_clock_ms(), getpid()};
    if (can_end && request->broke_on)
        rg_failure_keep(&request->failure,
                        rg_fail(RG_ECRASH,
                                "%s (%s): the connection broke twice while this request was open, which may "
                                "be the reason; it is not sent again",
                                link->peer, request->sent->endpoint));
    if (can_end) link->suspects_ms = *seed + (double)(rg_hash(seed, sizeof seed, 0) % SUSPECT_WAIT_MS);
    request->broke_on = can_end ? request->sent->number : 0;
}

static void follow_break(rg_link_t *link, rg__connection_t *connection)
{
    rg__request_t *request;
    if (connection->probe == RG__PROBE_SENT) connection->probe = RG__PROBE_DUE;
    TAILQ_FOREACH(request, &link->requests, entry)
    {
        if (request->sent != connection) continue;
        suspect_request(link, request);
        if (request->broke_on) connection->probe = RG__PROBE_DUE;
    }
    mark_unsent(link, connection);
}

// Asks a service whose connection broke for its status.
static void probe_service(rg_link_t *link, rg__connection_t *connection)
{
    if (!connection->connected || connection->probe != RG__PROBE_DUE) return;
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_STATUS_REQUEST);
    int err = rg__socket_send(connection->socket, NULL, request, RG__PROBE_ID, link->frame_max);
    if (!err) connection->probe = RG__PROBE_SENT;
    rg_msg_destroy(&request);
}

void rg__link_take_probe(rg_link_t *link, rg__connection_t *connection, const rg_msg_t *reply)
{
    rg__request_t *request;
    connection->probe = RG__PROBE_NONE;
    if (rg_msg_kind(reply) != RG__V1__ENVELOPE__BODY_STATUS_REPLY) return;
    double started_ms = rg_clock_ms() - 1e3 * ((const Rg__V1__StatusReply *)rg_msg_body(reply))->uptime_s;
    TAILQ_FOREACH(request, &link->requests, entry)
    if (request->broke_on == connection->number && !request->sent && started_ms < request->sent_ms)
        request->broke_on = 0;
}

int rg__link_count_connected(const rg_link_t *link)
{
    int n = 0;
    for (size_t i = 0; i < link->n_replicas; i++) n += link->replica[i]->connected;
    return n;
}

static void remove_replica(rg_link_t *link, size_t i)
{
    rg__connection_t *gone = link->replica[i];
    rg_log(RG_LOG_INFO, "replica-gone", "peer=%s endpoint=%s", link->peer, gone->endpoint);
    mark_unsent(link, gone);
    rg__connection_destroy(&gone);
    link->replica[i] = link->replica[--link->n_replicas];
}

static int has_address(const rg__addresses_t *found, const char *endpoint)
{
    for (size_t i = 0; i < found->count; i++)
        if (strcmp(found->endpoint[i], endpoint) == 0) return 1;
    return 0;
}

static int has_replica(const rg_link_t *link, const char *endpoint)
{
    for (size_t i = 0; i < link->n_replicas; i++)
        if (strcmp(link->replica[i]->endpoint, endpoint) == 0) return 1;
    return 0;
}

// Connects to new addresses of the host name and drops the connections to addresses that it has no longer.
static void follow_lookup(rg_link_t *link)
{
    rg__addresses_t found;
    if (!link->lookup || link->receiving ||
        !rg__lookup_step(link->lookup, rg__link_count_connected(link), &found))
        return;
    for (size_t i = link->n_replicas; i-- > 0;)
        if (!has_address(&found, link->replica[i]->endpoint)) remove_replica(link, i);
    for (size_t i = 0; i < found.count && link->n_replicas < RG__REPLICAS_MAX; i++) {
        const char *endpoint = found.endpoint[(link->first_of_found + i) % found.count];
        if (!has_replica(link, endpoint) && rg__link_add_replica(link, endpoint) != 0)
            rg_log(RG_LOG_WARN, "connection-failed", "peer=%s reason=\"%s\"", link->peer, rg_error());
    }
}

void rg__link_follow(rg_link_t *link)
{
    for (size_t i = 0; i < link->n_replicas; i++) {
        if (rg__connection_step(link->replica[i], link->pending)) follow_break(link, link->replica[i]);
        probe_service(link, link->replica[i]);
    }
    follow_lookup(link);
}
