// Meters: the numbers of a running process, by the conventions of Prometheus: counters (names end in _total),
// gauges, and histograms of durations. A registry is owned by one thread and is bounded.
//
// A meter is known by its name and, where one name has several, by the value of its one label, e.g.
// rg_requests_total{request="search"}. Meters of one name share kind, help and label.
#ifndef RG_CORE_METER_H
#define RG_CORE_METER_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { RG_METERS_MAX = 256, RG_METER_NAME = 96, RG_METER_BUCKETS = 24 };
enum rg_meter_kind { RG_METER_COUNTER, RG_METER_GAUGE, RG_METER_HISTOGRAM };

// Whoever adds a meter describes it; name and help are copied, label and value borrowed for the meter's life.
typedef struct {
    enum rg_meter_kind kind;
    const char *name; // cut at RG_METER_NAME - 1; letters, digits and _; other bytes become _
    const char *help;
    const char *label, *value; // NULL: none
} rg_meter_spec_t;

typedef struct {
    enum rg_meter_kind kind;
    char name[RG_METER_NAME];
    char *help;
    const char *label, *label_value;       // NULL: none
    double value;                          // of a histogram: the sum, in seconds
    uint64_t count;                        // of a histogram: observations
    double max;                            // of a histogram: the largest of them
    uint64_t bucket[RG_METER_BUCKETS + 1]; // observations up to the bucket's bound; the last one: beyond all
} rg_meter_t;

typedef struct {
    rg_meter_t *meter[RG_METERS_MAX];
    size_t count;
    uint64_t refused; // meters that found no room
} rg_meters_t;

void rg_meters_init(rg_meters_t *meters);
void rg_meters_clear(rg_meters_t *meters); // without meters again; also ends the object

// The meter of that name and label value, added if it is new. Lives until the registry is cleared. NULL if
// the registry is full: the functions below take that for a meter nobody reads.
rg_meter_t *rg_meters_get(rg_meters_t *meters, const rg_meter_spec_t *spec);

void rg_meter_add(rg_meter_t *meter, double amount);      // counter, gauge
void rg_meter_set(rg_meter_t *meter, double value);       // gauge
void rg_meter_observe(rg_meter_t *meter, double seconds); // histogram

// Upper bounds of the buckets: 100 us, and each twice the one before, up to 839 s.
double rg_meter_bound(int bucket);

// The duration that the share q (0 to 1) of a histogram's observations does not exceed: exact to its bucket,
// interpolated within, never above the largest. 0 without observations.
double rg_meter_quantile(const rg_meter_t *meter, double q);

// The whole registry in Prometheus' text format, version 0.0.4.
void rg_meters_print(const rg_meters_t *meters, FILE *out);

#endif
