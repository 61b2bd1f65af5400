#include "services/ctl/survey.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "services/ctl/caller.h"
#include "services/ctl/output.h"

enum { ANSWER_MS = 2000, WATCH_MS = 1000, STEP_MS = 20 };

const struct argp_option rg_survey_options[] = {
    {"watch", 'w', NULL, 0, "Repeat every second until interrupted"},
    {0},
};

error_t rg_survey_parse(int key, char *arg, struct argp_state *state)
{
    rg_survey_input_t *input = state->input;
    unsigned mask;
    switch (key) {
    case 'w':
        input->watch = 1;
        return 0;
    case ARGP_KEY_ARG:
        if (rg_services_parse(arg, &mask) != 0) argp_error(state, "%s", rg_error());
        input->services |= mask;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

// One round of questions.
typedef struct {
    const rg_survey_t *survey;
    const char *service; // NULL: not asked
    rg_link_t *link;
    rg_msg_t *reply;
} asked_t;

static void take_reply(void *self, int err, const rg_msg_t *reply)
{
    asked_t *asked = self;
    if (!err && rg_msg_kind(reply) == asked->survey->answer) asked->reply = rg_msg_retain(reply);
}

static int ask_all(const rg_config_t *config, asked_t *asked)
{
    const rg_wire_options_t wire = rg_wire_options(config);
    int err = 0;
    for (int i = 0; i < RG_SERVICES && !err; i++) {
        if (!asked[i].service) continue;
        err = rg_link_new(&asked[i].link, &wire, asked[i].service, rg_services_endpoint(config, i),
                          rg_interrupted());
        if (err) break;
        rg_msg_t *request = rg_msg_new(asked[i].survey->question);
        rg_link_send(asked[i].link, &request, take_reply, &asked[i]);
    }
    return err;
}

// Looks after all links in turn, so that several silent services cost one timeout.
static int wait_all(asked_t *asked)
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

static void print_json(const rg_survey_t *survey, const rg_survey_row_t *rows)
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

static void show(const rg_options_t *options, const asked_t *asked, int clear)
{
    rg_survey_row_t rows[RG_SERVICES] = {0};
    for (int i = 0; i < RG_SERVICES; i++) {
        rows[i].service = asked[i].service;
        if (asked[i].reply) rows[i].answer = rg_msg_body(asked[i].reply);
    }
    if (clear) printf("\033[H\033[J");
    if (options->json)
        print_json(asked->survey, rows);
    else
        asked->survey->print(rows);
    fflush(stdout);
}

static int name_silent(const rg_config_t *config, const asked_t *asked)
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

static int ask_once(const rg_survey_t *survey, const rg_options_t *options, unsigned services, int clear)
{
    asked_t asked[RG_SERVICES] = {0};
    for (int i = 0; i < RG_SERVICES; i++) {
        asked[i].survey = survey;
        if (services & 1u << i) asked[i].service = rg_services_name(i);
    }
    int err = ask_all(&options->config, asked);
    if (!err) err = wait_all(asked);
    if (!err) show(options, asked, clear);
    if (!err) err = name_silent(&options->config, asked);
    for (int i = 0; i < RG_SERVICES; i++) {
        rg_link_destroy(&asked[i].link);
        rg_msg_destroy(&asked[i].reply);
    }
    return err;
}

int rg_survey_run(const rg_survey_t *survey, const rg_options_t *options, const rg_survey_input_t *input)
{
    unsigned services = input->services ? input->services : rg_services_all(&options->config);
    int unknown = rg_services_check(&options->config, services);
    if (unknown) return unknown;
    if (!input->watch) return ask_once(survey, options, services, 0);
    while (!atomic_load(rg_interrupted())) {
        int err = ask_once(survey, options, services, isatty(STDOUT_FILENO));
        if (err && err != RG_ETIMEOUT && err != RG_ESTOPPED) return err;
        poll(NULL, 0, WATCH_MS);
    }
    return 0;
}
