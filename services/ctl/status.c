// rg-ctl status and rg-ctl stats: both ask several services the same question at once and show what they
// answer. A survey says what to ask and how to show it; everything else is the same for both.
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <string.h>

#include "common/config/services.h"
#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/wire/json.h"
#include "common/wire/stats.h"
#include "services/ctl/caller.h"
#include "services/ctl/command.h"
#include "services/ctl/output.h"

enum { ANSWER_MS = 2000, WATCH_MS = 1000, STEP_MS = 20 };

// ---- the command line

typedef struct {
    unsigned services; // mask; 0: all
    int watch;
} survey_input_t;

static const rg_command_option_t survey_options[] = {
    {"watch", 'w', NULL, "Repeat every second until interrupted", RG_OPTION_FLAG(survey_input_t, watch)},
    {0},
};

static int survey_argument(void *own, char *text)
{
    unsigned mask;
    int err = rg_services_parse(text, &mask);
    if (!err) ((survey_input_t *)own)->services |= mask;
    return err;
}

// ---- one round of questions

// One service and its answer.
typedef struct {
    const char *service; // NULL: not asked
    const void *answer;  // the body of its reply; NULL: none came
} survey_row_t;

typedef struct {
    Rg__V1__Envelope__BodyCase question, answer; // the question has no fields
    void (*print)(const survey_row_t rows[RG_SERVICES]);
    void (*put)(json_t *object, const void *answer); // adds the answer's content to the object
} survey_t;

typedef struct {
    const survey_t *survey;
    const char *service; // NULL: not asked
    rg_link_t *link;
    rg_msg_t *reply;
} asked_t;

static void survey_take_reply(void *self, int err, const rg_msg_t *reply)
{
    asked_t *asked = self;
    if (!err && rg_msg_kind(reply) == asked->survey->answer) asked->reply = rg_msg_retain(reply);
}

static int survey_ask(const rg_config_t *config, asked_t *asked)
{
    const rg_wire_options_t wire = rg_wire_options(config);
    int err = 0;
    for (int i = 0; i < RG_SERVICES && !err; i++) {
        if (!asked[i].service) continue;
        err = rg_link_new(&asked[i].link, &wire, asked[i].service, rg_services_endpoint(config, i),
                          rg_interrupted());
        if (err) break;
        rg_msg_t *request = rg_msg_new(asked[i].survey->question);
        rg_link_send(asked[i].link, &request, -1, survey_take_reply, &asked[i]);
    }
    return err;
}

// Looks after all links in turn, so that several silent services cost one timeout.
static int survey_wait(asked_t *asked)
{
    double deadline = rg_clock_s() + ANSWER_MS / 1000.0;
    int err = 0, left = 1;
    while (!err && left && rg_clock_s() < deadline) {
        left = 0;
        for (int i = 0; i < RG_SERVICES && !err; i++) {
            if (!asked[i].link || !rg_link_pending(asked[i].link)) continue;
            err = rg_link_poll(asked[i].link, STEP_MS);
            left += rg_link_pending(asked[i].link);
        }
    }
    return err;
}

static void survey_print_json(const survey_t *survey, const survey_row_t *rows)
{
    json_t *list = json_array();
    for (int i = 0; i < RG_SERVICES; i++) {
        if (!rows[i].service) continue;
        json_t *object =
            json_pack("{s:s, s:b}", "service", rows[i].service, "answers", rows[i].answer != NULL);
        if (rows[i].answer) survey->put(object, rows[i].answer);
        json_array_append_new(list, object);
    }
    rg_output_json(json_pack("{s:o}", "services", list));
}

static void survey_show(const rg_options_t *options, const asked_t *asked, int clear)
{
    survey_row_t rows[RG_SERVICES] = {0};
    for (int i = 0; i < RG_SERVICES; i++) {
        rows[i].service = asked[i].service;
        if (asked[i].reply) rows[i].answer = rg_msg_body(asked[i].reply);
    }
    if (clear) printf("\033[H\033[J");
    if (options->json)
        survey_print_json(asked->survey, rows);
    else
        asked->survey->print(rows);
    fflush(stdout);
}

static int survey_name_silent(const rg_config_t *config, const asked_t *asked)
{
    char *silent = rg_strdup("");
    for (int i = 0; i < RG_SERVICES; i++) {
        if (!asked[i].service || asked[i].reply) continue;
        char *longer = rg_format("%s%s%s", silent, *silent ? ", " : "", asked[i].service);
        free(silent);
        silent = longer;
    }
    int err = *silent ? rg_fail(RG_ETIMEOUT, "no answer from %s (run directory %s)", silent, config->run) : 0;
    free(silent);
    return err;
}

static int survey_round(const survey_t *survey, const rg_options_t *options, unsigned services, int clear)
{
    asked_t asked[RG_SERVICES] = {0};
    for (int i = 0; i < RG_SERVICES; i++) {
        asked[i].survey = survey;
        if (services & 1u << i) asked[i].service = rg_services_name(i);
    }
    int err = survey_ask(&options->config, asked);
    if (!err) err = survey_wait(asked);
    if (!err) survey_show(options, asked, clear);
    if (!err) err = survey_name_silent(&options->config, asked);
    for (int i = 0; i < RG_SERVICES; i++) {
        rg_link_destroy(&asked[i].link);
        rg_msg_destroy(&asked[i].reply);
    }
    return err;
}

static int survey_run(const survey_t *survey, const rg_options_t *options, const survey_input_t *input)
{
    unsigned services = input->services ? input->services : rg_services_all(&options->config);
    int unknown = rg_services_check(&options->config, services);
    if (unknown) return unknown;
    if (!input->watch) return survey_round(survey, options, services, 0);
    while (!atomic_load(rg_interrupted())) {
        int err = survey_round(survey, options, services, isatty(STDOUT_FILENO));
        if (err && err != RG_ETIMEOUT && err != RG_ESTOPPED) return err;
        poll(NULL, 0, WATCH_MS);
    }
    return 0;
}

// ---- status

static void status_print_answer(const char *service, const Rg__V1__StatusReply *status)
{
    char uptime[RG_DURATION_SIZE];
    const char *state = rg_status_value(status, "state"), *space = "";
    rg_duration_format(status->uptime_s, uptime);
    printf("%-10s %-12s %8s %8u %8s  ", service, *state ? state : "up", status->version, status->pid, uptime);
    for (size_t i = 0; i < status->n_fields; i++) {
        const Rg__V1__Field *field = status->fields[i];
        if (strcmp(field->key, "state") == 0) continue;
        printf("%s%s=%s", space, field->key, field->value);
        space = " ";
    }
    printf("\n");
}

static void status_print(const survey_row_t rows[RG_SERVICES])
{
    printf("%-10s %-12s %8s %8s %8s\n", "service", "state", "version", "pid", "up");
    for (int i = 0; i < RG_SERVICES; i++) {
        if (!rows[i].service) continue;
        if (rows[i].answer)
            status_print_answer(rows[i].service, rows[i].answer);
        else
            printf("%-10s %-12s %8s %8s %8s\n", rows[i].service, "no answer", "-", "-", "-");
    }
}

static void status_put(json_t *object, const void *answer)
{
    rg_json_status(object, answer);
}

static int status_run(const rg_options_t *options, const void *input)
{
    static const survey_t survey = {.question = RG__V1__ENVELOPE__BODY_STATUS_REQUEST,
                                    .answer = RG__V1__ENVELOPE__BODY_STATUS_REPLY,
                                    .print = status_print,
                                    .put = status_put};
    return survey_run(&survey, options, input);
}

const rg_command_t rg_command_status = {
    .name = "status",
    .summary = "Show what every service is doing",
    .args = "[SERVICE...]",
    .help = "Asks the services (all of them, or the named ones) and prints a line for each. Exit "
            "code 1 if one does not answer.",
    .examples = "  rg-ctl status --config configs/smoke.yaml\n"
                "  rg-ctl status --config configs/smoke.yaml --watch\n"
                "  rg-ctl status --config configs/smoke.yaml --json trainer\n",
    .options = survey_options,
    .argument = survey_argument,
    .size = sizeof(survey_input_t),
    .config = RG_COMMAND_CONFIGURED,
    .run = status_run,
};

// ---- stats

static void stats_print_answer(const char *service, const Rg__V1__StatsReply *stats)
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

static void stats_print(const survey_row_t rows[RG_SERVICES])
{
    for (int i = 0; i < RG_SERVICES; i++) {
        if (!rows[i].service) continue;
        if (rows[i].answer)
            stats_print_answer(rows[i].service, rows[i].answer);
        else
            printf("%s, no answer\n", rows[i].service);
    }
}

static void stats_put(json_t *object, const void *answer)
{
    rg_json_stats(object, answer);
}

static int stats_run(const rg_options_t *options, const void *input)
{
    static const survey_t survey = {.question = RG__V1__ENVELOPE__BODY_STATS_REQUEST,
                                    .answer = RG__V1__ENVELOPE__BODY_STATS_REPLY,
                                    .print = stats_print,
                                    .put = stats_put};
    return survey_run(&survey, options, input);
}

const rg_command_t rg_command_stats = {
    .name = "stats",
    .summary = "Show how much every service is asked and how fast it answers",
    .args = "[SERVICE...]",
    .help = "Asks the services (all of them, or the named ones) and prints for each the requests since its "
            "start, by kind: how many, how many ended in an error, how many per second, and the time from "
            "receipt to reply that half of them and 99 in 100 did not exceed. Below are its numbers by the "
            "names that /metrics gives them. Exit code 1 if one does not answer.",
    .examples = "  rg-ctl stats --config configs/smoke.yaml\n"
                "  rg-ctl stats --config configs/smoke.yaml --watch retrieval\n"
                "  rg-ctl stats --config configs/smoke.yaml --json encoder,loader\n",
    .options = survey_options,
    .argument = survey_argument,
    .size = sizeof(survey_input_t),
    .config = RG_COMMAND_CONFIGURED,
    .run = stats_run,
};
