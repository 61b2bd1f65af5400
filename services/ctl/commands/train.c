// rg-ctl train: trains one stage, or all of them with evaluation.
//
// The steps of a stage:
//   1. the trainer trains it
//   2. the encoder loads its checkpoint, and the retrieval set is embedded anew (rg_reindex)
//   3. after stage 2: the training images are added to the retrieval set (rg_ingest_training)
//   4. only if all stages are trained: the evaluator measures it (rg_evaluate_stage)
// A step that is done already changes nothing, so the same command resumes an interrupted one.
//
// Only step 1 is needed by the stages that follow: what fails in the others is told at once, and again at the
// end with exit code 1, but training goes on. Stage 3 itself refuses a retrieval set that cannot guide it.
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/model/stage.h"
#include "common/wire/json.h"
#include "services/ctl/caller.h"
#include "services/ctl/command.h"
#include "services/ctl/ingest.h"
#include "services/ctl/output.h"

typedef struct {
    enum rg_stage stage; // RG_STAGE_NONE: all
    int restart, profile, stop, accept_data;
} train_t;

static int train_read_stage(void *field, const char *text)
{
    enum rg_stage *stage = field;
    *stage = RG_STAGE_NONE;
    if (strcmp(text, "all") == 0 || rg_stage_find(text, stage) == 0) return 0;
    return rg_fail(RG_EUSAGE, "expected classifier, 1, 2, 3 or all");
}

static const rg_command_option_t train_options[] = {
    {"stage", 't', "STAGE", "The stage to train: classifier, 1, 2, 3 or all (default)",
     RG_OPTION_READ(train_t, stage, train_read_stage)},
    {"restart", 0, NULL, "Begin anew; the first save replaces the stage's checkpoint",
     RG_OPTION_FLAG(train_t, restart)},
    {"stop", 0, NULL, "Stop the training that is under way, after a save", RG_OPTION_FLAG(train_t, stop)},
    {"accept-data", 0, NULL, "Go on although images of the data set were added, removed or labelled anew",
     RG_OPTION_FLAG(train_t, accept_data)},
    {"profile", 0, NULL, "Show how long each operation of an iteration took",
     RG_OPTION_FLAG(train_t, profile)},
    {0},
};

static int train_check(const void *input)
{
    const train_t *own = input;
    if (!own->stop || (own->stage == RG_STAGE_NONE && !own->restart && !own->profile && !own->accept_data))
        return 0;
    return rg_fail(
        RG_EUSAGE,
        "--stop takes no --stage, --restart, --profile or --accept-data: it stops what is being trained");
}

// ---- one stage

typedef struct {
    const char *stage;
    char *checkpoint, *report;
    uint64_t iteration;
} training_t;

// Writes "waiting 4%  231 MiB  recon 0.12  kl 0.3".
static void describe_training(const Rg__V1__StatusReply *status, char *out, size_t size)
{
    size_t n =
        (size_t)snprintf(out, size, "waiting %.0f%%  %.0f MiB", 100 * rg_status_number(status, "wait_share"),
                         rg_status_number(status, "peak_memory_mib"));
    for (size_t i = 0; i < status->n_fields && n < size; i++)
        if (strncmp(status->fields[i]->key, "loss.", 5) == 0)
            n += (size_t)snprintf(out + n, size - n, "  %s %s", status->fields[i]->key + 5,
                                  status->fields[i]->value);
}

static void train_show(void *self, rg_progress_bar_t *progress, const Rg__V1__StatusReply *status)
{
    training_t *training = self;
    char note[RG_PROGRESS_SIZE];
    rg_progress_line_t line = {.rate = -1, .left_s = -1, .note = note};
    if (strcmp(rg_status_text(status, "stage"), training->stage) != 0) {
        snprintf(note, sizeof note, "%s", rg_status_text(status, "state"));
    } else {
        describe_training(status, note, sizeof note);
        line.done = rg_status_count(status, "iteration");
        line.total = rg_status_count(status, "iterations");
        line.rate = rg_status_number(status, "images_per_s");
        line.left_s = rg_status_number(status, "eta_s");
    }
    rg_progress_bar_show(progress, &line);
}

static int train_take_reply(void *self, const rg_msg_t *reply)
{
    training_t *training = self;
    const Rg__V1__TrainReply *body = rg_msg_body(reply);
    training->checkpoint = rg_strdup(body->checkpoint);
    training->report = rg_strdup(body->report);
    training->iteration = body->iteration;
    return 0;
}

// ---- results

static double profile_number(json_t *piece, const char *key)
{
    return json_number_value(json_object_get(piece, key));
}

// Prints a profile as a table. profile: {"conv ...": {"calls":, "forward_ms":, "backward_ms":, "share":},
// ...}, per iteration, in the order of the table.
static void profile_print(json_t *profile)
{
    const char *name;
    json_t *piece;
    double total = 0;
    printf("%-44s %7s %9s %9s %6s\n", "per iteration", "calls", "forward", "backward", "share");
    json_object_foreach(profile, name, piece)
    {
        total += profile_number(piece, "forward_ms") + profile_number(piece, "backward_ms");
        rg_output_line("%-44s %7.1f %6.2f ms %6.2f ms %5.1f%%", name, profile_number(piece, "calls"),
                       profile_number(piece, "forward_ms"), profile_number(piece, "backward_ms"),
                       100 * profile_number(piece, "share"));
    }
    printf("%-44s %7s %6.2f ms\n", "all", "", total);
}

static void train_print_text(const training_t *training, json_t *report)
{
    char *title = rg_format("%s: %llu iterations, %s", training->stage,
                            (unsigned long long)training->iteration, training->checkpoint);
    json_t *profile = json_incref(json_object_get(report, "profile"));
    json_object_del(report, "profile");
    rg_output_report(title, report);
    if (profile) profile_print(profile);
    json_decref(profile);
    free(title);
}

static void train_print(const rg_options_t *options, const training_t *training)
{
    json_t *report = rg_output_parse(training->report);
    if (options->json)
        rg_output_json(json_pack("{s:s, s:s, s:o, s:I, s:O}", "step", "train", "stage", training->stage,
                                 "checkpoint", rg_json_text(training->checkpoint), "iteration",
                                 (json_int_t)training->iteration, "report", report));
    else
        train_print_text(training, report);
    json_decref(report);
}

// ---- what a finished stage means

// What the user has now, and what the next command may be.
static const struct {
    const char *has, *next, *options; // options of the next command
} AFTER[RG_STAGES] = {
    [RG_STAGE_CLASSIFIER] = {"a classifier judges translations now", "train", "--stage 1"},
    [RG_STAGE_1] = {"the networks translate images now, and the encoder serves them", "train", "--stage 2"},
    [RG_STAGE_2] = {"images have embeddings, and the retrieval set holds the training images", "train",
                    "--stage 3"},
    [RG_STAGE_3] = {"retrieved images guide the translations now, and the encoder serves that", "translate",
                    "--image FILE --attr NAME=1 --out FILE.png"},
};

// The stage's last picture in RUN/samples, if this machine has it. The caller frees it; NULL: none.
static char *find_grid(const rg_options_t *options, const char *stage)
{
    char *pattern = rg_format("%s/samples/%s-*.png", options->config.run, stage), *last = NULL;
    glob_t found;
    if (glob(pattern, 0, NULL, &found) == 0) {
        last = rg_strdup(found.gl_pathv[found.gl_pathc - 1]);
        globfree(&found);
    }
    free(pattern);
    return last;
}

// goes_on: the same command measures this stage and trains the next one by itself.
static void train_print_after(const rg_options_t *options, enum rg_stage stage, int goes_on)
{
    if (options->json) return;
    const char *from = rg_config_from_environment();
    int named = options->path && (!from || strcmp(from, options->path) != 0);
    char *grid = find_grid(options, rg_stage_name(stage));
    rg_output_line("%s: %s", rg_stage_name(stage), AFTER[stage].has);
    if (grid) rg_output_line("  grid     %s", grid);
    free(grid);
    if (goes_on) return;
    rg_output_line("  measure  rg-ctl evaluate%s%s --stage %s", named ? " --config " : "",
                   named ? options->path : "", rg_stage_argument(stage));
    rg_output_line("  next     rg-ctl %s%s%s %s", AFTER[stage].next, named ? " --config " : "",
                   named ? options->path : "", AFTER[stage].options);
}

// ---- the steps of a stage

static int train_one_stage(const rg_options_t *options, int stage, const train_t *own)
{
    training_t training = {.stage = rg_stage_name(stage)};
    rg_caller_t *trainer;
    int err = rg_caller_open(&trainer, &options->config, "trainer");
    if (err) return err;
    rg_caller_show(trainer, training.stage, "images", options->json, train_show, &training);
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_TRAIN_REQUEST);
    Rg__V1__TrainRequest *body = rg_msg_body(request);
    body->stage = rg_msg_text(request, "%s", training.stage);
    body->restart = own->restart;
    body->profile = own->profile;
    body->accept_data = own->accept_data;
    err = rg_caller_ask(trainer, &request, RG__V1__ENVELOPE__BODY_TRAIN_REPLY, train_take_reply, &training);
    rg_caller_close(&trainer);
    if (err == RG_ESTOPPED && atomic_load(rg_interrupted()))
        err = rg_fail(err,
                      "detached: the training of %s goes on; the same command shows it again, `rg-ctl train "
                      "--stop' stops it",
                      training.stage);
    if (!err) train_print(options, &training);
    free(training.checkpoint);
    free(training.report);
    return err;
}

static int train_take_running(void *self, const rg_msg_t *reply)
{
    const Rg__V1__StatusReply *status = rg_msg_body(reply);
    enum rg_stage *stage = self;
    int idle = strcmp(rg_status_text(status, "state"), "idle") == 0;
    *stage = RG_STAGE_NONE;
    return idle ? 0 : rg_stage_find(rg_status_text(status, "stage"), stage);
}

// Finds the stage that the trainer is training already because of an earlier command; RG_STAGE_NONE: it is
// idle.
static int find_running(const rg_options_t *options, enum rg_stage *stage)
{
    rg_caller_t *trainer;
    int err = rg_caller_open(&trainer, &options->config, "trainer");
    if (err) return err;
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_STATUS_REQUEST);
    err = rg_caller_ask(trainer, &request, RG__V1__ENVELOPE__BODY_STATUS_REPLY, train_take_running, stage);
    rg_caller_close(&trainer);
    return err;
}

// ---- steps that training does not need

// The steps that failed, for the sentence at the end.
typedef struct {
    char steps[256]; // "evaluate classifier, evaluate stage1"
    int count;
} failed_t;

// Returns 0 after noting the failure, so that training goes on; or RG_ESTOPPED.
static int tolerate(const rg_options_t *options, failed_t *failed, const char *step, int stage, int err)
{
    if (!err || err == RG_ESTOPPED) return err;
    size_t n = strlen(failed->steps);
    snprintf(failed->steps + n, sizeof failed->steps - n, "%s%s %s", n ? ", " : "", step,
             rg_stage_name(stage));
    failed->count++;
    fprintf(stderr, "rg-ctl train: %s %s failed: %s\n", step, rg_stage_name(stage), rg_error());
    if (options->json)
        rg_output_json(json_pack("{s:s, s:s, s:o}", "step", step, "stage", rg_stage_name(stage), "error",
                                 rg_json_text(rg_error())));
    return 0;
}

static int check_failed(const failed_t *failed)
{
    if (!failed->count) return 0;
    return rg_fail(RG_EREMOTE, "trained, but %d other steps failed: %s; the same command repeats them",
                   failed->count, failed->steps);
}

// Steps 2 and 3. Refused images are listed and left out: the retrieval set can do without them.
static int finish_stage(const rg_options_t *options, int stage, failed_t *failed)
{
    uint64_t refused;
    int err = stage >= RG_STAGE_1 ? rg_reindex(options, "") : 0;
    err = tolerate(options, failed, "reindex", stage, err);
    if (err || stage != RG_STAGE_2) return err;
    return tolerate(options, failed, "add-images", stage, rg_ingest_training(options, 1, &refused));
}

// ---- all stages

// What every later stage needs is asked for before the first one trains for hours.
static int check_services(const rg_options_t *options)
{
    static const char *const needed[] = {"trainer", "loader", "encoder", "retrieval", "evaluator"};
    int err = 0;
    for (size_t i = 0; i < sizeof needed / sizeof *needed && !err; i++) {
        rg_caller_t *caller;
        err = rg_caller_open(&caller, &options->config, needed[i]);
        if (!err) rg_caller_close(&caller);
    }
    return err;
}

static int train_and_measure(const rg_options_t *options, int stage, const train_t *own, failed_t *failed)
{
    const int failed_before = failed->count;
    int err = train_one_stage(options, stage, own);
    if (!err) err = finish_stage(options, stage, failed);
    if (!err) err = tolerate(options, failed, "evaluate", stage, rg_evaluate_stage(options, stage));
    if (!err && failed->count == failed_before) train_print_after(options, stage, stage != RG_STAGE_3);
    return err;
}

static int train_all_stages(const rg_options_t *options, const train_t *own)
{
    enum rg_stage running;
    failed_t failed = {0};
    int stage = 0, err = check_services(options);
    if (!err) err = find_running(options, &running);
    if (!err && running >= 0 && !own->restart) err = train_one_stage(options, running, own);
    for (; stage < RG_STAGES && !err; stage++) err = train_and_measure(options, stage, own, &failed);
    if (err == RG_ESTOPPED && stage < RG_STAGES && atomic_load(rg_interrupted()))
        return rg_fail(err, "%s. The stages after it do not begin before the same command runs again",
                       rg_error());
    return err ? err : check_failed(&failed);
}

// ---- the command

static int train_take_stopped(void *self, const rg_msg_t *reply)
{
    const rg_options_t *options = self;
    const Rg__V1__TrainReply *body = rg_msg_body(reply);
    if (options->json)
        rg_output_json(json_pack("{s:s, s:o, s:I}", "step", "stop", "checkpoint",
                                 rg_json_text(body->checkpoint), "iteration", (json_int_t)body->iteration));
    else
        printf("stopped at iteration %llu, saved in %s\n", (unsigned long long)body->iteration,
               body->checkpoint);
    return 0;
}

static int train_stop(const rg_options_t *options)
{
    rg_caller_t *trainer;
    int err = rg_caller_open(&trainer, &options->config, "trainer");
    if (err) return err;
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_TRAIN_REQUEST);
    ((Rg__V1__TrainRequest *)rg_msg_body(request))->stop = 1;
    err = rg_caller_ask(trainer, &request, RG__V1__ENVELOPE__BODY_TRAIN_REPLY, train_take_stopped,
                        (void *)options);
    rg_caller_close(&trainer);
    return err;
}

static int train_run(const rg_options_t *options, const void *input)
{
    const train_t *own = input;
    failed_t failed = {0};
    if (own->stop) return train_stop(options);
    if (own->stage == RG_STAGE_NONE) return train_all_stages(options, own);
    int err = train_one_stage(options, own->stage, own);
    if (!err) err = finish_stage(options, own->stage, &failed);
    if (!err && !failed.count) train_print_after(options, own->stage, 0);
    return err ? err : check_failed(&failed);
}

const rg_command_t rg_command_train = {
    .name = "train",
    .summary = "Train a stage, or all of them with evaluation",
    .help =
        "Asks the trainer to train a stage and shows its progress. What is finished is not done again; what "
        "was interrupted goes on. After each stage the encoder serves the new weights. After stage 2 the "
        "training images are added to the retrieval set. `all' trains every stage and evaluates each one; an "
        "evaluation that fails, or a refused image, does not end it, but the exit code is 1 then. A stage "
        "ends with what it changed, its last grid and the next command.\n\n"
        "Ctrl-C only ends this command: the stage that is being trained goes on, and later stages do not "
        "begin. --stop stops the stage; the same command goes on from there.",
    .examples = "  rg-ctl train --config configs/smoke.yaml\n"
                "  rg-ctl train --config configs/faces32.yaml --stage 1 --restart\n"
                "  rg-ctl train --config configs/faces32.yaml --stage 1 --restart --profile\n"
                "  rg-ctl train --config configs/faces32.yaml --stop\n",
    .options = train_options,
    .check = train_check,
    .size = sizeof(train_t),
    .defaults = &(const train_t){.stage = RG_STAGE_NONE},
    .config = RG_COMMAND_CONFIGURED,
    .run = train_run,
};
