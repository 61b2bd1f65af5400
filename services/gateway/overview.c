#include "services/gateway/overview.h"

#include <jansson.h>
#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/wire/json.h"
#include "services/gateway/reply.h"

enum { ANSWER_MS = 2000, ABSENT_MS = 300 }; // patience with a service, and with one that is not there
static const double fresh_s = 1;

// A service's answers to the questions of a round.
typedef struct {
    rg_overview_t *overview;
    rg_msg_t *status, *stats; // NULL: none yet
} row_t;

struct rg_overview {
    const rg_config_t *config;
    rg_peers_t *peers;
    row_t row[RG_SERVICES];
    int open;                    // questions of this round without an answer
    double asked_s;              // when this round, or the last, began; 0: never
    char *text;                  // what the last round gave; NULL: there was none
    rg_http_request_t **waiting; // [n_waiting] for the end of this round
    size_t n_waiting;
};

void rg_overview_new(rg_overview_t **out, const rg_config_t *config, rg_peers_t *peers)
{
    rg_overview_t *overview = rg_alloc(sizeof *overview);
    overview->config = config;
    overview->peers = peers;
    for (int i = 0; i < RG_SERVICES; i++) overview->row[i].overview = overview;
    *out = overview;
}

static void forget_answers(rg_overview_t *overview)
{
    for (int i = 0; i < RG_SERVICES; i++) {
        rg_msg_destroy(&overview->row[i].status);
        rg_msg_destroy(&overview->row[i].stats);
    }
}

void rg_overview_destroy(rg_overview_t **out)
{
    rg_overview_t *overview = *out;
    if (!overview) return;
    forget_answers(overview);
    free(overview->waiting);
    free(overview->text);
    free(overview);
    *out = NULL;
}

// ------------------------------------------------------------------ the answer
static json_t *describe(const rg_overview_t *overview, int service)
{
    const char *name = rg_services_name(service);
    const row_t *row = &overview->row[service];
    int port = rg_config_http_port(overview->config, name), answers = row->status && row->stats;
    json_t *object = json_pack("{s:s, s:b}", "service", name, "answers", answers);
    if (!answers) return object;
    rg_json_status(object, rg_msg_body(row->status));
    rg_json_stats(object, rg_msg_body(row->stats));
    json_object_set_new(object, "metrics_port", port ? json_integer(port) : json_null());
    return object;
}

static char *write_text(const rg_overview_t *overview)
{
    json_t *services = json_array(), *whole = json_pack("{s:o}", "services", services);
    for (int i = 0; i < RG_SERVICES; i++)
        if (rg_services_all(overview->config) & 1u << i)
            json_array_append_new(services, describe(overview, i));
    return rg_reply_write(whole);
}

static void end_round(rg_overview_t *overview)
{
    free(overview->text);
    overview->text = write_text(overview);
    forget_answers(overview);
    for (size_t i = 0; i < overview->n_waiting; i++)
        rg_reply_text(overview->waiting[i], rg_strdup(overview->text));
    overview->n_waiting = 0;
}

// ------------------------------------------------------------------ the questions
static void take_answer(row_t *row, rg_msg_t **place, const rg_msg_t *reply)
{
    if (reply) *place = rg_msg_retain(reply);
    if (--row->overview->open == 0) end_round(row->overview);
}

static void take_status(void *self, int err, const rg_msg_t *reply)
{
    row_t *row = self;
    (void)err;
    take_answer(row, &row->status, reply);
}

static void take_stats(void *self, int err, const rg_msg_t *reply)
{
    row_t *row = self;
    (void)err;
    take_answer(row, &row->stats, reply);
}

static void ask(rg_overview_t *overview, int service)
{
    int timeout_ms = rg_peers_connected(overview->peers, service) ? ANSWER_MS : ABSENT_MS;
    rg_question_t status = {service, RG__V1__ENVELOPE__BODY_STATUS_REPLY, timeout_ms, take_status,
                            &overview->row[service]};
    rg_question_t stats = {service, RG__V1__ENVELOPE__BODY_STATS_REPLY, timeout_ms, take_stats,
                           &overview->row[service]};
    rg_msg_t *first = rg_msg_new(RG__V1__ENVELOPE__BODY_STATUS_REQUEST),
             *second = rg_msg_new(RG__V1__ENVELOPE__BODY_STATS_REQUEST);
    overview->open += rg_peers_ask(overview->peers, &status, &first) == 0;
    overview->open += rg_peers_ask(overview->peers, &stats, &second) == 0;
}

static void begin_round(rg_overview_t *overview)
{
    overview->asked_s = rg_clock_s();
    for (int i = 0; i < RG_SERVICES; i++)
        if (rg_services_all(overview->config) & 1u << i) ask(overview, i);
}

void rg_overview_get(rg_overview_t *overview, rg_http_request_t *request)
{
    int open = overview->open > 0;
    if (!open && overview->text && rg_clock_s() - overview->asked_s < fresh_s) {
        rg_reply_text(request, rg_strdup(overview->text));
        return;
    }
    if (!open) begin_round(overview);
    if (overview->open == 0) { // nobody could be asked
        rg_reply_fail(request, RG_ESTOPPED);
        return;
    }
    overview->waiting = rg_realloc(overview->waiting, (overview->n_waiting + 1) * sizeof *overview->waiting);
    overview->waiting[overview->n_waiting++] = request;
}
