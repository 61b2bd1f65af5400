#include "common/wire/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/hash.h"
#include "common/core/text.h"
#include "common/wire/msg.h"
#include "common/wire/search_request.h"

// ---- stats by kind of request
static const Rg__V1__Sample *find_sample(const Rg__V1__StatsReply *stats, const char *name, const char *label)
{
    for (size_t i = 0; i < stats->n_samples; i++)
        if (strcmp(stats->samples[i]->name, name) == 0 && strcmp(stats->samples[i]->label, label) == 0)
            return stats->samples[i];
    return NULL;
}

int rg_stats_kind(const Rg__V1__StatsReply *stats, size_t i, rg_stats_kind_t *kind)
{
    const Rg__V1__Sample *requests = stats->samples[i];
    if (strcmp(requests->name, "rg_requests_total") != 0 || requests->value == 0) return 0;
    const Rg__V1__Sample *errors = find_sample(stats, "rg_request_errors_total", requests->label);
    const Rg__V1__Sample *seconds = find_sample(stats, "rg_request_seconds", requests->label);
    *kind = (rg_stats_kind_t){.name = requests->label,
                              .count = requests->value,
                              .errors = errors ? errors->value : 0,
                              .per_s = stats->uptime_s > 0 ? requests->value / stats->uptime_s : 0,
                              .p50_ms = seconds ? 1e3 * seconds->p50_s : 0,
                              .p99_ms = seconds ? 1e3 * seconds->p99_s : 0};
    return 1;
}

int rg_stats_is_whole(double value)
{
    return fabs(value) < 1e15 && value == floor(value);
}

// ---- JSON
json_t *rg_json_text(const char *text)
{
    json_t *string = json_string(text);
    if (string) return string;
    char *repaired = rg_text_repair(text);
    string = json_string(repaired);
    free(repaired);
    return string;
}

void rg_json_status(json_t *object, const Rg__V1__StatusReply *status)
{
    json_t *fields = json_object();
    for (size_t i = 0; i < status->n_fields; i++)
        json_object_set_new(fields, status->fields[i]->key, rg_json_text(status->fields[i]->value));
    json_object_set_new(object, "version", rg_json_text(status->version));
    json_object_set_new(object, "pid", json_integer(status->pid));
    json_object_set_new(object, "uptime_s", json_real(status->uptime_s));
    json_object_set_new(object, "state", rg_json_text(status->state));
    json_object_set_new(object, "detail", rg_json_text(status->detail));
    json_object_set_new(object, "fields", fields);
}

void rg_json_stats(json_t *object, const Rg__V1__StatsReply *stats)
{
    json_t *requests = json_object(), *values = json_object();
    rg_stats_kind_t kind;
    for (size_t i = 0; i < stats->n_samples; i++) {
        const Rg__V1__Sample *sample = stats->samples[i];
        if (rg_stats_kind(stats, i, &kind))
            json_object_set_new(requests, kind.name,
                                json_pack("{s:I, s:I, s:f, s:f, s:f}", "count", (json_int_t)kind.count,
                                          "errors", (json_int_t)kind.errors, "per_s", kind.per_s, "p50_ms",
                                          kind.p50_ms, "p99_ms", kind.p99_ms));
        if (!*sample->label)
            json_object_set_new(values, sample->name,
                                rg_stats_is_whole(sample->value) ? json_integer((json_int_t)sample->value)
                                                                 : json_real(sample->value));
    }
    json_object_set_new(object, "uptime_s", json_real(stats->uptime_s));
    json_object_set_new(object, "requests", requests);
    json_object_set_new(object, "values", values);
}

json_t *rg_json_image(const Rg__V1__Listed *image)
{
    char hex[33];
    if (image->id.len != RG_ID_SIZE) return NULL;
    rg_id_hex(image->id.data, hex);
    return json_pack("{s:s, s:o, s:I, s:I, s:b}", "id", hex, "name", rg_json_text(image->name), "generation",
                     (json_int_t)image->generation, "added_ms", (json_int_t)image->added_ms, "annotated",
                     image->annotated);
}

static json_t *neighbour_json(const Rg__V1__Neighbour *neighbour, int rank)
{
    char hex[33];
    if (neighbour->id.len != RG_ID_SIZE) return NULL;
    rg_id_hex(neighbour->id.data, hex);
    return json_pack("{s:i, s:o, s:s, s:f, s:I, s:I, s:b}", "rank", rank, "name",
                     rg_json_text(neighbour->name), "id", hex, "dist_l2sq", (double)neighbour->dist_l2sq,
                     "generation", (json_int_t)neighbour->generation, "added_ms",
                     (json_int_t)neighbour->added_ms, "annotated", neighbour->annotated);
}

json_t *rg_json_neighbours(Rg__V1__Neighbour *const *neighbours, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *neighbour = neighbour_json(neighbours[i], (int)i + 1);
        if (neighbour) json_array_append_new(list, neighbour);
    }
    return list;
}

json_t *rg_json_search(const Rg__V1__SearchReply *reply, int filtered)
{
    char shortfall[RG_SHORTFALL_SIZE];
    json_t *object = json_pack("{s:I, s:I, s:o}", "generation", (json_int_t)reply->generation, "images",
                               (json_int_t)reply->images, "neighbours",
                               rg_json_neighbours(reply->neighbours, reply->n_neighbours));
    if (rg_search_shortfall(reply, filtered, shortfall))
        json_object_set_new(object, "message", json_string(shortfall));
    return object;
}
