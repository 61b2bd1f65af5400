// A histogram counts durations in buckets whose upper bounds double: 100 us, 200 us, 400 us ... A quantile is
// therefore known to a factor of 2, and linear interpolation within the bucket makes it closer. The number of
// buckets is fixed, so an observation costs no memory, and Prometheus can add up the histograms of replicas.
#include "common/core/meter.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"

static const double first_bound = 1e-4;

// ---- the registry

void rg_meters_init(rg_meters_t *meters)
{
    *meters = (rg_meters_t){0};
}

void rg_meters_clear(rg_meters_t *meters)
{
    for (size_t i = 0; i < meters->count; i++) {
        free(meters->meter[i]->help);
        free(meters->meter[i]);
    }
    rg_meters_init(meters);
}

// Copies the name and replaces the characters that Prometheus does not allow in names.
static void copy_name(const char *name, char out[RG_METER_NAME])
{
    snprintf(out, RG_METER_NAME, "%s", name);
    for (char *c = out; *c; c++)
        if (!isascii(*c) || !isalnum(*c)) *c = '_';
}

static int has_label(const rg_meter_t *meter, const char *value)
{
    return value && meter->label_value ? strcmp(value, meter->label_value) == 0 : value == meter->label_value;
}

rg_meter_t *rg_meters_get(rg_meters_t *meters, const rg_meter_spec_t *spec)
{
    char name[RG_METER_NAME];
    copy_name(spec->name, name);
    for (size_t i = 0; i < meters->count; i++) {
        rg_meter_t *known = meters->meter[i];
        if (strcmp(known->name, name) != 0) continue;
        assert(known->kind == spec->kind && !known->label == !spec->label);
        if (has_label(known, spec->value)) return known;
    }
    if (meters->count == RG_METERS_MAX) {
        meters->refused++;
        return NULL;
    }
    rg_meter_t *meter = rg_alloc(sizeof *meter);
    meter->kind = spec->kind;
    meter->help = rg_strdup(spec->help);
    meter->label = spec->label;
    meter->label_value = spec->value;
    memcpy(meter->name, name, sizeof name);
    meters->meter[meters->count++] = meter;
    return meter;
}

// ---- measuring

void rg_meter_add(rg_meter_t *meter, double amount)
{
    if (!meter) return;
    assert(meter->kind == RG_METER_GAUGE || (meter->kind == RG_METER_COUNTER && amount >= 0));
    meter->value += amount;
}

void rg_meter_set(rg_meter_t *meter, double value)
{
    if (!meter) return;
    assert(meter->kind == RG_METER_GAUGE);
    meter->value = value;
}

double rg_meter_bound(int bucket)
{
    return ldexp(first_bound, bucket);
}

void rg_meter_observe(rg_meter_t *meter, double seconds)
{
    if (!meter) return;
    assert(meter->kind == RG_METER_HISTOGRAM);
    int bucket = 0;
    while (bucket < RG_METER_BUCKETS && seconds > rg_meter_bound(bucket)) bucket++;
    meter->bucket[bucket]++;
    meter->count++;
    meter->value += seconds;
    if (seconds > meter->max) meter->max = seconds;
}

double rg_meter_quantile(const rg_meter_t *meter, double q)
{
    double rank = q * (double)meter->count, below = 0;
    int bucket = 0;
    if (meter->count == 0) return 0;
    while (bucket < RG_METER_BUCKETS && below + (double)meter->bucket[bucket] < rank)
        below += (double)meter->bucket[bucket++];
    if (bucket == RG_METER_BUCKETS || meter->bucket[bucket] == 0) return meter->max;
    double low = bucket ? rg_meter_bound(bucket - 1) : 0, high = fmin(rg_meter_bound(bucket), meter->max);
    return low + (high - low) * (rank - below) / (double)meter->bucket[bucket];
}

// ---- text

static void print_escaped(const char *text, int quotes, FILE *out)
{
    for (; *text; text++) {
        if (*text == '\n')
            fputs("\\n", out);
        else if (*text == '\\' || (quotes && *text == '"'))
            fprintf(out, "\\%c", *text);
        else
            fputc(*text, out);
    }
}

static void print_number(double value, FILE *out)
{
    if (isnan(value))
        fputs("NaN\n", out);
    else if (isinf(value))
        fputs(value > 0 ? "+Inf\n" : "-Inf\n", out);
    else
        fprintf(out, "%.15g\n", value);
}

// Prints name_suffix{label="value",le="bound"} number; without `le` if it is NULL.
static void print_sample(const rg_meter_t *meter, const char *suffix, const char *le, double value, FILE *out)
{
    fprintf(out, "%s%s", meter->name, suffix);
    if (meter->label || le) fputc('{', out);
    if (meter->label) {
        fprintf(out, "%s=\"", meter->label);
        print_escaped(meter->label_value, 1, out);
        fputs(le ? "\"," : "\"", out);
    }
    if (le) fprintf(out, "le=\"%s\"", le);
    fputs(meter->label || le ? "} " : " ", out);
    print_number(value, out);
}

static void print_histogram(const rg_meter_t *meter, FILE *out)
{
    uint64_t up_to = 0;
    for (int i = 0; i < RG_METER_BUCKETS; i++) {
        char le[32];
        snprintf(le, sizeof le, "%.15g", rg_meter_bound(i));
        up_to += meter->bucket[i];
        print_sample(meter, "_bucket", le, (double)up_to, out);
    }
    print_sample(meter, "_bucket", "+Inf", (double)meter->count, out);
    print_sample(meter, "_sum", NULL, meter->value, out);
    print_sample(meter, "_count", NULL, (double)meter->count, out);
}

static void print_head(const rg_meter_t *meter, FILE *out)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    fprintf(out, "# HELP %s ", meter->name);
    print_escaped(meter->help, 0, out);
    fprintf(out, "\n# TYPE %s %s\n", meter->name, kinds[meter->kind]);
}

static size_t first_of_name(const rg_meters_t *meters, const char *name)
{
    size_t i = 0;
    while (strcmp(meters->meter[i]->name, name) != 0) i++;
    return i;
}

// In the format, all meters with the same name follow one head.
void rg_meters_print(const rg_meters_t *meters, FILE *out)
{
    for (size_t i = 0; i < meters->count; i++) {
        const char *name = meters->meter[i]->name;
        if (first_of_name(meters, name) != i) continue;
        print_head(meters->meter[i], out);
        for (size_t j = i; j < meters->count; j++) {
            const rg_meter_t *meter = meters->meter[j];
            if (strcmp(meter->name, name) != 0) continue;
            if (meter->kind == RG_METER_HISTOGRAM)
                print_histogram(meter, out);
            else
                print_sample(meter, "", NULL, meter->value, out);
        }
    }
}
