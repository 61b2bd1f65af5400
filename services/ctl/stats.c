// rg-ctl stats: how much every service was asked, how fast it answered, and its numbers.
#include <stdio.h>

#include "common/wire/json.h"
#include "common/wire/stats.h"
#include "services/ctl/commands.h"
#include "services/ctl/progress.h"
#include "services/ctl/survey.h"

static void print_answer(const char *service, const Rg__V1__StatsReply *stats)
{
    char uptime[RG_DURATION_SIZE];
    rg_stats_kind_t kind;
    rg_duration_format(stats->uptime_s, uptime);
    printf("%s, up %s\n  %-12s %10s %8s %10s %10s %10s\n", service, uptime, "request", "count", "errors",
           "per s", "p50 ms", "p99 ms");
    for (size_t i = 0; i < stats->n_samples; i++)
        if (rg_stats_kind(stats, i, &kind))
            printf("  %-12s %10.0f %8.0f %10.3g %10.3g %10.3g\n", kind.name, kind.count, kind.errors,
                   kind.per_s, kind.p50_ms, kind.p99_ms);
    for (size_t i = 0; i < stats->n_samples; i++) {
        const Rg__V1__Sample *sample = stats->samples[i];
        if (!*sample->label)
            printf(rg_stats_is_whole(sample->value) ? "  %-34s %15.0f\n" : "  %-34s %15.4g\n", sample->name,
                   sample->value);
    }
}

static void print(const rg_survey_row_t rows[RG_SERVICES])
{
    for (int i = 0; i < RG_SERVICES; i++) {
        if (!rows[i].service) continue;
        if (rows[i].answer)
            print_answer(rows[i].service, rows[i].answer);
        else
            printf("%s, no answer\n", rows[i].service);
    }
}

static void put(json_t *object, const void *answer)
{
    rg_json_stats(object, answer);
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
