// /status: one round of calls answers all requests that wait for it.
//
//   request -> fresh text?  answer with it
//           -> round open?  wait for its end
//           -> else         begin a round: ask every service for its status and its statistics
//   last reply or timeout -> write the text, answer all waiting requests
#include "services/gateway/status.h"

#include <jansson.h>
#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/wire/json.h"
#include "services/gateway/http_api.h"

// Deadlines for a connected service, and for one without a connection.
enum { CONNECTED_MS = 2000, ABSENT_MS = 300 };
static const double status_fresh_s = 1;

// The replies of one service in this round.
typedef struct {
    rg_status_cache_t *cache;
    rg_msg_t *status, *stats; // NULL: none yet
} status_row_t;

struct rg_status_cache {
    const rg_config_t *config;
    rg_upstream_t *upstream;
    status_row_t row[RG_SERVICES];
    int open;                    // calls of this round without a reply
    double asked_s;              // when the latest round began; 0: never
    char *text;                  // the result of the last round; NULL: there was none
    rg_http_request_t **waiting; // [n_waiting] requests that this round answers
    size_t n_waiting;
};

void rg_status_cache_new(rg_status_cache_t **out, const rg_config_t *config, rg_upstream_t *upstream)
{
    rg_status_cache_t *cache = rg_alloc(sizeof *cache);
    cache->config = config;
    cache->upstream = upstream;
    for (int i = 0; i < RG_SERVICES; i++) cache->row[i].cache = cache;
    *out = cache;
}

static void drop_replies(rg_status_cache_t *cache)
{
    for (int i = 0; i < RG_SERVICES; i++) {
        rg_msg_destroy(&cache->row[i].status);
        rg_msg_destroy(&cache->row[i].stats);
    }
}

void rg_status_cache_destroy(rg_status_cache_t **out)
{
    rg_status_cache_t *cache = *out;
    if (!cache) return;
    drop_replies(cache);
    free(cache->waiting);
    free(cache->text);
    free(cache);
    *out = NULL;
}

// ---- the answer
static json_t *service_json(const rg_status_cache_t *cache, int service)
{
    const char *name = rg_services_name(service);
    const status_row_t *row = &cache->row[service];
    int port = rg_config_http_port(cache->config, name), answers = row->status && row->stats;
    json_t *object = json_pack("{s:s, s:b}", "service", name, "answers", answers);
    if (!answers) return object;
    rg_json_status(object, rg_msg_body(row->status));
    rg_json_stats(object, rg_msg_body(row->stats));
    json_object_set_new(object, "metrics_port", port ? json_integer(port) : json_null());
    return object;
}

static char *write_services(const rg_status_cache_t *cache)
{
    json_t *services = json_array(), *whole = json_pack("{s:o}", "services", services);
    for (int i = 0; i < RG_SERVICES; i++)
        if (rg_services_all(cache->config) & 1u << i) json_array_append_new(services, service_json(cache, i));
    return rg_api_reply_write(whole);
}

static void round_end(rg_status_cache_t *cache)
{
    free(cache->text);
    cache->text = write_services(cache);
    drop_replies(cache);
    for (size_t i = 0; i < cache->n_waiting; i++)
        rg_api_reply_text(cache->waiting[i], rg_strdup(cache->text));
    cache->n_waiting = 0;
}

// ---- the round
static void round_take(status_row_t *row, rg_msg_t **place, const rg_msg_t *reply)
{
    if (reply) *place = rg_msg_retain(reply);
    if (--row->cache->open == 0) round_end(row->cache);
}

static void take_status(void *self, int err, const rg_msg_t *reply)
{
    status_row_t *row = self;
    (void)err;
    round_take(row, &row->status, reply);
}

static void take_stats(void *self, int err, const rg_msg_t *reply)
{
    status_row_t *row = self;
    (void)err;
    round_take(row, &row->stats, reply);
}

static void round_ask(rg_status_cache_t *cache, int service)
{
    int timeout_ms = rg_upstream_connected(cache->upstream, service) ? CONNECTED_MS : ABSENT_MS;
    rg_call_t status = {service, RG__V1__ENVELOPE__BODY_STATUS_REPLY, timeout_ms, take_status,
                        &cache->row[service]};
    rg_call_t stats = {service, RG__V1__ENVELOPE__BODY_STATS_REPLY, timeout_ms, take_stats,
                       &cache->row[service]};
    rg_msg_t *first = rg_msg_new(RG__V1__ENVELOPE__BODY_STATUS_REQUEST),
             *second = rg_msg_new(RG__V1__ENVELOPE__BODY_STATS_REQUEST);
    cache->open += rg_upstream_call(cache->upstream, &status, &first) == 0;
    cache->open += rg_upstream_call(cache->upstream, &stats, &second) == 0;
}

static void round_begin(rg_status_cache_t *cache)
{
    cache->asked_s = rg_clock_s();
    for (int i = 0; i < RG_SERVICES; i++)
        if (rg_services_all(cache->config) & 1u << i) round_ask(cache, i);
}

void rg_status_cache_get(rg_status_cache_t *cache, rg_http_request_t *request)
{
    int open = cache->open > 0;
    if (!open && cache->text && rg_clock_s() - cache->asked_s < status_fresh_s) {
        rg_api_reply_text(request, rg_strdup(cache->text));
        return;
    }
    if (!open) round_begin(cache);
    if (cache->open == 0) { // no service could be called
        rg_api_reply_fail(request, RG_ESTOPPED);
        return;
    }
    cache->waiting = rg_realloc(cache->waiting, (cache->n_waiting + 1) * sizeof *cache->waiting);
    cache->waiting[cache->n_waiting++] = request;
}
