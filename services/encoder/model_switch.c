// How the networks that serve are replaced by those of another checkpoint.
//
// Embeddings of two models must never be compared. So the retrieval set has one current model, and a switch to
// another model goes like this:
//
//     1. run_load         a job reads the checkpoint into `fresh`, beside the networks that serve
//     2. on_announced     the retrieval service learns of the new model and says how many images that model has
//                         not embedded yet; none: go to 5
//     3. on_missing       the next page of those images, with their thumbnails
//     4. run_reindex      a job embeds the page with `fresh`; the loop sends the result as an add; go to 3
//     5. serve_fresh      with the last missing image the set switches, and `fresh` serves
//
// Jobs of clients run between the pages with the old networks, which go on serving. Jobs are held, so that no
// client's job begins, from the end of job 1 or 4 until the next page is there or the load ends. So no job is
// made with the old networks between the last add and the exchange.
//
// Encoders beside each other: one is asked to load and announces its model. The others ask the retrieval
// service every second which checkpoint is served, and load the same one (follow). If a store or a find is
// refused because the set has switched already (RG_EMODEL), the encoder parks that job, asks at once, and runs
// the job again with the new networks.
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/core/err.h"
#include "common/core/log.h"
#include "services/encoder/encoder.h"

enum { REINDEX_BATCH = 64, FOLLOW_EVERY_S = 1, RUNS_MAX = 3 };

// ---- the exchange

static void serve_fresh(rg_encoder_t *self)
{
    if (!self->fresh) return;
    rg_inference_close(&self->networks);
    self->networks = self->fresh;
    self->fresh = NULL;
    rg_log(RG_LOG_INFO, "loaded", "stage=%s iteration=%llu model=%s", self->networks->info.stage,
           (unsigned long long)self->networks->info.iteration, self->networks->embedding);
}

// The end of a load: the fresh networks serve, or after an error those that served before.
static void end_load(rg_encoder_t *self, int err)
{
    rg_job_t *job = self->loading;
    if (err) rg_encoder_exit_if_lost(self->fresh ? self->fresh : self->networks, err);
    self->loading = NULL;
    self->loads = 0;
    if (err && !job->request) rg_log(RG_LOG_WARN, "no-model", "error=\"%s\"", rg_error());
    if (!err) {
        serve_fresh(self);
        ((Rg__V1__LoadReply *)rg_msg_body(job->result))->reindexed = self->reindexed_all;
    }
    rg_inference_close(&self->fresh);
    if (!job->request)
        rg_jobs_end(&job);
    else if (err)
        rg_encoder_refuse(self, job, err);
    else
        rg_encoder_reply(self, job);
    rg_jobs_release(self->jobs);
    rg_jobs_resume(self->jobs);
}

// The load of the start is not a client's: nobody would ask for it again, and without it the encoder has no
// networks. So it goes on when the retrieval service ended twice while it was asked.
static int load_goes_on(const rg_encoder_t *self, int err)
{
    int goes_on = err == RG_ECRASH && !self->loading->request;
    if (goes_on) rg_log(RG_LOG_WARN, "asked-again", "error=\"%s\"", rg_error());
    return goes_on;
}

// ---- reindexing, page by page

static void ask_missing(rg_encoder_t *self);

// A pass over the set that embedded no image would embed none in a second pass either.
static void next_page(rg_encoder_t *self)
{
    if (self->from == 0 && self->reindexed == 0) {
        end_load(self, rg_fail(RG_EFORMAT,
                               "%llu images cannot be embedded anew, see bad-thumbnail in the encoder's log; "
                               "remove them with rg-ctl remove",
                               (unsigned long long)self->missing));
        return;
    }
    if (self->from == 0) self->reindexed = 0;
    ask_missing(self);
}

static void on_reindexed(void *data, int err, const rg_msg_t *reply)
{
    rg_encoder_t *self = data;
    if (!err && rg_msg_kind(reply) != RG__V1__ENVELOPE__BODY_INGEST_REPLY)
        err = rg_fail(RG_EFORMAT, "retrieval: unexpected reply to an add");
    const Rg__V1__IngestReply *body = err ? NULL : rg_msg_body(reply);
    for (size_t i = 0; body && i < body->n_outcomes; i++) {
        self->reindexed +=
            body->outcomes[i]->fate != RG__V1__FATE__REFUSED; // another encoder may have been first
        self->reindexed_all += body->outcomes[i]->fate == RG__V1__FATE__ADDED;
    }
    int goes_on = load_goes_on(self, err);
    if (goes_on) self->reindexed++; // the next pass lists these images again
    if (err && !goes_on)
        end_load(self, err);
    else
        next_page(self);
}

static int run_reindex(void *data, const rg_msg_t *list, rg_msg_t **add)
{
    const rg_encoder_t *self = data;
    return rg_answer_missing(self->fresh ? self->fresh : self->networks, list, add);
}

static void done_reindex(void *data, rg_job_t *job, int err)
{
    rg_encoder_t *self = data;
    rg_jobs_hold(self->jobs);
    if (err) {
        end_load(self, err);
    } else if (!job->result) {
        next_page(self);
    } else {
        rg_encoder_count(self, job->result);
        rg_link_send(self->retrieval, &job->result, -1, on_reindexed, self);
    }
    rg_jobs_end(&job);
}

static const rg_job_kind_t REINDEX = {run_reindex, done_reindex};

static void on_missing(void *data, int err, const rg_msg_t *reply)
{
    rg_encoder_t *self = data;
    if (load_goes_on(self, err)) {
        ask_missing(self);
        return;
    }
    if (!err && rg_msg_kind(reply) != RG__V1__ENVELOPE__BODY_LIST_REPLY)
        err = rg_fail(RG_EFORMAT, "retrieval: unexpected reply to a list-request");
    const Rg__V1__ListReply *body = err ? NULL : rg_msg_body(reply);
    if (body) self->missing = body->missing;
    if (err || body->missing == 0) {
        end_load(self, err);
        return;
    }
    self->from = body->next;
    if (body->n_images == 0) {
        next_page(self);
        return;
    }
    rg_jobs_add(self->jobs, &REINDEX, NULL, reply);
    rg_jobs_release(self->jobs);
}

static void ask_missing(rg_encoder_t *self)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_LIST_REQUEST);
    Rg__V1__ListRequest *body = rg_msg_body(request);
    body->from = self->from;
    body->limit = REINDEX_BATCH;
    body->missing = body->thumbnails = 1;
    rg_link_send(self->retrieval, &request, -1, on_missing, self);
}

// ---- load

static void announce(rg_encoder_t *self);

static void on_announced(void *data, int err, const rg_msg_t *reply)
{
    rg_encoder_t *self = data;
    if (load_goes_on(self, err)) {
        announce(self);
        return;
    }
    if (!err && rg_msg_kind(reply) != RG__V1__ENVELOPE__BODY_MODEL_REPLY)
        err = rg_fail(RG_EFORMAT, "retrieval: unexpected reply to a model-request");
    const Rg__V1__ModelReply *body = err ? NULL : rg_msg_body(reply);
    if (body) self->missing = body->missing;
    if (body) self->serial = body->serial;
    if (err || self->missing == 0) {
        end_load(self, err);
        return;
    }
    rg_log(RG_LOG_INFO, "reindexing", "model=%s missing=%llu", self->fresh->embedding,
           (unsigned long long)self->missing);
    if (!self->networks) serve_fresh(self); // there is nothing else to serve meanwhile
    self->from = 0;
    self->reindexed = 1; // the first pass may list only images of later pages
    next_page(self);
}

static void announce(rg_encoder_t *self)
{
    rg_msg_t *request = rg_answer_announcement(self->fresh);
    rg_link_send(self->retrieval, &request, -1, on_announced, self);
}

static int run_load(void *data, const rg_msg_t *request, rg_msg_t **reply)
{
    rg_encoder_t *self = data;
    return rg_answer_load(&self->fresh, &self->config, request, reply);
}

// A checkpoint that was read makes the encoder ready. Without any checkpoint it is ready, too: training makes
// the first one. The first load, which nobody asked for, decides whether the encoder has failed.
static void follow_load(rg_encoder_t *self, const rg_job_t *job, int err)
{
    if (!err || (!job->request && err == RG_ENOENT))
        rg_service_set_state(self->service, RG_SERVICE_READY, 0);
    else if (!job->request)
        rg_service_set_state(self->service, RG_SERVICE_FAILED, err);
}

// Jobs are held until it is known whether the new model serves at once.
static void done_load(void *data, rg_job_t *job, int err)
{
    rg_encoder_t *self = data;
    follow_load(self, job, err);
    self->loading = job;
    self->reindexed_all = 0;
    rg_jobs_hold(self->jobs);
    if (err || !self->fresh->embedding[0]) {
        end_load(self, err);
        return;
    }
    announce(self);
}

static const rg_job_kind_t LOAD = {run_load, done_load};

int rg_encoder_load(void *data, const rg_peer_t *peer, const rg_msg_t *request)
{
    rg_encoder_t *self = data;
    if (self->loads)
        return rg_fail(RG_EBUSY, "another checkpoint is being loaded: %llu images are still to embed",
                       (unsigned long long)self->missing);
    int err = rg_jobs_add(self->jobs, &LOAD, peer, request);
    self->loads = !err;
    return err;
}

// ---- follow

static void resume_parked(rg_encoder_t *self)
{
    self->outdated = 0;
    rg_jobs_resume(self->jobs);
}

static int run_follow(void *data, const rg_msg_t *served, rg_msg_t **reply)
{
    rg_encoder_t *self = data;
    (void)reply;
    return rg_answer_load_served(&self->fresh, &self->config, served);
}

// An announcement that cannot be followed is not tried again; the next announcement is.
static void done_follow(void *data, rg_job_t *job, int err)
{
    rg_encoder_t *self = data;
    self->serial = ((const Rg__V1__ServedReply *)rg_msg_body(job->request))->serial;
    self->loads = 0;
    if (!err) rg_service_set_state(self->service, RG_SERVICE_READY, 0);
    if (err)
        rg_log(RG_LOG_WARN, "cannot-follow", "error=\"%s\"", rg_error());
    else
        serve_fresh(self);
    rg_jobs_end(&job);
    resume_parked(self);
}

static const rg_job_kind_t FOLLOW = {run_follow, done_follow};

// Serial 0: no encoder has announced a model since the retrieval service started. A set that refuses this
// encoder's model still has another one; the newest checkpoint may have made it.
static int is_news(const rg_encoder_t *self, const Rg__V1__ServedReply *served)
{
    if (!*served->model || self->loads) return 0;
    if (served->serial) return served->serial != self->serial;
    return self->outdated && strcmp(served->model, self->networks ? self->networks->embedding : "") != 0;
}

static void on_served(void *data, int err, const rg_msg_t *reply)
{
    rg_encoder_t *self = data;
    self->asking_served = 0;
    if (err || rg_msg_kind(reply) != RG__V1__ENVELOPE__BODY_SERVED_REPLY ||
        !is_news(self, rg_msg_body(reply))) {
        resume_parked(self);
        return;
    }
    self->loads = 1;
    rg_jobs_add(self->jobs, &FOLLOW, NULL, reply);
}

static void ask_served(rg_encoder_t *self)
{
    if (self->asking_served || self->loads) return;
    self->asking_served = 1;
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_SERVED_REQUEST);
    rg_link_send(self->retrieval, &request, -1, on_served, self);
}

void rg_encoder_fail(rg_encoder_t *self, rg_job_t *job, int err)
{
    if (err != RG_EMODEL || job->runs >= RUNS_MAX) {
        rg_encoder_refuse(self, job, err);
        return;
    }
    rg_jobs_park(job);
    self->outdated = 1;
    ask_served(self);
}

static void on_clock(void *data)
{
    rg_encoder_t *self = data;
    uint64_t times;
    if (read(self->clock, &times, sizeof times) == sizeof times) ask_served(self);
}

int rg_encoder_follow(rg_encoder_t *self)
{
    const struct itimerspec every = {{.tv_sec = FOLLOW_EVERY_S}, {.tv_sec = FOLLOW_EVERY_S}};
    self->clock = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (self->clock < 0 || timerfd_settime(self->clock, 0, &every, NULL) != 0)
        return rg_fail_errno(RG_ELIMIT, "cannot make a timer");
    rg_service_add_fd(self->service, self->clock, on_clock, self);
    return 0;
}
