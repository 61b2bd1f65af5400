// rg-ctl evaluate: the numbers of a stage's checkpoint.

#include <stdio.h>
#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/model/stage.h"
#include "services/ctl/caller.h"
#include "services/ctl/command.h"
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

typedef struct {
    rg_progress_bar_t progress;
    rg_caller_t *evaluator;
    char *report;
} asked_t;

static void show(void *self, const Rg__V1__StatusReply *status)
{
    asked_t *asked = self;
    char note[64];
    if (!status) {
        snprintf(note, sizeof note, "waiting for the evaluator (%.0f s)",
                 rg_caller_silent_s(asked->evaluator));
        rg_progress_bar_show(&asked->progress, &(rg_progress_line_t){.rate = -1, .left_s = -1, .note = note});
        return;
    }
    uint64_t done = strtoull(rg_status_value(status, "done"), NULL, 10);
    uint64_t total = strtoull(rg_status_value(status, "total"), NULL, 10);
    rg_progress_bar_update(&asked->progress, done, total, rg_status_value(status, "state"));
}

static int take_report(void *self, const rg_msg_t *reply)
{
    asked_t *asked = self;
    asked->report = rg_strdup(((const Rg__V1__EvaluateReply *)rg_msg_body(reply))->report);
    return 0;
}

int rg_evaluate_stage(const rg_options_t *options, enum rg_stage stage)
{
    asked_t asked = {0};
    char title[64];
    int err = rg_caller_open(&asked.evaluator, &options->config, "evaluator");
    if (err) return err;
    snprintf(title, sizeof title, "evaluation of %s", rg_stage_name(stage));
    rg_progress_bar_init(&asked.progress, title, "images", options->json);
    rg_caller_watch(asked.evaluator, show, &asked);
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_EVALUATE_REQUEST);
    ((Rg__V1__EvaluateRequest *)rg_msg_body(request))->stage =
        rg_msg_text(request, "%s", rg_stage_name(stage));
    err =
        rg_caller_ask(asked.evaluator, &request, RG__V1__ENVELOPE__BODY_EVALUATE_REPLY, take_report, &asked);
    rg_progress_bar_clear(&asked.progress);
    rg_caller_close(&asked.evaluator);
    if (err == RG_ESTOPPED)
        return rg_fail(err, "detached: the evaluation goes on, the same command waits for it again");
    if (err) return err;
    json_t *report = rg_output_parse(asked.report);
    if (options->json)
        rg_output_json(json_pack("{s:s, s:s, s:O}", "step", "evaluate", "stage", rg_stage_name(stage),
                                 "report", report));
    else
        rg_output_report(title, report);
    json_decref(report);
    free(asked.report);
    return 0;
}

static int evaluate_run(const rg_options_t *options, const void *input)
{
    return rg_evaluate_stage(options, ((const evaluate_t *)input)->stage);
}

const rg_command_t rg_command_evaluate = {
    .name = "evaluate",
    .summary = "Measure a trained stage on images it has not seen",
    .help = "Asks the evaluator for the metrics of a stage's checkpoint, with their protocol. The same "
            "weights are measured once with one protocol: RUN/evaluations.jsonl has all reports, "
            "RUN/reports the latest of each stage. With evaluation.follow the evaluator also measures "
            "new checkpoints by itself, on that many images; this command goes before that. How it "
            "measures (evaluation.*) is the configuration that `rg-ctl up` started it with.",
    .examples = "  rg-ctl evaluate --config configs/smoke.yaml --stage 1\n"
                "  rg-ctl evaluate --config configs/faces32.yaml --json\n",

    .options = evaluate_options,
    .size = sizeof(evaluate_t),
    .defaults = &(const evaluate_t){.stage = RG_STAGE_3},
    .config = RG_COMMAND_CONFIGURED,
    .run = evaluate_run,
};
