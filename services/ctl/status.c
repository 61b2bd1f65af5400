// rg-ctl status: what every service says about itself.
#include <stdio.h>
#include <string.h>

#include "common/wire/json.h"
#include "services/ctl/caller.h"
#include "services/ctl/commands.h"
#include "services/ctl/progress.h"
#include "services/ctl/survey.h"

static void print_answer(const char *service, const Rg__V1__StatusReply *status)
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

static void print(const rg_survey_row_t rows[RG_SERVICES])
{
    printf("%-10s %-12s %8s %8s %8s\n", "service", "state", "version", "pid", "up");
    for (int i = 0; i < RG_SERVICES; i++) {
        if (!rows[i].service) continue;
        if (rows[i].answer)
            print_answer(rows[i].service, rows[i].answer);
        else
            printf("%-10s %-12s %8s %8s %8s\n", rows[i].service, "no answer", "-", "-", "-");
    }
}

static void put(json_t *object, const void *answer)
{
    rg_json_status(object, answer);
}

static int run(const rg_options_t *options, const void *input)
{
    static const rg_survey_t survey = {.question = RG__V1__ENVELOPE__BODY_STATUS_REQUEST,
                                       .answer = RG__V1__ENVELOPE__BODY_STATUS_REPLY,
                                       .print = print,
                                       .put = put};
    return rg_survey_run(&survey, options, input);
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
    .options = rg_survey_options,
    .parse = rg_survey_parse,
    .size = sizeof(rg_survey_input_t),
    .config = RG_COMMAND_CONFIGURED,
    .run = run,
};
