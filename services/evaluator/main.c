// rg-evaluator: measures the checkpoint of a stage.
//
// There are two kinds of evaluation. A full one answers an EvaluateRequest (proto/control.proto). A quick
// one, on the first evaluation.follow images, measures each new checkpoint without a request.
//
//   EvaluateRequest --> waiting[] --+                 +--> EvaluateReply to all of waiting[]
//                                   +--> the worker --+
//   new checkpoint  --> follow -----+                 +--> RUN/evaluations.jsonl
//
// One evaluation runs at a time, on the worker thread; the service's thread answers requests meanwhile. All
// peers that ask for the running stage get the same report. A request goes before a quick evaluation, also
// before a running one: that is stopped and repeated later.
#include <stdlib.h>

#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/log.h"
#include "common/core/thread.h"
#include "common/wire/service_main.h"
#include "services/evaluator/evaluate.h"
#include "services/evaluator/extractor.h"
#include "services/evaluator/follow.h"

enum { WAITING_MAX = 64 };

typedef struct {
    rg_config_t config;
    rg_service_t *service;
    rg_worker_t *worker;
    rg_evaluation_progress_t progress;
    rg_follow_t follow;
    enum rg_stage stage; // of the running or last evaluation
    int quick;           // 1: that is a quick one
    char *report;        // of a full evaluation; the worker writes it
    rg_peer_t waiting[WAITING_MAX];
    int n_waiting;
    enum rg_stage requested; // the stage that waiting[] wait for
} evaluator_t;

// ---- the worker

static int run_full(void *context, const atomic_int *stop)
{
    evaluator_t *self = context;
    return rg_evaluate(&self->config, self->stage, &self->progress, stop, &self->report);
}

static int run_quick(void *context, const atomic_int *stop)
{
    evaluator_t *self = context;
    return rg_evaluate_quickly(&self->config, self->stage, &self->progress, stop);
}

static int start_evaluation(evaluator_t *self, enum rg_stage stage, int quick)
{
    self->stage = stage;
    self->quick = quick;
    atomic_store(&self->progress.done, 0);
    atomic_store(&self->progress.total, 0);
    rg_log(RG_LOG_INFO, quick ? "follow" : "evaluate", "stage=%s", rg_stage_name(stage));
    return rg_worker_start(self->worker, quick ? run_quick : run_full, self);
}

// ---- requests

static int on_evaluate(void *context, const rg_peer_t *peer, const rg_msg_t *request)
{
    evaluator_t *self = context;
    enum rg_stage stage;
    int running = rg_worker_running(self->worker),
        err = rg_stage_find(((const Rg__V1__EvaluateRequest *)rg_msg_body(request))->stage, &stage);
    if (err) return err;
    if (self->n_waiting && stage != self->requested)
        return rg_fail(RG_EBUSY, "the evaluator is measuring %s; ask for %s when that is done",
                       rg_stage_name(self->requested), rg_stage_name(stage));
    if (self->n_waiting == WAITING_MAX)
        return rg_fail(RG_EBUSY, "%d others are waiting for %s already; ask again later", WAITING_MAX,
                       rg_stage_name(stage));
    if (!running) err = start_evaluation(self, stage, 0);
    if (err) return err;
    if (running && self->quick) rg_worker_stop(self->worker);
    self->requested = stage;
    self->waiting[self->n_waiting++] = *peer;
    return 0;
}

static void send_report(evaluator_t *self, const rg_peer_t *peer)
{
    rg_msg_t *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_EVALUATE_REPLY);
    ((Rg__V1__EvaluateReply *)rg_msg_body(reply))->report = rg_msg_text(reply, "%s", self->report);
    rg_service_reply(self->service, peer, &reply);
}

static void answer_waiting(evaluator_t *self, int err)
{
    for (int i = 0; i < self->n_waiting; i++) {
        if (err)
            rg_service_refuse(self->service, &self->waiting[i], err);
        else
            send_report(self, &self->waiting[i]);
    }
    self->n_waiting = 0;
    free(self->report);
    self->report = NULL;
}

// ---- one evaluation after the other

static void start_next(evaluator_t *self)
{
    if (rg_worker_running(self->worker)) return;
    if (self->n_waiting) {
        int err = start_evaluation(self, self->requested, 0);
        if (err) answer_waiting(self, err);
        return;
    }
    const enum rg_stage stage =
        self->config.evaluation.follow ? rg_follow_next(&self->follow) : RG_STAGE_NONE;
    if (stage != RG_STAGE_NONE && start_evaluation(self, stage, 1) != 0)
        rg_log(RG_LOG_ERROR, "follow-failed", "stage=%s error=\"%s\"", rg_stage_name(stage), rg_error());
}

static void log_end(const evaluator_t *self, int err)
{
    const char *kind = self->quick ? "quick" : "full", *stage = rg_stage_name(self->stage);
    if (err == RG_ESTOPPED)
        rg_log(RG_LOG_INFO, "evaluation-stopped", "stage=%s kind=%s", stage, kind);
    else if (err)
        rg_log(RG_LOG_ERROR, "evaluation-failed", "stage=%s kind=%s code=%s error=\"%s\"", stage, kind,
               rg_errname(err), rg_error());
    else
        rg_log(RG_LOG_INFO, "evaluated", "stage=%s kind=%s waiting=%d", stage, kind, self->n_waiting);
}

static void on_worker_done(void *context)
{
    evaluator_t *self = context;
    int err = rg_worker_finish(self->worker);
    log_end(self, err);
    if (!self->quick) answer_waiting(self, err);
    if (self->quick && err == RG_ESTOPPED) rg_follow_requeue(&self->follow, self->stage);
    start_next(self);
}

static void on_folder_change(void *context)
{
    evaluator_t *self = context;
    if (rg_worker_running(self->worker))
        rg_follow_drain(&self->follow);
    else
        start_next(self);
}

// ---- the service

static const char *state_name(const evaluator_t *self)
{
    if (!rg_worker_running(self->worker)) return "idle";
    return self->quick ? "following" : "evaluating";
}

static void on_evaluator_status(void *context, rg_status_t *status)
{
    const evaluator_t *self = context;
    rg_status_field(status, "state", "%s", state_name(self));
    rg_status_field(status, "stage", "%s", self->stage == RG_STAGE_NONE ? "" : rg_stage_name(self->stage));
    rg_status_field(status, "done", "%llu", atomic_load(&self->progress.done));
    rg_status_field(status, "total", "%llu", atomic_load(&self->progress.total));
}

static int start_following(evaluator_t *self)
{
    int err = rg_follow_open(&self->follow, &self->config);
    if (err) return err;
    rg_service_add_fd(self->service, self->follow.fd, on_folder_change, self);
    start_next(self);
    return 0;
}

// Of an evaluator that was killed.
static void remove_leftovers(const rg_config_t *config)
{
    static const char *const folders[] = {"reports", "features", "samples"};
    char path[RG_PATH_SIZE];
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        rg_config_path(config, folders[i], path);
        rg_remove_leftovers(path);
    }
}

int main(int argc, char **argv)
{
    static const rg_route_t routes[] = {
        {RG__V1__ENVELOPE__BODY_EVALUATE_REQUEST, on_evaluate, RG_ROLE_ADMIN}};
    static evaluator_t self = {.stage = RG_STAGE_NONE, .follow.fd = -1};
    rg_main_init(argc, argv, "evaluator", "Measures trained stages on images they have not seen.",
                 &self.config);
    const rg_wire_options_t wire = rg_wire_options(&self.config);
    const rg_service_spec_t spec = {.name = "evaluator",
                                    .endpoint = self.config.endpoints.evaluator,
                                    .http_port = self.config.http.evaluator,
                                    .routes = routes,
                                    .n_routes = sizeof routes / sizeof *routes,
                                    .status = on_evaluator_status,
                                    .self = &self};
    remove_leftovers(&self.config);
    int err = rg_extractor_check(&self.config);
    if (!err) err = rg_worker_new(&self.worker);
    if (!err) err = rg_service_new(&self.service, &wire, &spec);
    if (!err) {
        rg_service_add_fd(self.service, rg_worker_fd(self.worker), on_worker_done, &self);
        if (self.config.evaluation.follow) err = start_following(&self);
    }
    if (!err) err = rg_service_run(self.service);
    int code = err ? rg_main_fail(err) : EXIT_SUCCESS;
    if (self.service && rg_worker_running(self.worker))
        rg_service_stopping(self.service, "finishes its batch");
    rg_worker_destroy(&self.worker); // ends a running evaluation at its next batch
    rg_service_destroy(&self.service);
    rg_follow_close(&self.follow);
    free(self.report);
    return code;
}
