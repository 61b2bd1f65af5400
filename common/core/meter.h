// Meters: the metrics of a running process, as Prometheus defines them: counters (names end in _total),
// gauges, and histograms of durations. A registry holds a bounded number of meters and belongs to one thread.
//
// A meter has a name and at most one label, as in rg_requests_total{request="search"}. Meters with the same
// name have the same kind, help and label, and different label values.
#ifndef RG_CORE_METER_H
#define RG_CORE_METER_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { RG_METERS_MAX = 256, RG_METER_NAME = 96, RG_METER_BUCKETS = 24 };
enum rg_meter_kind { RG_METER_COUNTER, RG_METER_GAUGE, RG_METER_HISTOGRAM };

// The description of a meter. name and help are copied; label and value must live as long as the meter.
typedef struct {
    enum rg_meter_kind kind;
    const char *name; // cut at RG_METER_NAME - 1; letters, digits and _; other bytes become _
    const char *help;
    const char *label, *value; // NULL: no label
} rg_meter_spec_t;

typedef struct {
    enum rg_meter_kind kind;
    char name[RG_METER_NAME];
    char *help;
    const char *label, *label_value;       // NULL: no label
    double value;                          // of a histogram: the sum of the observations, in seconds
    uint64_t count;                        // of a histogram: the number of observations
    double max;                            // of a histogram: the largest observation
    uint64_t bucket[RG_METER_BUCKETS + 1]; // observations per bucket; the last one: above all bounds
} rg_meter_t;

typedef struct {
    rg_meter_t *meter[RG_METERS_MAX];
    size_t count;
    uint64_t refused; // meters that did not fit
} rg_meters_t;

void rg_meters_init(rg_meters_t *meters);
void rg_meters_clear(rg_meters_t *meters); // removes all meters; also ends the object

// The meter with this name and label value; adds it if it is new. It lives until the registry is cleared.
// NULL if the registry is full; the functions below accept NULL and do nothing.
rg_meter_t *rg_meters_get(rg_meters_t *meters, const rg_meter_spec_t *spec);

void rg_meter_add(rg_meter_t *meter, double amount);      // counter, gauge
void rg_meter_set(rg_meter_t *meter, double value);       // gauge
void rg_meter_observe(rg_meter_t *meter, double seconds); // histogram

// The upper bound of a bucket in seconds: 100 us for the first, then twice the bound before, up to 839 s.
double rg_meter_bound(int bucket);

// The quantile q (0 to 1) of the observations of a histogram, in seconds: interpolated within its bucket,
// never above the largest observation. 0 without observations.
double rg_meter_quantile(const rg_meter_t *meter, double q);

// Prints the registry in the text format of Prometheus, version 0.0.4.
void rg_meters_print(const rg_meters_t *meters, FILE *out);

#endif
