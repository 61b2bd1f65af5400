// rg-ctl evaluate: measures a stage's checkpoint.
//
// The evaluator does the work and answers with a report. It goes on if this command is interrupted; the same
// command then waits for the same evaluation.
#include <stdio.h>
#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/model/stage.h"
#include "services/ctl/caller.h"
#include "services/ctl/command.h"
#include "services/ctl/evaluation_table.h"
#include "services/ctl/output.h"

typedef struct {
    enum rg_stage stage;
} evaluate_t;

static int evaluate_read_stage(void *field, const char *text)
{
    return rg_stage_find(text, field);
}

static const rg_command_option_t evaluate_options[] = {
    {"stage", 't', "STAGE", "The stage to measure: classifier, 1, 2 or 3 (default 3)",
     RG_OPTION_READ(evaluate_t, stage, evaluate_read_stage)},
    {0},
};

static void evaluate_show(void *self, rg_progress_bar_t *progress, const Rg__V1__StatusReply *status)
{
    (void)self;
    rg_progress_bar_update(progress, rg_status_count(status, "done"), rg_status_count(status, "total"),
                           rg_status_text(status, "state"));
}

static int evaluate_take_reply(void *self, const rg_msg_t *reply)
{
    char **report = self;
    *report = rg_strdup(((const Rg__V1__EvaluateReply *)rg_msg_body(reply))->report);
    return 0;
}

static void evaluate_print(const rg_options_t *options, const char *title, enum rg_stage stage,
                           const char *text)
{
    json_t *report = rg_output_parse(text);
    if (options->json)
        rg_output_json(json_pack("{s:s, s:s, s:O}", "step", "evaluate", "stage", rg_stage_name(stage),
                                 "report", report));
    else
        rg_evaluation_table_print(title, report);
    json_decref(report);
}

int rg_evaluate_stage(const rg_options_t *options, enum rg_stage stage)
{
    rg_caller_t *evaluator;
    char title[64], *report = NULL;
    int err = rg_caller_open(&evaluator, &options->config, "evaluator");
    if (err) return err;
    snprintf(title, sizeof title, "evaluation of %s", rg_stage_name(stage));
    rg_caller_show(evaluator, title, "images", options->json, evaluate_show, NULL);
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_EVALUATE_REQUEST);
    ((Rg__V1__EvaluateRequest *)rg_msg_body(request))->stage =
        rg_msg_text(request, "%s", rg_stage_name(stage));
    err = rg_caller_ask(evaluator, &request, RG__V1__ENVELOPE__BODY_EVALUATE_REPLY, evaluate_take_reply,
                        &report);
    rg_caller_close(&evaluator);
    if (err == RG_ESTOPPED)
        err = rg_fail(err, "detached: the evaluation goes on; the same command waits for it again");
    if (!err) evaluate_print(options, title, stage, report);
    free(report);
    return err;
}

static int evaluate_run(const rg_options_t *options, const void *own)
{
    return rg_evaluate_stage(options, ((const evaluate_t *)own)->stage);
}

const rg_command_t rg_command_evaluate = {
    .name = "evaluate",
    .summary = "Measure a trained stage on images it has not seen",
    .help = "Asks the evaluator to measure a stage's checkpoint and prints tables: how it was measured, the "
            "measures of all images, and those by domain. --json prints every number. The same weights are "
            "measured only once. All reports are kept in RUN/evaluations.jsonl, the latest of each stage in "
            "RUN/reports. The evaluation.* keys that count are those with which `rg-ctl up' started the "
            "evaluator.\n\n"
            "With evaluation.follow the evaluator also measures new checkpoints by itself; this command "
            "goes before that.",
    .examples = "  rg-ctl evaluate --config configs/smoke.yaml --stage 1\n"
                "  rg-ctl evaluate --config configs/faces32.yaml --json\n",
    .options = evaluate_options,
    .size = sizeof(evaluate_t),
    .defaults = &(const evaluate_t){.stage = RG_STAGE_3},
    .config = RG_COMMAND_CONFIGURED,
    .run = evaluate_run,
};
