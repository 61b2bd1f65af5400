// rg-evaluator: measures a stage's checkpoint when asked to (proto/control.proto). One evaluation at a time,
// on a worker thread; whoever asks for the stage that is running gets its answer too.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/err.h"
#include "common/core/log.h"
#include "common/core/worker.h"
#include "common/wire/wire.h"
#include "services/evaluator/evaluate.h"

enum { WAITING_MAX = 64 };

typedef struct {
    rg_config_t config;
    rg_service_t *service;
    rg_worker_t *worker;
    rg_evaluation_progress_t progress;
    char stage[16]; // of the running or last evaluation
    char *report;   // the worker's
    rg_peer_t waiting[WAITING_MAX];
    int n_waiting;
} self_t;

static int job(void *context, const atomic_int *stop)
{
    self_t *self = context;
    return rg_evaluate(&self->config, self->stage, &self->progress, stop, &self->report);
}

static int start(self_t *self, const char *stage)
{
    snprintf(self->stage, sizeof self->stage, "%s", stage);
    atomic_store(&self->progress.done, 0);
    atomic_store(&self->progress.total, 0);
    rg_log(RG_LOG_INFO, "evaluate", "stage=%s", stage);
    return rg_worker_start(self->worker, job, self);
}

static int on_evaluate(void *context, const rg_peer_t *peer, const rg_msg_t *request)
{
    self_t *self = context;
    const char *stage = ((const Rg__V1__EvaluateRequest *)rg_msg_body(request))->stage;
    int running = rg_worker_running(self->worker), err = rg_evaluate_check(stage);
    if (err) return err;
    if (running && strcmp(stage, self->stage) != 0)
        return rg_fail(RG_EBUSY, "the evaluator is at %s; ask for %s when that is done", self->stage, stage);
    if (self->n_waiting == WAITING_MAX)
        return rg_fail(RG_EBUSY, "%d others wait for %s already", WAITING_MAX, stage);
    if (!running) err = start(self, stage);
    if (!err) self->waiting[self->n_waiting++] = *peer;
    return err;
}

static void answer(self_t *self, const rg_peer_t *peer)
{
    rg_msg_t *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_EVALUATE_REPLY);
    ((Rg__V1__EvaluateReply *)rg_msg_body(reply))->report = rg_msg_text(reply, "%s", self->report);
    rg_service_reply(self->service, peer, &reply);
}

static void on_done(void *context)
{
    self_t *self = context;
    int err = rg_worker_finish(self->worker);
    if (err)
        rg_log(RG_LOG_ERROR, "evaluation-failed", "stage=%s code=%s error=\"%s\"", self->stage,
               rg_errname(err), rg_error());
    else
        rg_log(RG_LOG_INFO, "evaluated", "stage=%s waiting=%d", self->stage, self->n_waiting);
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

static void on_status(void *context, rg_status_t *status)
{
    const self_t *self = context;
    rg_status_field(status, "state", "%s", rg_worker_running(self->worker) ? "evaluating" : "idle");
    rg_status_field(status, "stage", "%s", self->stage);
    rg_status_field(status, "done", "%llu", atomic_load(&self->progress.done));
    rg_status_field(status, "total", "%llu", atomic_load(&self->progress.total));
}

int main(int argc, char **argv)
{
    static const rg_route_t routes[] = {
        {RG__V1__ENVELOPE__BODY_EVALUATE_REQUEST, on_evaluate, RG_ROLE_ADMIN}};
    static self_t self;
    rg_main_init(argc, argv, "evaluator", "Measures trained stages on the test images.", &self.config);
    const rg_service_spec_t spec = {.name = "evaluator",
                                    .endpoint = self.config.endpoints.evaluator,
                                    .routes = routes,
                                    .n_routes = sizeof routes / sizeof *routes,
                                    .status = on_status,
                                    .self = &self};
    int err = rg_worker_new(&self.worker);
    if (!err) err = rg_service_new(&self.service, &self.config, &spec);
    if (!err) {
        rg_service_add_fd(self.service, rg_worker_fd(self.worker), on_done, &self);
        err = rg_service_run(self.service);
    }
    int code = err ? rg_main_fail(err) : EXIT_SUCCESS;
    rg_worker_destroy(&self.worker); // ends an evaluation at its next batch
    rg_service_destroy(&self.service);
    free(self.report);
    return code;
}
