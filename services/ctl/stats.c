// rg-ctl stats: how much every service was asked, how fast it answered, and its numbers.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "services/ctl/commands.h"
#include "services/ctl/progress.h"
#include "services/ctl/survey.h"

// What is known of one kind of request.
typedef struct {
    const char *name;
    double count, errors, per_s, p50_ms, p99_ms;
} kind_t;

static const Rg__V1__Sample *find(const Rg__V1__StatsReply *stats, const char *name, const char *label)
{
    for (size_t i = 0; i < stats->n_samples; i++)
        if (strcmp(stats->samples[i]->name, name) == 0 && strcmp(stats->samples[i]->label, label) == 0)
            return stats->samples[i];
    return NULL;
}

// The kind that sample i counts; 0 if it counts none, or none came.
static int get_kind(const Rg__V1__StatsReply *stats, size_t i, kind_t *kind)
{
    const Rg__V1__Sample *requests = stats->samples[i];
    if (strcmp(requests->name, "rg_requests_total") != 0 || requests->value == 0) return 0;
    const Rg__V1__Sample *errors = find(stats, "rg_request_errors_total", requests->label);
    const Rg__V1__Sample *seconds = find(stats, "rg_request_seconds", requests->label);
    *kind = (kind_t){.name = requests->label,
                     .count = requests->value,
                     .errors = errors ? errors->value : 0,
                     .per_s = stats->uptime_s > 0 ? requests->value / stats->uptime_s : 0,
                     .p50_ms = seconds ? 1e3 * seconds->p50_s : 0,
                     .p99_ms = seconds ? 1e3 * seconds->p99_s : 0};
    return 1;
}

static int is_whole(double value)
{
    return fabs(value) < 1e15 && value == floor(value);
}

static void print_answer(const char *service, const Rg__V1__StatsReply *stats)
{
    char uptime[RG_DURATION_SIZE];
    kind_t kind;
    rg_duration_format(stats->uptime_s, uptime);
    printf("%s, up %s\n  %-12s %10s %8s %10s %10s %10s\n", service, uptime, "request", "count", "errors",
           "per s", "p50 ms", "p99 ms");
    for (size_t i = 0; i < stats->n_samples; i++)
        if (get_kind(stats, i, &kind))
            printf("  %-12s %10.0f %8.0f %10.3g %10.3g %10.3g\n", kind.name, kind.count, kind.errors,
                   kind.per_s, kind.p50_ms, kind.p99_ms);
    for (size_t i = 0; i < stats->n_samples; i++) {
        const Rg__V1__Sample *sample = stats->samples[i];
        if (!*sample->label)
            printf(is_whole(sample->value) ? "  %-34s %15.0f\n" : "  %-34s %15.4g\n", sample->name,
                   sample->value);
    }
}

static void print(const rg_survey_row_t rows[RG_FLEET])
{
    for (int i = 0; i < RG_FLEET; i++) {
        if (!rows[i].service) continue;
        if (rows[i].answer)
            print_answer(rows[i].service, rows[i].answer);
        else
            printf("%s, no answer\n", rows[i].service);
    }
}

static void put(json_t *object, const void *answer)
{
    const Rg__V1__StatsReply *stats = answer;
    json_t *requests = json_object(), *values = json_object();
    kind_t kind;
    for (size_t i = 0; i < stats->n_samples; i++) {
        const Rg__V1__Sample *sample = stats->samples[i];
        if (get_kind(stats, i, &kind))
            json_object_set_new(requests, kind.name,
                                json_pack("{s:I, s:I, s:f, s:f, s:f}", "count", (json_int_t)kind.count,
                                          "errors", (json_int_t)kind.errors, "per_s", kind.per_s, "p50_ms",
                                          kind.p50_ms, "p99_ms", kind.p99_ms));
        if (!*sample->label)
            json_object_set_new(values, sample->name,
                                is_whole(sample->value) ? json_integer((json_int_t)sample->value)
                                                        : json_real(sample->value));
    }
    json_object_set_new(object, "uptime_s", json_real(stats->uptime_s));
    json_object_set_new(object, "requests", requests);
    json_object_set_new(object, "values", values);
}

static int run(const rg_options_t *options, const void *input)
{
    static const rg_survey_t survey = {.question = RG__V1__ENVELOPE__BODY_STATS_REQUEST,
                                       .answer = RG__V1__ENVELOPE__BODY_STATS_REPLY,
                                       .print = print,
                                       .put = put};
    return rg_survey_run(&survey, options, input);
}

const rg_command_t rg_command_stats = {
    .name = "stats",
    .summary = "Show how much every service is asked and how fast it answers",
    .args = "[SERVICE...]",
    .doc = "Asks the services (all of them, or the named ones) and prints for each the requests since its "
           "start, by kind: how many, how many ended in an error, how many per second, and the time from "
           "receipt to reply that half of them and 99 in 100 did not exceed. Below are its numbers by the "
           "names that /metrics gives them. Exit code 1 if one does not answer.\v"
           "Examples:\n"
           "  rg-ctl stats --config configs/smoke.yaml\n"
           "  rg-ctl stats --config configs/smoke.yaml --watch retrieval\n"
           "  rg-ctl stats --config configs/smoke.yaml --json encoder,loader\n",
    .options = rg_survey_options,
    .parse = rg_survey_parse,
    .size = sizeof(rg_survey_input_t),
    .config = RG_COMMAND_CONFIGURED,
    .run = run,
};
