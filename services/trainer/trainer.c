// A train request becomes a job on a worker thread; the loop answers status requests meanwhile:
//
//   on_train     writes RUN/job and starts the worker, or joins the job of the same stage that is under way;
//                or stops the job
//   train_stage  on the worker's thread: rg_rank_commands_train; publishes its progress in self->progress
//   on_job_done  answers all clients that wait, deletes RUN/job
//
// RUN/job names the stage. A trainer that was stopped by a signal, or killed, leaves it behind, and the next
// process resumes the job (resume_job). The file says "stage1 restart" until the job has saved for the first
// time: until then the checkpoint on the disk is that of the training before, which is not resumed.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/log.h"
#include "common/core/thread.h"
#include "common/model/perceptual.h"
#include "common/wire/wire.h"
#include "services/trainer/trainer.h"

enum { WAITING_MAX = 16 };

#define RESTART " restart" // in RUN/job, after the stage

// A client that gets an answer when the job ends.
typedef struct {
    rg_peer_t peer;
    int stops; // 1: it asked to stop the job
} waiting_t;

typedef struct {
    const rg_config_t *config; // borrowed, as are ranks
    rg_service_t *service;
    rg_worker_t *worker;
    rg_ranks_t *ranks; // NULL: this process trains alone
    rg_train_progress_t progress;
    enum rg_stage stage; // of the running job
    rg_stage_options_t options;
    rg_stage_result_t result;
    waiting_t waiting[WAITING_MAX];
    int n_waiting;
    int stopped; // 1: a client asked to stop the job
    int unsaved; // 1: RUN/job says restart; read and written by the job's thread only
} trainer_t;

static void job_file(const trainer_t *self, char path[RG_PATH_SIZE])
{
    rg_config_path(self->config, "job", path);
}

static int write_job(const trainer_t *self)
{
    char path[RG_PATH_SIZE], text[32];
    job_file(self, path);
    int n = snprintf(text, sizeof text, "%s%s", rg_stage_name(self->stage), self->unsaved ? RESTART : "");
    return rg_file_write(path, text, (size_t)n);
}

// On the job's thread. If the file cannot be written, a trainer that is killed begins anew and trains the
// same weights again.
static void on_saved(void *context)
{
    trainer_t *self = context;
    if (!self->unsaved) return;
    self->unsaved = 0;
    if (write_job(self) != 0) rg_log(RG_LOG_WARN, "job", "error=\"%s\"", rg_error());
}

static int train_stage(void *context, const atomic_int *stop)
{
    trainer_t *self = context;
    return rg_rank_commands_train(&(rg_stage_job_t){.config = self->config,
                                                    .stage = self->stage,
                                                    .options = self->options,
                                                    .progress = &self->progress,
                                                    .stop = stop,
                                                    .ranks = self->ranks,
                                                    .on_saved = on_saved,
                                                    .self = self},
                                  &self->result);
}

static int start_training(trainer_t *self, enum rg_stage stage, rg_stage_options_t options)
{
    self->stage = stage;
    self->options = options;
    self->stopped = 0;
    self->unsaved = options.restart;
    int err = rg_mkdirs(self->config->run);
    if (!err) err = write_job(self);
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

// To a client that asked to stop the job: how far it came.
static void reply_stopped(trainer_t *self, const rg_peer_t *peer)
{
    rg_train_values_t v;
    char path[RG_PATH_SIZE];
    rg_msg_t *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_TRAIN_REPLY);
    Rg__V1__TrainReply *body = rg_msg_body(reply);
    rg_train_progress_get(&self->progress, &v);
    rg_stage_checkpoint(self->stage, self->config, path);
    body->checkpoint = rg_msg_text(reply, "%s", path);
    body->iteration = v.iteration;
    body->report = rg_msg_text(reply, "{\"stage\":\"%s\"}", rg_stage_name(self->stage));
    rg_service_reply(self->service, peer, &reply);
}

static void answer_waiting(trainer_t *self, const waiting_t *client, int err)
{
    if (err == RG_ESTOPPED && client->stops)
        reply_stopped(self, &client->peer);
    else if (err)
        rg_service_refuse(self->service, &client->peer, err);
    else
        reply_trained(self, &client->peer);
}

// The job's thread has returned: answers the waiting clients. The file of a job that a signal stopped stays,
// so that the next process resumes it.
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
    for (int i = 0; i < self->n_waiting; i++) answer_waiting(self, &self->waiting[i], err);
    self->n_waiting = 0;
    free(self->result.report);
    self->result = (rg_stage_result_t){0};
    job_file(self, path);
    if (err != RG_ESTOPPED || self->stopped) unlink(path);
}

static int wait_for_job(trainer_t *self, const rg_peer_t *peer, int stops)
{
    if (self->n_waiting == WAITING_MAX)
        return rg_fail(RG_EBUSY, "%d clients wait for this job already", WAITING_MAX);
    self->waiting[self->n_waiting++] = (waiting_t){*peer, stops};
    return 0;
}

static int stop_training(trainer_t *self, const rg_peer_t *peer)
{
    if (!rg_worker_running(self->worker)) return rg_fail(RG_ENOENT, "no stage is being trained");
    int err = wait_for_job(self, peer, 1);
    if (err) return err;
    self->stopped = 1;
    rg_worker_stop(self->worker);
    return 0;
}

// A job that is under way is joined as it is.
static int check_joining(const trainer_t *self, enum rg_stage stage, const Rg__V1__TrainRequest *body)
{
    const char *name = rg_stage_name(self->stage);
    if (stage != self->stage) return rg_fail(RG_EINVAL, "%s is being trained", name);
    if (body->restart || body->profile || body->accept_data)
        return rg_fail(RG_EINVAL,
                       "%s is being trained, and --%s counts from the beginning: `rg-ctl train --stop' first",
                       name,
                       body->restart   ? "restart"
                       : body->profile ? "profile"
                                       : "accept-data");
    return 0;
}

static int on_train(void *context, const rg_peer_t *peer, const rg_msg_t *request)
{
    trainer_t *self = context;
    const Rg__V1__TrainRequest *body = rg_msg_body(request);
    enum rg_stage stage;
    if (body->stop) return stop_training(self, peer);
    int err = rg_stage_find(body->stage, &stage), running = rg_worker_running(self->worker);
    if (!err && running) err = check_joining(self, stage, body);
    if (!err) err = wait_for_job(self, peer, 0);
    if (err || running) return err;
    err = start_training(self, stage, (rg_stage_options_t){body->restart, body->profile, body->accept_data});
    if (err) self->n_waiting--;
    return err;
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
    if (v.retrieved + v.missing_neighbours > 0) {
        rg_status_field(status, "retrieved", "%llu", (unsigned long long)v.retrieved);
        rg_status_field(status, "retrieved_new", "%llu", (unsigned long long)v.retrieved_new);
        rg_status_field(status, "missing_neighbours", "%llu", (unsigned long long)v.missing_neighbours);
        rg_status_field(status, "last_new_generation", "%llu", (unsigned long long)v.last_new_generation);
    }
    for (int i = 0; i < v.losses.n; i++) {
        char key[48];
        snprintf(key, sizeof key, "loss.%s", v.losses.item[i].name);
        rg_status_field(status, key, "%.4f", v.losses.item[i].value);
    }
}

// Reads RUN/job: a stage, and whether it begins anew.
static int read_job(const char *path, enum rg_stage *stage, int *restart)
{
    char text[32] = "";
    unsigned char *bytes;
    size_t size;
    int err = rg_file_read(path, sizeof text - 1, &bytes, &size);
    if (err) return err;
    memcpy(text, bytes, size);
    free(bytes);
    char *suffix = strstr(text, RESTART);
    *restart = suffix != NULL;
    if (suffix) *suffix = 0;
    if (rg_stage_find(text, stage) != 0)
        return rg_fail(RG_EFORMAT, "%s: '%.16s' is not a stage; delete the file", path, text);
    return 0;
}

// Resumes the job that a killed or stopped trainer left behind.
static int resume_job(trainer_t *self)
{
    char path[RG_PATH_SIZE];
    enum rg_stage stage;
    int restart;
    job_file(self, path);
    if (!rg_exists(path)) return 0;
    int err = read_job(path, &stage, &restart);
    if (err) return err;
    rg_log(RG_LOG_INFO, "resume", "stage=%s restart=%d", rg_stage_name(stage), restart);
    return start_training(self, stage, (rg_stage_options_t){.restart = restart});
}

// Reads the networks of the perceptual losses as their stages will, which may begin hours later.
static int check_networks(const rg_config_t *config)
{
    const rg_loss_weights_t *losses[] = {&config->stage1_loss, &config->stage3_loss};
    int err = 0;
    for (int i = 0; i < 2 && !err; i++) {
        rg_perceptual_t net;
        if (!(losses[i]->perceptual > 0)) continue;
        err = rg_perceptual_init(&net, losses[i]->vgg16, config->data.img_size);
        if (!err) rg_perceptual_fini(&net);
    }
    return err;
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
    rg_remove_leftovers(config->run);
    int err = check_networks(config);
    if (!err) err = rg_worker_new(&self->worker);
    if (!err) err = rg_service_new(&self->service, &wire, &spec);
    if (!err) {
        rg_service_add_fd(self->service, rg_worker_fd(self->worker), on_job_done, self);
        err = resume_job(self);
    }
    if (!err) err = rg_service_run(self->service);
    if (self->service && rg_worker_running(self->worker))
        rg_service_stopping(self->service, "finishes its step and saves");
    rg_worker_destroy(&self->worker); // stops a running job, which saves its state
    rg_service_destroy(&self->service);
    rg_train_progress_fini(&self->progress);
    free(self);
    return err;
}
