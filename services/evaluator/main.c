// rg-evaluator: measures a stage's checkpoint when asked to (proto/control.proto), and where
// evaluation.follow says so each new checkpoint of its own accord, on a few images. One evaluation at a time,
// on a worker thread. Whoever asks for the stage that is running gets its answer too; a quick evaluation that
// nobody asked for makes way and is done again afterwards.
#include <stdlib.h>

#include "common/core/err.h"
#include "common/core/log.h"
#include "common/core/thread.h"
#include "common/wire/service_main.h"
#include "services/evaluator/evaluate.h"
#include "services/evaluator/follow.h"

enum { WAITING_MAX = 64 };

typedef struct {
    rg_config_t config;
    rg_service_t *service;
    rg_worker_t *worker;
    rg_evaluation_progress_t progress;
    rg_follow_t follow;
    enum rg_stage stage; // of the running or last evaluation
    int quick;           // it is one that nobody asked for
    char *report;        // the worker's
    enum rg_stage asked; // that peers wait for, running or to be run next
    rg_peer_t waiting[WAITING_MAX];
    int n_waiting;
} self_t;

static int job(void *context, const atomic_int *stop)
{
    self_t *self = context;
    return rg_evaluate(&self->config, self->stage, &self->progress, stop, &self->report);
}

static int quick_job(void *context, const atomic_int *stop)
{
    self_t *self = context;
    return rg_evaluate_quickly(&self->config, self->stage, &self->progress, stop);
}

static int start(self_t *self, enum rg_stage stage, int quick)
{
    self->stage = stage;
    self->quick = quick;
    atomic_store(&self->progress.done, 0);
    atomic_store(&self->progress.total, 0);
    rg_log(RG_LOG_INFO, quick ? "follow" : "evaluate", "stage=%s", rg_stage_name(stage));
    return rg_worker_start(self->worker, quick ? quick_job : job, self);
}

static int on_evaluate(void *context, const rg_peer_t *peer, const rg_msg_t *request)
{
    self_t *self = context;
    enum rg_stage stage;
    int running = rg_worker_running(self->worker),
        err = rg_stage_find(((const Rg__V1__EvaluateRequest *)rg_msg_body(request))->stage, &stage);
    if (err) return err;
    if (self->n_waiting && stage != self->asked)
        return rg_fail(RG_EBUSY, "the evaluator is at %s; ask for %s when that is done",
                       rg_stage_name(self->asked), rg_stage_name(stage));
    if (self->n_waiting == WAITING_MAX)
        return rg_fail(RG_EBUSY, "%d others wait for %s already", WAITING_MAX, rg_stage_name(stage));
    if (!running) err = start(self, stage, 0);
    if (err) return err;
    if (running && self->quick) rg_worker_stop(self->worker);
    self->asked = stage;
    self->waiting[self->n_waiting++] = *peer;
    return 0;
}

static void answer(self_t *self, const rg_peer_t *peer)
{
    rg_msg_t *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_EVALUATE_REPLY);
    ((Rg__V1__EvaluateReply *)rg_msg_body(reply))->report = rg_msg_text(reply, "%s", self->report);
    rg_service_reply(self->service, peer, &reply);
}

static void answer_all(self_t *self, int err)
{
    for (int i = 0; i < self->n_waiting; i++) {
        if (err)
            rg_service_refuse(self->service, &self->waiting[i], err);
        else
            answer(self, &self->waiting[i]);
    }
    self->n_waiting = 0;
    free(self->report);
    self->report = NULL;
}

// What was asked for goes before what is followed.
static void start_next(self_t *self)
{
    if (rg_worker_running(self->worker)) return;
    if (self->n_waiting) {
        int err = start(self, self->asked, 0);
        if (err) answer_all(self, err);
        return;
    }
    const enum rg_stage stage =
        self->config.evaluation.follow ? rg_follow_next(&self->follow) : RG_STAGE_NONE;
    if (stage != RG_STAGE_NONE && start(self, stage, 1) != 0)
        rg_log(RG_LOG_ERROR, "follow-failed", "stage=%s error=\"%s\"", rg_stage_name(stage), rg_error());
}

static void log_end(const self_t *self, int err)
{
    const char *kind = self->quick ? "quick" : "whole", *stage = rg_stage_name(self->stage);
    if (err == RG_ESTOPPED)
        rg_log(RG_LOG_INFO, "evaluation-stopped", "stage=%s kind=%s", stage, kind);
    else if (err)
        rg_log(RG_LOG_ERROR, "evaluation-failed", "stage=%s kind=%s code=%s error=\"%s\"", stage, kind,
               rg_errname(err), rg_error());
    else
        rg_log(RG_LOG_INFO, "evaluated", "stage=%s kind=%s waiting=%d", stage, kind, self->n_waiting);
}

static void on_done(void *context)
{
    self_t *self = context;
    int err = rg_worker_finish(self->worker);
    log_end(self, err);
    if (!self->quick) answer_all(self, err);
    if (self->quick && err == RG_ESTOPPED) rg_follow_again(&self->follow, self->stage);
    start_next(self);
}

static void on_change(void *context)
{
    self_t *self = context;
    if (rg_worker_running(self->worker))
        rg_follow_drain(&self->follow);
    else
        start_next(self);
}

static const char *state(const self_t *self)
{
    if (!rg_worker_running(self->worker)) return "idle";
    return self->quick ? "following" : "evaluating";
}

static void on_status(void *context, rg_status_t *status)
{
    const self_t *self = context;
    rg_status_field(status, "state", "%s", state(self));
    rg_status_field(status, "stage", "%s", self->stage == RG_STAGE_NONE ? "" : rg_stage_name(self->stage));
    rg_status_field(status, "done", "%llu", atomic_load(&self->progress.done));
    rg_status_field(status, "total", "%llu", atomic_load(&self->progress.total));
}

static int follow(self_t *self)
{
    int err = rg_follow_open(&self->follow, &self->config);
    if (err) return err;
    rg_service_add_fd(self->service, self->follow.fd, on_change, self);
    start_next(self);
    return 0;
}

int main(int argc, char **argv)
{
    static const rg_route_t routes[] = {
        {RG__V1__ENVELOPE__BODY_EVALUATE_REQUEST, on_evaluate, RG_ROLE_ADMIN}};
    static self_t self = {.stage = RG_STAGE_NONE, .follow.fd = -1};
    rg_main_init(argc, argv, "evaluator", "Measures trained stages on images they have not seen.",
                 &self.config);
    const rg_wire_options_t wire = rg_wire_options(&self.config);
    const rg_service_spec_t spec = {.name = "evaluator",
                                    .endpoint = self.config.endpoints.evaluator,
                                    .http_port = self.config.http.evaluator,
                                    .routes = routes,
                                    .n_routes = sizeof routes / sizeof *routes,
                                    .status = on_status,
                                    .self = &self};
    int err = rg_worker_new(&self.worker);
    if (!err) err = rg_service_new(&self.service, &wire, &spec);
    if (!err) {
        rg_service_add_fd(self.service, rg_worker_fd(self.worker), on_done, &self);
        if (self.config.evaluation.follow) err = follow(&self);
    }
    if (!err) err = rg_service_run(self.service);
    int code = err ? rg_main_fail(err) : EXIT_SUCCESS;
    rg_worker_destroy(&self.worker); // ends an evaluation at its next batch
    rg_service_destroy(&self.service);
    rg_follow_close(&self.follow);
    free(self.report);
    return code;
}
