#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/meter.h"
#include "tests/support/test.h"

static int make(void **state)
{
    *state = malloc(sizeof(rg_meters_t));
    rg_meters_init(*state);
    return 0;
}

static int drop(void **state)
{
    rg_meters_clear(*state);
    free(*state);
    return 0;
}

static rg_meter_t *counter(rg_meters_t *meters, const char *value)
{
    return rg_meters_get(
        meters, &(rg_meter_spec_t){RG_METER_COUNTER, "rg_asked_total", "Requests.", "request", value});
}

static rg_meter_t *histogram(rg_meters_t *meters)
{
    return rg_meters_get(meters,
                         &(rg_meter_spec_t){RG_METER_HISTOGRAM, "rg_seconds", "Durations.", NULL, NULL});
}

static char *text_of(const rg_meters_t *meters)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    rg_meters_print(meters, out);
    fclose(out);
    return text;
}

static void assert_value(double got, double want)
{
    if (!(fabs(got - want) <= 1e-12 + 1e-9 * fabs(want))) fail_msg("%.12g instead of %.12g", got, want);
}

static void a_meter_is_found_again(void **state)
{
    rg_meters_t *meters = *state;
    char search[] = "search";
    rg_meter_t *first = counter(meters, "search");
    assert_ptr_not_equal(counter(meters, "add"), first);
    assert_ptr_equal(counter(meters, search), first);
    assert_int_equal(meters->count, 2);
    rg_meters_clear(meters);
    assert_int_equal(meters->count, 0);
}

static void the_registry_is_bounded(void **state)
{
    rg_meters_t *meters = *state;
    char name[32];
    for (int i = 0; i < RG_METERS_MAX; i++) {
        snprintf(name, sizeof name, "rg_%d", i);
        assert_non_null(rg_meters_get(meters, &(rg_meter_spec_t){RG_METER_GAUGE, name, "", NULL, NULL}));
    }
    rg_meter_t *none = histogram(meters);
    assert_null(none);
    rg_meter_observe(none, 1); // harmless
    rg_meter_add(none, 1);
    rg_meter_set(none, 1);
    assert_int_equal(meters->count, RG_METERS_MAX);
    assert_int_equal(meters->refused, 1);
    assert_non_null(rg_meters_get(meters, &(rg_meter_spec_t){RG_METER_GAUGE, "rg_7", "", NULL, NULL}));
}

static void a_bucket_includes_its_upper_bound(void **state)
{
    rg_meter_t *meter = histogram(*state);
    assert_value(rg_meter_bound(0), 1e-4);
    assert_value(rg_meter_bound(RG_METER_BUCKETS - 1), 838.8608);
    for (int i = 0; i < RG_METER_BUCKETS; i++) {
        rg_meter_observe(meter, rg_meter_bound(i));
        rg_meter_observe(meter, nextafter(rg_meter_bound(i), INFINITY));
    }
    rg_meter_observe(meter, 0);
    rg_meter_observe(meter, 1e9);
    for (int i = 0; i <= RG_METER_BUCKETS; i++) assert_int_equal(meter->bucket[i], 2);
    assert_int_equal(meter->count, 2 * RG_METER_BUCKETS + 2);
    assert_value(meter->max, 1e9);
}

static void quantiles_are_interpolated_in_their_bucket(void **state)
{
    rg_meter_t *meter = histogram(*state);
    assert_true(rg_meter_quantile(meter, 0.5) == 0);
    for (int i = 0; i < 98; i++) rg_meter_observe(meter, 0.3e-3); // the bucket from 0.2 to 0.4 ms
    rg_meter_observe(meter, 0.1);
    rg_meter_observe(meter, 0.2); // the bucket from 0.1024 to 0.2048 s, of which 0.2 is the largest seen
    assert_value(rg_meter_quantile(meter, 0.49), 0.3e-3);
    assert_value(rg_meter_quantile(meter, 0.98), 0.4e-3);
    assert_value(rg_meter_quantile(meter, 0.99), 0.1024);
    assert_value(rg_meter_quantile(meter, 1), 0.2);
}

static void quantiles_never_pass_the_largest(void **state)
{
    rg_meter_t *meter = histogram(*state);
    rg_meter_observe(meter, 0.05e-3);
    assert_value(rg_meter_quantile(meter, 1), 0.05e-3);
    assert_value(rg_meter_quantile(meter, 0.5), 0.025e-3);
    rg_meter_observe(meter, 5000); // beyond all bounds
    rg_meter_observe(meter, 7200);
    assert_value(rg_meter_quantile(meter, 0.99), 7200);
}

static void text_groups_meters_by_name(void **state)
{
    rg_meters_t *meters = *state;
    rg_meter_t *search = counter(meters, "search");
    rg_meter_t *gauge = rg_meters_get(
        meters, &(rg_meter_spec_t){RG_METER_GAUGE, "rg_trainer_loss.recon", "A loss.", NULL, NULL});
    rg_meter_t *add = counter(meters, "add");
    rg_meter_add(search, 3);
    rg_meter_add(add, 12345678901.0);
    rg_meter_set(gauge, -0.25);
    char *text = text_of(meters);
    assert_string_equal(text, "# HELP rg_asked_total Requests.\n"
                              "# TYPE rg_asked_total counter\n"
                              "rg_asked_total{request=\"search\"} 3\n"
                              "rg_asked_total{request=\"add\"} 12345678901\n"
                              "# HELP rg_trainer_loss_recon A loss.\n"
                              "# TYPE rg_trainer_loss_recon gauge\n"
                              "rg_trainer_loss_recon -0.25\n");
    free(text);
}

static void text_escapes_help_and_labels(void **state)
{
    rg_meters_t *meters = *state;
    rg_meters_get(meters, &(rg_meter_spec_t){RG_METER_COUNTER, "rg_total", "a \"b\"\n\\", "l", "x\"y\\z\n"});
    char *text = text_of(meters);
    assert_string_equal(text, "# HELP rg_total a \"b\"\\n\\\\\n"
                              "# TYPE rg_total counter\n"
                              "rg_total{l=\"x\\\"y\\\\z\\n\"} 0\n");
    free(text);
}

static void text_of_a_histogram_is_cumulative(void **state)
{
    rg_meters_t *meters = *state;
    rg_meter_t *meter = rg_meters_get(
        meters, &(rg_meter_spec_t){RG_METER_HISTOGRAM, "rg_seconds", "Durations.", "request", "add"});
    rg_meter_observe(meter, 0.0001);
    rg_meter_observe(meter, 0.001);
    rg_meter_observe(meter, 1000);
    char *text = text_of(meters);
    static const char *const lines[] = {
        "# TYPE rg_seconds histogram\n",
        "rg_seconds_bucket{request=\"add\",le=\"0.0001\"} 1\n",
        "rg_seconds_bucket{request=\"add\",le=\"0.0008\"} 1\n",
        "rg_seconds_bucket{request=\"add\",le=\"0.0016\"} 2\n",
        "rg_seconds_bucket{request=\"add\",le=\"838.8608\"} 2\n",
        "rg_seconds_bucket{request=\"add\",le=\"+Inf\"} 3\n",
        "rg_seconds_sum{request=\"add\"} 1000.0011\n",
        "rg_seconds_count{request=\"add\"} 3\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (!strstr(text, lines[i])) fail_msg("no line %s in\n%s", lines[i], text);
    free(text);
}

static void nan_and_infinity_are_written_by_name(void **state)
{
    rg_meters_t *meters = *state;
    rg_meter_t *gauge =
        rg_meters_get(meters, &(rg_meter_spec_t){RG_METER_GAUGE, "rg_loss", "A loss.", NULL, NULL});
    static const struct {
        double value;
        const char *line;
    } cases[] = {{NAN, "rg_loss NaN\n"}, {INFINITY, "rg_loss +Inf\n"}, {-INFINITY, "rg_loss -Inf\n"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rg_meter_set(gauge, cases[i].value);
        char *text = text_of(meters);
        assert_non_null(strstr(text, cases[i].line));
        free(text);
    }
}

#define ON_METERS(test) cmocka_unit_test_setup_teardown(test, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_METERS(a_meter_is_found_again),
        ON_METERS(the_registry_is_bounded),
        ON_METERS(a_bucket_includes_its_upper_bound),
        ON_METERS(quantiles_are_interpolated_in_their_bucket),
        ON_METERS(quantiles_never_pass_the_largest),
        ON_METERS(text_groups_meters_by_name),
        ON_METERS(text_escapes_help_and_labels),
        ON_METERS(text_of_a_histogram_is_cumulative),
        ON_METERS(nan_and_infinity_are_written_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
