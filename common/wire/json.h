// Messages as JSON, the same wherever they are shown. Values that the functions return are new references,
// the caller's. Ids are 32 hexadecimal digits, times ms since 1970; text that is no UTF-8 is made so.
#ifndef RG_WIRE_JSON_H
#define RG_WIRE_JSON_H

#include <jansson.h>

#include "control.pb-c.h"
#include "search.pb-c.h"

// Text as a JSON string, also where it is no UTF-8 (a file name): other bytes become '?'.
json_t *rg_json_text(const char *text);

// Adds what a status says: "version", "pid", "uptime_s", and "fields", an object of its keys and values.
void rg_json_status(json_t *object, const Rg__V1__StatusReply *status);

// Adds what stats say: "uptime_s"; "requests", of each kind that came an object with "count", "errors",
// "per_s", "p50_ms", "p99_ms"; and "values", the other samples by name.
void rg_json_stats(json_t *object, const Rg__V1__StatsReply *stats);

// A stored image: "id", "name", "generation", "added_ms", "annotated". NULL if its id is none.
json_t *rg_json_image(const Rg__V1__Listed *image);

// A list of those of the n neighbours that are not missing, each with "rank" (1 is the nearest), "dist_l2sq"
// and what a stored image has.
json_t *rg_json_neighbours(Rg__V1__Neighbour *const *neighbours, size_t n);

// The reply to a search with one query: "generation", "images", "neighbours".
json_t *rg_json_search(const Rg__V1__SearchReply *reply);

#endif
