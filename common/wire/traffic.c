#include "common/wire/traffic.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/clock.h"

enum { OPEN_MAX = 1024, KIND_NAME = 48 };

// A kind of request and its meters.
typedef struct {
    Rg__V1__Envelope__BodyCase kind; // NOT_SET: other kinds
    char name[KIND_NAME];
    rg_meter_t *requests, *errors, *seconds;
} kind_t;

// A request without its reply.
typedef struct {
    rg_peer_t peer;
    kind_t *kind;
    double began_ms;
} open_t;

struct rg__traffic {
    rg_meters_t meters; // of the whole life
    rg_meters_t fields; // fields of the last status
    rg_meter_t *open_requests, *received, *sent, *unreadable, *lost, *uptime, *memory;
    kind_t *kinds; // the last one: other kinds
    size_t n_kinds;
    char *service;
    double uptime_s; // at the last refresh
    open_t open[OPEN_MAX];
    size_t n_open; // oldest first
};

// ---- life
// "search" for SEARCH_REQUEST: the name of the field in the envelope without its suffix.
static void name_kind(kind_t *kind)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(&rg__v1__envelope__descriptor, kind->kind);
    snprintf(kind->name, sizeof kind->name, "%s", field ? field->name : "other");
    char *suffix = strstr(kind->name, "_request");
    if (suffix) *suffix = 0;
}

static rg_meter_t *add_by_kind(rg__traffic_t *traffic, enum rg_meter_kind type, const kind_t *kind,
                               const char *name, const char *help)
{
    return rg_meters_get(&traffic->meters, &(rg_meter_spec_t){type, name, help, "request", kind->name});
}

static rg_meter_t *add_meter(rg__traffic_t *traffic, enum rg_meter_kind type, const char *name,
                             const char *help)
{
    return rg_meters_get(&traffic->meters, &(rg_meter_spec_t){type, name, help, NULL, NULL});
}

static void add_kind(rg__traffic_t *traffic, Rg__V1__Envelope__BodyCase id)
{
    kind_t *kind = &traffic->kinds[traffic->n_kinds++];
    kind->kind = id;
    name_kind(kind);
    kind->requests = add_by_kind(traffic, RG_METER_COUNTER, kind, "rg_requests_total",
                                 "Requests received, by kind; other: kinds this service does not take.");
    kind->errors = add_by_kind(traffic, RG_METER_COUNTER, kind, "rg_request_errors_total",
                               "Requests answered with an error, by kind.");
    kind->seconds = add_by_kind(traffic, RG_METER_HISTOGRAM, kind, "rg_request_seconds",
                                "Time from receipt of a request to its reply, by kind.");
}

static void add_totals(rg__traffic_t *traffic)
{
    traffic->open_requests =
        add_meter(traffic, RG_METER_GAUGE, "rg_open_requests", "Requests received and not answered yet.");
    traffic->received = add_meter(traffic, RG_METER_COUNTER, "rg_received_bytes_total",
                                  "Bytes of all messages received, headers and payloads.");
    traffic->sent = add_meter(traffic, RG_METER_COUNTER, "rg_sent_bytes_total",
                              "Bytes of all replies, headers and payloads.");
    traffic->unreadable = add_meter(traffic, RG_METER_COUNTER, "rg_unreadable_messages_total",
                                    "Messages that were not well-formed requests.");
    traffic->lost = add_meter(traffic, RG_METER_COUNTER, "rg_lost_replies_total",
                              "Replies whose receiver was gone or did not read.");
    traffic->uptime =
        add_meter(traffic, RG_METER_GAUGE, "rg_uptime_seconds", "Time since the service started.");
    traffic->memory = add_meter(traffic, RG_METER_GAUGE, "rg_resident_memory_bytes",
                                "Memory of the process: resident pages.");
}

rg__traffic_t *rg__traffic_new(const rg_service_spec_t *spec)
{
    rg__traffic_t *traffic = rg_alloc(sizeof *traffic);
    traffic->service = rg_strdup(spec->name);
    traffic->kinds = rg_alloc((spec->n_routes + 3) * sizeof *traffic->kinds);
    rg_meters_init(&traffic->meters);
    rg_meters_init(&traffic->fields);
    add_totals(traffic);
    for (size_t i = 0; i < spec->n_routes; i++) add_kind(traffic, spec->routes[i].kind);
    add_kind(traffic, RG__V1__ENVELOPE__BODY_STATUS_REQUEST);
    add_kind(traffic, RG__V1__ENVELOPE__BODY_STATS_REQUEST);
    add_kind(traffic, RG__V1__ENVELOPE__BODY__NOT_SET);
    return traffic;
}

void rg__traffic_destroy(rg__traffic_t **out)
{
    rg__traffic_t *traffic = *out;
    if (!traffic) return;
    rg_meters_clear(&traffic->meters);
    rg_meters_clear(&traffic->fields);
    free(traffic->kinds);
    free(traffic->service);
    free(traffic);
    *out = NULL;
}

// ---- requests and replies
void rg__traffic_received(rg__traffic_t *traffic, size_t bytes)
{
    rg_meter_add(traffic->received, (double)bytes);
}

void rg__traffic_unreadable(rg__traffic_t *traffic)
{
    rg_meter_add(traffic->unreadable, 1);
}

static kind_t *find_kind(rg__traffic_t *traffic, Rg__V1__Envelope__BodyCase id)
{
    kind_t *kind = traffic->kinds, *last = kind + traffic->n_kinds - 1;
    while (kind < last && kind->kind != id) kind++;
    return kind;
}

// Removes open request i and keeps the order of the others.
static open_t remove_open(rg__traffic_t *traffic, size_t i)
{
    open_t taken = traffic->open[i];
    memmove(&traffic->open[i], &traffic->open[i + 1], (--traffic->n_open - i) * sizeof taken);
    rg_meter_set(traffic->open_requests, (double)traffic->n_open);
    return taken;
}

void rg__traffic_begin(rg__traffic_t *traffic, const rg_peer_t *peer, Rg__V1__Envelope__BodyCase id)
{
    kind_t *kind = find_kind(traffic, id);
    rg_meter_add(kind->requests, 1);
    if (traffic->n_open == OPEN_MAX) remove_open(traffic, 0);
    traffic->open[traffic->n_open++] = (open_t){.peer = *peer, .kind = kind, .began_ms = rg_clock_ms()};
    rg_meter_set(traffic->open_requests, (double)traffic->n_open);
}

static int same_request(const rg_peer_t *a, const rg_peer_t *b)
{
    return a->id == b->id && a->identity_size == b->identity_size &&
           memcmp(a->identity, b->identity, a->identity_size) == 0;
}

void rg__traffic_end(rg__traffic_t *traffic, const rg_peer_t *peer, const rg_msg_t *reply, int lost)
{
    if (lost)
        rg_meter_add(traffic->lost, 1);
    else
        rg_meter_add(traffic->sent, (double)rg_msg_size(reply));
    for (size_t i = traffic->n_open; i-- > 0;) { // newest first: most are answered at once
        if (!same_request(&traffic->open[i].peer, peer)) continue;
        open_t ended = remove_open(traffic, i);
        rg_meter_observe(ended.kind->seconds, (rg_clock_ms() - ended.began_ms) / 1e3);
        if (rg_msg_kind(reply) == RG__V1__ENVELOPE__BODY_ERROR) rg_meter_add(ended.kind->errors, 1);
        return;
    }
}

// ---- fields of the status
// Accepts only decimal numbers; strtod also reads hexadecimal, infinite and undefined ones.
static int read_decimal(const char *text, double *value)
{
    char *end;
    if (!*text || text[strspn(text, "0123456789+-.e")]) return 0;
    *value = strtod(text, &end);
    return !*end && isfinite(*value);
}

static void set_field(rg__traffic_t *traffic, const Rg__V1__Field *field)
{
    double value;
    if (!read_decimal(field->value, &value)) return;
    char *name = rg_format("rg_%s_%s", traffic->service, field->key);
    char *help = rg_format("%s of the service's status.", field->key);
    rg_meter_set(rg_meters_get(&traffic->fields, &(rg_meter_spec_t){RG_METER_GAUGE, name, help, NULL, NULL}),
                 value);
    free(help);
    free(name);
}

void rg__traffic_refresh(rg__traffic_t *traffic, const Rg__V1__StatusReply *status)
{
    traffic->uptime_s = status->uptime_s;
    rg_meter_set(traffic->uptime, status->uptime_s);
    rg_meter_set(traffic->memory, rg_memory_bytes());
    rg_meters_clear(&traffic->fields);
    for (size_t i = 0; i < status->n_fields; i++) set_field(traffic, status->fields[i]);
}

// ---- reports
static void fill_samples(rg_msg_t *reply, const rg_meters_t *meters, Rg__V1__Sample **samples)
{
    for (size_t i = 0; i < meters->count; i++) {
        const rg_meter_t *meter = meters->meter[i];
        samples[i]->name = rg_msg_text(reply, "%s", meter->name);
        samples[i]->label = rg_msg_text(reply, "%s", meter->label_value ? meter->label_value : "");
        samples[i]->value = meter->value;
        samples[i]->count = meter->count;
        if (meter->kind != RG_METER_HISTOGRAM) continue;
        samples[i]->p50_s = rg_meter_quantile(meter, 0.5);
        samples[i]->p99_s = rg_meter_quantile(meter, 0.99);
    }
}

rg_msg_t *rg__traffic_report(const rg__traffic_t *traffic)
{
    const rg_meters_t *meters = &traffic->meters, *fields = &traffic->fields;
    rg_msg_t *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_STATS_REPLY);
    Rg__V1__StatsReply *body = rg_msg_body(reply);
    body->service = rg_msg_text(reply, "%s", traffic->service);
    body->uptime_s = traffic->uptime_s;
    body->n_samples = meters->count + fields->count;
    body->samples = (Rg__V1__Sample **)rg_msg_array(reply, &rg__v1__sample__descriptor, body->n_samples);
    fill_samples(reply, meters, body->samples);
    fill_samples(reply, fields, body->samples + meters->count);
    return reply;
}

char *rg__traffic_text(const rg__traffic_t *traffic)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out) abort();
    rg_meters_print(&traffic->meters, out);
    rg_meters_print(&traffic->fields, out);
    if (fclose(out) != 0) abort();
    return text;
}
