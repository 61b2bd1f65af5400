// Messages as JSON, the same in rg-ctl and on the page, and the kinds of request in a StatsReply.
#ifndef RG_WIRE_JSON_H
#define RG_WIRE_JSON_H

#include <jansson.h>

#include "control.pb-c.h"
#include "search.pb-c.h"

// ---- stats by kind of request
// What a service counted of one kind of request since it started.
typedef struct {
    const char *name; // "search"; lives as long as the reply
    double count, errors, per_s, p50_ms, p99_ms;
} rg_stats_kind_t;

// 1 if sample i counts the requests of a kind that came at least once; 0 otherwise.
int rg_stats_kind(const Rg__V1__StatsReply *stats, size_t i, rg_stats_kind_t *kind);

int rg_stats_is_whole(double value); // 1: can be shown as an integer

// ---- JSON
// Functions that return a value give a new reference. Ids are 32 hexadecimal digits, times are milliseconds
// since 1970.

// Text as a JSON string. Bytes that are not UTF-8, as a file name may have them, become %XX.
json_t *rg_json_text(const char *text);

// Adds a status to object: "version", "pid", "uptime_s", "state", "detail", and "fields", an object of its
// keys and values.
void rg_json_status(json_t *object, const Rg__V1__StatusReply *status);

// Adds stats to object: "uptime_s"; "requests", with "count", "errors", "per_s", "p50_ms" and "p99_ms" of
// each kind that came; and "values", the other samples by name.
void rg_json_stats(json_t *object, const Rg__V1__StatsReply *stats);

// A stored image: "id", "name", "generation", "added_ms", "annotated". NULL if its id is not an id.
json_t *rg_json_image(const Rg__V1__Listed *image);

// The neighbours of one query that are not missing: "rank" (1 is the nearest), "dist_l2sq", and the fields of
// a stored image.
json_t *rg_json_neighbours(Rg__V1__Neighbour *const *neighbours, size_t n);

// The reply to a search with one query: "generation", "images", "neighbours", and if fewer images were found
// than wanted, "message" says why. filtered: the search had conditions.
json_t *rg_json_search(const Rg__V1__SearchReply *reply, int filtered);

#endif
