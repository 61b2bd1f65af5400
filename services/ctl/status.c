// rg-ctl status: what every service says about itself.
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/wire/wire.h"
#include "services/ctl/caller.h"
#include "services/ctl/clock.h"
#include "services/ctl/commands.h"
#include "services/ctl/fleet.h"
#include "services/ctl/output.h"
#include "services/ctl/progress.h"

enum { ANSWER_MS = 2000, WATCH_MS = 1000, STEP_MS = 20 };

typedef struct {
    unsigned services; // 0: all
    int watch;
} status_t;

static const struct argp_option own_options[] = {
    {"watch", 'w', NULL, 0, "Repeat every second until interrupted"},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    status_t *own = state->input;
    unsigned mask;
    switch (key) {
    case 'w':
        own->watch = 1;
        return 0;
    case ARGP_KEY_ARG:
        if (rg_fleet_parse(arg, &mask) != 0) argp_error(state, "%s", rg_error());
        own->services |= mask;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

// One row of the table.
typedef struct {
    const char *name;
    rg_link_t *link;
    int answered;
    uint32_t pid;
    double uptime_s;
    char *state, *fields; // owned; fields: "key=value key=value"
    json_t *json;         // of all fields
} row_t;

static void take_status(void *self, int err, const rg_msg_t *reply)
{
    row_t *row = self;
    if (err || rg_msg_kind(reply) != RG__V1__ENVELOPE__BODY_STATUS_REPLY) return;
    const Rg__V1__StatusReply *status = rg_msg_body(reply);
    const char *state = rg_status_value(status, "state");
    row->answered = 1;
    row->pid = status->pid;
    row->uptime_s = status->uptime_s;
    row->state = rg_strdup(*state ? state : "up");
    row->fields = rg_strdup("");
    row->json = json_object();
    for (size_t i = 0; i < status->n_fields; i++) {
        const Rg__V1__Field *field = status->fields[i];
        json_object_set_new(row->json, field->key, json_string(field->value));
        if (strcmp(field->key, "state") == 0) continue;
        char *longer = rg_format("%s%s%s=%s", row->fields, *row->fields ? " " : "", field->key, field->value);
        free(row->fields);
        row->fields = longer;
    }
}

static int ask_all(const rg_options_t *options, row_t *rows)
{
    int err = 0;
    for (int i = 0; i < RG_FLEET && !err; i++) {
        if (!rows[i].name) continue;
        err = rg_link_new(&rows[i].link, &options->config, rows[i].name,
                          rg_fleet_endpoint(&options->config, i), rg_interrupted());
        if (err) break;
        rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_STATUS_REQUEST);
        rg_link_send(rows[i].link, &request, take_status, &rows[i]);
    }
    return err;
}

// Looks after all links in turn, so that several silent services cost one timeout.
static int wait_all(row_t *rows)
{
    double deadline = rg_clock_s() + ANSWER_MS / 1000.0;
    int err = 0, left = 1;
    while (!err && left && rg_clock_s() < deadline) {
        left = 0;
        for (int i = 0; i < RG_FLEET && !err; i++) {
            if (!rows[i].link || !rg_link_pending(rows[i].link)) continue;
            err = rg_link_poll(rows[i].link, STEP_MS);
            left += rg_link_pending(rows[i].link);
        }
    }
    return err;
}

static void print_table(const row_t *rows)
{
    printf("%-10s %-12s %8s %8s  %s\n", "service", "state", "pid", "up", "");
    for (int i = 0; i < RG_FLEET; i++) {
        char uptime[RG_DURATION_SIZE];
        const row_t *row = &rows[i];
        if (!row->name) continue;
        rg_duration_format(row->uptime_s, uptime);
        if (row->answered)
            printf("%-10s %-12s %8u %8s  %s\n", row->name, row->state, row->pid, uptime, row->fields);
        else
            printf("%-10s %-12s %8s %8s\n", row->name, "no answer", "-", "-");
    }
    fflush(stdout);
}

static void print_json(const row_t *rows)
{
    json_t *list = json_array();
    for (int i = 0; i < RG_FLEET; i++) {
        const row_t *row = &rows[i];
        if (!row->name) continue;
        json_array_append_new(list, row->answered
                                        ? json_pack("{s:s, s:b, s:i, s:f, s:O}", "service", row->name,
                                                    "answers", 1, "pid", (int)row->pid, "uptime_s",
                                                    row->uptime_s, "fields", row->json)
                                        : json_pack("{s:s, s:b}", "service", row->name, "answers", 0));
    }
    rg_output_json(json_pack("{s:o}", "services", list));
}

static int report(const rg_options_t *options, unsigned services, int clear)
{
    row_t rows[RG_FLEET] = {0};
    char *silent = rg_strdup("");
    for (int i = 0; i < RG_FLEET; i++)
        if (services & 1u << i) rows[i].name = rg_fleet_name(i);
    int err = ask_all(options, rows);
    if (!err) err = wait_all(rows);
    if (!err) {
        if (clear) printf("\033[H\033[J");
        if (options->json)
            print_json(rows);
        else
            print_table(rows);
    }
    for (int i = 0; i < RG_FLEET; i++) {
        if (rows[i].name && !rows[i].answered) {
            char *longer = rg_format("%s%s%s", silent, *silent ? ", " : "", rows[i].name);
            free(silent);
            silent = longer;
        }
        rg_link_destroy(&rows[i].link);
        free(rows[i].state);
        free(rows[i].fields);
        json_decref(rows[i].json);
    }
    if (!err && *silent)
        err = rg_fail(RG_ETIMEOUT, "no answer from %s (run directory %s)", silent, options->config.run);
    free(silent);
    return err;
}

static int run(const rg_options_t *options, const void *input)
{
    const status_t *own = input;
    unsigned services = own->services ? own->services : (1u << RG_FLEET) - 1;
    if (!own->watch) return report(options, services, 0);
    while (!atomic_load(rg_interrupted())) {
        int err = report(options, services, isatty(STDOUT_FILENO));
        if (err && err != RG_ETIMEOUT && err != RG_ESTOPPED) return err;
        poll(NULL, 0, WATCH_MS);
    }
    return 0;
}

const rg_command_t rg_command_status = {
    .name = "status",
    .summary = "Show what every service is doing",
    .args = "[SERVICE...]",
    .doc = "Asks the services (all of them, or the named ones) and prints a line for each. Exit "
           "code 1 if one does not answer.\v"
           "Examples:\n"
           "  rg-ctl status --config configs/smoke.yaml\n"
           "  rg-ctl status --config configs/smoke.yaml --watch\n"
           "  rg-ctl status --config configs/smoke.yaml --json trainer\n",
    .options = own_options,
    .parse = parse,
    .size = sizeof(status_t),
    .config = RG_COMMAND_CONFIGURED,
    .run = run,
};
