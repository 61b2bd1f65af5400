// A train request becomes a job on a worker thread; the loop answers status requests meanwhile:
//
//   on_train     writes RUN/job and starts the worker, or joins the job of the same stage that is under way
//   train_stage  on the worker's thread: rg_rank_commands_train; publishes its progress in self->progress
//   on_job_done  answers all clients that wait, deletes RUN/job
//
// RUN/job names the stage. A trainer that was stopped or killed leaves it behind, and the next process
// resumes the job (resume_job).
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/log.h"
#include "common/core/thread.h"
#include "common/wire/wire.h"
#include "services/trainer/trainer.h"

enum { WAITING_MAX = 16 };

typedef struct {
    const rg_config_t *config; // borrowed, as are ranks
    rg_service_t *service;
    rg_worker_t *worker;
    rg_ranks_t *ranks; // NULL: this process trains alone
    rg_train_progress_t progress;
    enum rg_stage stage; // of the running job
    rg_stage_options_t options;
    rg_stage_result_t result;
    rg_peer_t waiting[WAITING_MAX]; // clients that get an answer when the job ends
    int n_waiting;
} trainer_t;

static void job_file(const trainer_t *self, char path[RG_PATH_SIZE])
{
    rg_config_path(self->config, "job", path);
}

static int train_stage(void *context, const atomic_int *stop)
{
    trainer_t *self = context;
    return rg_rank_commands_train(&(rg_stage_job_t){.config = self->config,
                                                    .stage = self->stage,
                                                    .options = self->options,
                                                    .progress = &self->progress,
                                                    .stop = stop,
                                                    .ranks = self->ranks},
                                  &self->result);
}

static int start_training(trainer_t *self, enum rg_stage stage, rg_stage_options_t options)
{
    char path[RG_PATH_SIZE];
    const char *name = rg_stage_name(stage);
    job_file(self, path);
    int err = rg_mkdirs(self->config->run);
    if (!err) err = rg_file_write(path, name, strlen(name));
    self->stage = stage;
    self->options = options;
    return err ? err : rg_worker_start(self->worker, train_stage, self);
}

static void reply_trained(trainer_t *self, const rg_peer_t *peer)
{
    rg_msg_t *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_TRAIN_REPLY);
    Rg__V1__TrainReply *body = rg_msg_body(reply);
    body->checkpoint = rg_msg_text(reply, "%s", self->result.checkpoint);
    body->iteration = self->result.iteration;
    body->report = rg_msg_text(reply, "%s", self->result.report);
    rg_service_reply(self->service, peer, &reply);
}

// The job's thread has returned: answers the waiting clients. The file of a job that was stopped stays, so
// that the next process resumes it.
static void on_job_done(void *context)
{
    trainer_t *self = context;
    char path[RG_PATH_SIZE];
    int err = rg_worker_finish(self->worker);
    if (err)
        rg_log(RG_LOG_ERROR, "train", "stage=%s error=\"%s\"", rg_stage_name(self->stage), rg_error());
    else
        rg_log(RG_LOG_INFO, "trained", "stage=%s iteration=%llu", rg_stage_name(self->stage),
               (unsigned long long)self->result.iteration);
    for (int i = 0; i < self->n_waiting; i++) {
        if (err)
            rg_service_refuse(self->service, &self->waiting[i], err);
        else
            reply_trained(self, &self->waiting[i]);
    }
    self->n_waiting = 0;
    free(self->result.report);
    self->result = (rg_stage_result_t){0};
    job_file(self, path);
    if (err != RG_ESTOPPED) unlink(path);
}

static int on_train(void *context, const rg_peer_t *peer, const rg_msg_t *request)
{
    trainer_t *self = context;
    const Rg__V1__TrainRequest *body = rg_msg_body(request);
    enum rg_stage stage;
    int err = rg_stage_find(body->stage, &stage);
    if (err) return err;
    if (self->n_waiting == WAITING_MAX)
        return rg_fail(RG_EBUSY, "%d clients wait for this job already", WAITING_MAX);
    if (!rg_worker_running(self->worker))
        err = start_training(self, stage, (rg_stage_options_t){body->restart, body->profile});
    else if (stage != self->stage)
        err = rg_fail(RG_EBUSY, "%s is being trained", rg_stage_name(self->stage));
    if (err) return err;
    self->waiting[self->n_waiting++] = *peer;
    return 0;
}

static void trainer_status(void *context, rg_status_t *status)
{
    trainer_t *self = context;
    rg_train_values_t v;
    rg_train_progress_get(&self->progress, &v);
    rg_status_field(status, "state", "%s", v.state);
    if (!*v.stage) return;
    rg_status_field(status, "stage", "%s", v.stage);
    rg_status_field(status, "iteration", "%llu", (unsigned long long)v.iteration);
    rg_status_field(status, "iterations", "%llu", (unsigned long long)v.iterations);
    rg_status_field(status, "images_per_s", "%.1f", v.images_per_s);
    rg_status_field(status, "eta_s", "%.0f", v.eta_s);
    rg_status_field(status, "wait_share", "%.3f", v.wait_share);
    rg_status_field(status, "peak_memory_mib", "%.0f", rg_peak_memory_mib());
    if (v.retrieved > 0) {
        rg_status_field(status, "retrieved", "%llu", (unsigned long long)v.retrieved);
        rg_status_field(status, "retrieved_new", "%llu", (unsigned long long)v.retrieved_new);
        rg_status_field(status, "last_new_generation", "%llu", (unsigned long long)v.last_new_generation);
    }
    for (int i = 0; i < v.losses.n; i++) {
        char key[48];
        snprintf(key, sizeof key, "loss.%s", v.losses.item[i].name);
        rg_status_field(status, key, "%.4f", v.losses.item[i].value);
    }
}

// Resumes the job that a killed or stopped trainer left behind.
static int resume_job(trainer_t *self)
{
    char path[RG_PATH_SIZE], name[32] = "";
    unsigned char *text;
    size_t size;
    enum rg_stage stage;
    job_file(self, path);
    if (!rg_exists(path)) return 0;
    int err = rg_file_read(path, sizeof name - 1, &text, &size);
    if (err) return err;
    memcpy(name, text, size);
    free(text);
    if (rg_stage_find(name, &stage) != 0)
        return rg_fail(RG_EFORMAT, "%s: '%.16s' is not a stage; delete the file", path, name);
    rg_log(RG_LOG_INFO, "resume", "stage=%s", name);
    return start_training(self, stage, (rg_stage_options_t){0});
}

int rg_trainer_serve(const rg_config_t *config, rg_ranks_t *ranks)
{
    static const rg_route_t routes[] = {{RG__V1__ENVELOPE__BODY_TRAIN_REQUEST, on_train, RG_ROLE_ADMIN}};
    trainer_t *self = rg_alloc(sizeof *self);
    *self = (trainer_t){.config = config, .ranks = ranks};
    const rg_wire_options_t wire = rg_wire_options(config);
    const rg_service_spec_t spec = {.name = "trainer",
                                    .endpoint = config->endpoints.trainer,
                                    .http_port = config->http.trainer,
                                    .routes = routes,
                                    .n_routes = sizeof routes / sizeof *routes,
                                    .status = trainer_status,
                                    .self = self};
    rg_train_progress_init(&self->progress);
    int err = rg_worker_new(&self->worker);
    if (!err) err = rg_service_new(&self->service, &wire, &spec);
    if (!err) {
        rg_service_add_fd(self->service, rg_worker_fd(self->worker), on_job_done, self);
        err = resume_job(self);
    }
    if (!err) err = rg_service_run(self->service);
    rg_worker_destroy(&self->worker); // stops a running job, which saves its state
    rg_service_destroy(&self->service);
    rg_train_progress_fini(&self->progress);
    free(self);
    return err;
}
