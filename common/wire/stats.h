// A StatsReply by kind of request.
#ifndef RG_WIRE_STATS_H
#define RG_WIRE_STATS_H

#include "control.pb-c.h"

// What is known of one kind, since the service started.
typedef struct {
    const char *name; // "search"; lives as long as the reply
    double count, errors, per_s, p50_ms, p99_ms;
} rg_stats_kind_t;

// The kind that sample i counts: 1, or 0 if it counts none, or none came.
int rg_stats_kind(const Rg__V1__StatsReply *stats, size_t i, rg_stats_kind_t *kind);

int rg_stats_is_whole(double value); // it can be shown as an integer

#endif
