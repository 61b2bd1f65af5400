// rg-ctl status and rg-ctl stats: both ask several services the same question at once and show what they
// answer. A survey says what to ask and how to show it; everything else is the same for both.
//
// A round asks all services and waits until each has answered or ANSWER_MS are over. With --watch there is a
// round every second. Each round makes new links, so it asks services that were started meanwhile as well.
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config/services.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/alloc.h"
#include "common/wire/json.h"
#include "services/ctl/caller.h"
#include "services/ctl/command.h"
#include "services/ctl/output.h"
#include "services/ctl/pidfile.h"
#include "services/ctl/status_table.h"

enum { ANSWER_MS = 2000, WATCH_MS = 1000, STEP_MS = 20, SILENT_SIZE = 700 };

// ---- the command line

typedef struct {
    unsigned services; // mask; 0: all
    int watch;
    int ready; // the exit code says whether all services are ready
} survey_input_t;

static const rg_command_option_t survey_options[] = {
    {"watch", 'w', NULL, "Repeat every second until interrupted", RG_OPTION_FLAG(survey_input_t, watch)},
    {0},
};

static const rg_command_option_t status_options[] = {
    {"watch", 'w', NULL, "Repeat every second until interrupted", RG_OPTION_FLAG(survey_input_t, watch)},
    {"ready", 'r', NULL, "Exit code 1 unless all of them are ready", RG_OPTION_FLAG(survey_input_t, ready)},
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

typedef struct {
    Rg__V1__Envelope__BodyCase question, answer;          // the question has no fields
    void (*head)(void);                                   // prints what is above the answers; may be NULL
    void (*print)(const char *service, const void *body); // body NULL: the service did not answer
    void (*put)(json_t *object, const void *body);        // adds the answer's content to the object
} survey_t;

// One service that is asked.
typedef struct {
    const survey_t *survey;
    const char *service; // NULL: not asked
    rg_link_t *link;
    rg_msg_t *reply; // NULL: no answer
} survey_row_t;

static void survey_take_reply(void *self, int err, const rg_msg_t *reply)
{
    survey_row_t *row = self;
    if (!err && rg_msg_kind(reply) == row->survey->answer) row->reply = rg_msg_retain(reply);
}

static int survey_ask(const rg_config_t *config, survey_row_t rows[RG_SERVICES])
{
    const rg_wire_options_t wire = rg_wire_options(config);
    for (int i = 0; i < RG_SERVICES; i++) {
        survey_row_t *row = &rows[i];
        if (!row->service) continue;
        int err =
            rg_link_new(&row->link, &wire, row->service, rg_services_endpoint(config, i), rg_interrupted());
        if (err) return err;
        rg_msg_t *request = rg_msg_new(row->survey->question);
        rg_link_send(row->link, &request, ANSWER_MS, survey_take_reply, row);
    }
    return 0;
}

// Polls all links in turn, so that several silent services together cost one deadline.
static int survey_wait(survey_row_t rows[RG_SERVICES])
{
    int err = 0, left = 1;
    while (!err && left) {
        left = 0;
        for (int i = 0; i < RG_SERVICES && !err; i++) {
            if (!rows[i].link || !rg_link_pending(rows[i].link)) continue;
            err = rg_link_poll(rows[i].link, STEP_MS);
            left += rg_link_pending(rows[i].link);
        }
    }
    return err;
}

static void survey_print_json(const survey_row_t rows[RG_SERVICES])
{
    json_t *list = json_array();
    for (int i = 0; i < RG_SERVICES; i++) {
        const survey_row_t *row = &rows[i];
        if (!row->service) continue;
        json_t *object = json_pack("{s:s, s:b}", "service", row->service, "answers", row->reply != NULL);
        if (row->reply) row->survey->put(object, rg_msg_body(row->reply));
        json_array_append_new(list, object);
    }
    rg_output_json(json_pack("{s:o}", "services", list));
}

static void survey_print(const survey_t *survey, const survey_row_t rows[RG_SERVICES])
{
    if (survey->head) survey->head();
    for (int i = 0; i < RG_SERVICES; i++)
        if (rows[i].service)
            survey->print(rows[i].service, rows[i].reply ? rg_msg_body(rows[i].reply) : NULL);
    fflush(stdout);
}

// The first service that answers but cannot do its work, with the reason.
static int survey_check_ready(const survey_row_t rows[RG_SERVICES])
{
    for (int i = 0; i < RG_SERVICES; i++) {
        const Rg__V1__StatusReply *status = rows[i].reply ? rg_msg_body(rows[i].reply) : NULL;
        if (status && strcmp(status->state, "ready") != 0)
            return rg_fail(RG_EBUSY, "the %s is not ready: %s%s%s", rows[i].service, status->state,
                           *status->detail ? ", " : "", status->detail);
    }
    return 0;
}

// Says where was looked: the user may be in another folder, or name another configuration, than whoever
// started the services.
static int fail_silent(const rg_config_t *config, const char *silent, int answers)
{
    char pidfile[RG_PATH_SIZE];
    rg_config_path(config, "rg.pid", pidfile); // the supervisor's
    int runs = answers || rg_exists(pidfile);
    char *run = rg_path_absolute(config->run);
    rg_fail(RG_ETIMEOUT,
            runs ? "no answer from %s (run directory %s): see the logs there"
                 : "no answer from %s: nothing is running in %s; `rg-ctl up' starts the services there, and "
                   "--config "
                   "and the current folder choose another run",
            silent, run);
    free(run);
    return RG_ETIMEOUT;
}

// Why a service does not run, as its supervisor noted: " (TEXT)"; "" if that is not known.
static void describe_silent(const rg_config_t *config, const char *service, char out[SILENT_SIZE])
{
    rg_pidfile_entry_t entries[RG_SERVICES];
    int n = rg_pidfile_read_entries(config, entries, RG_SERVICES);
    *out = 0;
    for (int i = 0; i < n; i++)
        if (strcmp(entries[i].service, service) == 0 && !entries[i].pid)
            snprintf(out, SILENT_SIZE, " (%s)", entries[i].text);
}

static int survey_check(const rg_config_t *config, const survey_row_t rows[RG_SERVICES])
{
    char silent[RG_SERVICES * (RG_NAME_SIZE + SILENT_SIZE)] = "", why[SILENT_SIZE];
    size_t n = 0;
    int answers = 0;
    for (int i = 0; i < RG_SERVICES; i++) answers += rows[i].reply != NULL;
    for (int i = 0; i < RG_SERVICES; i++)
        if (rows[i].service && !rows[i].reply) {
            describe_silent(config, rows[i].service, why);
            n += (size_t)snprintf(silent + n, sizeof silent - n, "%s%s%s", n ? ", " : "", rows[i].service,
                                  why);
        }
    return n ? fail_silent(config, silent, answers) : 0;
}

static int survey_round(const survey_t *survey, const rg_options_t *options, unsigned services,
                        const survey_input_t *input)
{
    survey_row_t rows[RG_SERVICES] = {0};
    const int clear = input->watch && isatty(STDOUT_FILENO);
    for (int i = 0; i < RG_SERVICES; i++) {
        rows[i].survey = survey;
        if (services & 1u << i) rows[i].service = rg_services_name(i);
    }
    int err = survey_ask(&options->config, rows);
    if (!err) err = survey_wait(rows);
    if (!err && clear) printf("\033[H\033[J");
    if (!err && options->json) survey_print_json(rows);
    if (!err && !options->json) survey_print(survey, rows);
    if (!err) err = survey_check(&options->config, rows);
    if (!err && input->ready) err = survey_check_ready(rows);
    for (int i = 0; i < RG_SERVICES; i++) {
        rg_link_destroy(&rows[i].link);
        rg_msg_destroy(&rows[i].reply);
    }
    return err;
}

// Shows the answers; afterwards RG_ETIMEOUT naming the services that did not answer. RG_ESTOPPED.
static int survey_run(const survey_t *survey, const rg_options_t *options, const survey_input_t *input)
{
    unsigned services = input->services ? input->services : rg_services_all(&options->config);
    int err = rg_services_check(&options->config, services);
    if (err || !input->watch) return err ? err : survey_round(survey, options, services, input);
    while (!atomic_load(rg_interrupted())) {
        err = survey_round(survey, options, services, input);
        if (err && err != RG_ETIMEOUT && err != RG_ESTOPPED && err != RG_EBUSY) return err;
        poll(NULL, 0, WATCH_MS);
    }
    return 0;
}

// ---- status

static void status_print(const char *service, const void *body)
{
    rg_status_table_row(service, body);
}

static void status_put(json_t *object, const void *body)
{
    rg_json_status(object, body);
}

static int status_run(const rg_options_t *options, const void *own)
{
    static const survey_t survey = {.question = RG__V1__ENVELOPE__BODY_STATUS_REQUEST,
                                    .answer = RG__V1__ENVELOPE__BODY_STATUS_REPLY,
                                    .head = rg_status_table_head,
                                    .print = status_print,
                                    .put = status_put};
    return survey_run(&survey, options, own);
}

const rg_command_t rg_command_status = {
    .name = "status",
    .summary = "Show what every service is doing",
    .args = "[SERVICE...]",
    .help =
        "Asks all services, or the named ones, and prints a table of 80 columns: for each the state, the "
        "time "
        "since its start and the numbers that matter most. --json prints all numbers, the version and the "
        "process id. The state is `loading, 34 %', `failed' with the reason why the service cannot do its "
        "work, `stopping', or what a ready service does. --watch draws the table anew on a terminal. The "
        "exit "
        "code is 1 if one of them does not answer, with --ready also if one is not ready.",
    .examples = "  rg-ctl status --config configs/smoke.yaml\n"
                "  rg-ctl status --config configs/smoke.yaml --watch\n"
                "  rg-ctl status --config configs/smoke.yaml --ready encoder && echo yes\n"
                "  rg-ctl status --config configs/smoke.yaml --json trainer\n",
    .options = status_options,
    .argument = survey_argument,
    .size = sizeof(survey_input_t),
    .config = RG_COMMAND_CONFIGURED,
    .run = status_run,
};

// ---- stats

static void stats_print(const char *service, const void *body)
{
    const Rg__V1__StatsReply *stats = body;
    char uptime[RG_DURATION_SIZE];
    rg_stats_kind_t kind;
    if (!stats) {
        printf("%s, no answer\n", service);
        return;
    }
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

static void stats_put(json_t *object, const void *body)
{
    rg_json_stats(object, body);
}

static int stats_run(const rg_options_t *options, const void *own)
{
    static const survey_t survey = {.question = RG__V1__ENVELOPE__BODY_STATS_REQUEST,
                                    .answer = RG__V1__ENVELOPE__BODY_STATS_REPLY,
                                    .print = stats_print,
                                    .put = stats_put};
    return survey_run(&survey, options, own);
}

const rg_command_t rg_command_stats = {
    .name = "stats",
    .summary = "Show how much every service is asked and how fast it answers",
    .args = "[SERVICE...]",
    .help = "Asks all services, or the named ones, and prints for each service what it counted since its "
            "start. For each kind of request: how many came, how many ended in an error, how many came per "
            "second, and the time from receipt to reply, as median (p50) and 99th percentile (p99). Below "
            "are the other numbers, under the names that GET /metrics uses. The exit code is 1 if a service "
            "does not answer.",
    .examples = "  rg-ctl stats --config configs/smoke.yaml\n"
                "  rg-ctl stats --config configs/smoke.yaml --watch retrieval\n"
                "  rg-ctl stats --config configs/smoke.yaml --json encoder,loader\n",
    .options = survey_options,
    .argument = survey_argument,
    .size = sizeof(survey_input_t),
    .config = RG_COMMAND_CONFIGURED,
    .run = stats_run,
};
