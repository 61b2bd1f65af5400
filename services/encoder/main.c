// rg-encoder: the frozen networks as a service (proto/encode.proto), and the way of images into the retrieval
// set (proto/ingest.proto). It finds its checkpoint itself when it starts.
//
// The loop only moves messages; what computes is a job (jobs.h). When a model with a retrieval net is loaded
// it is announced to the retrieval service, and no other job begins before that is answered: embeddings of
// two models never mix. What other models embedded is then computed anew, one batch at a time between the
// other jobs.
#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/log.h"
#include "services/encoder/answer.h"
#include "services/encoder/jobs.h"

// Requests in work at a time: the credit of this many senders, the loader counting as four.
enum { SENDERS_MAX = 8, STALE_BATCH = 64 };

typedef struct {
    rg_config_t config;
    rg_service_t *service;
    rg_link_t *retrieval; // the loop's
    rg_link_t *searches;  // the jobs', who may wait
    atomic_int stopping;
    rg_engine_t *engine; // the jobs'
    rg_jobs_t *jobs;
    rg_engine_info_t info; // what is loaded, for the loop
    int refreshing;
    uint64_t embedded, translated, stale;
} self_t;

static uint32_t rows_of(const rg_msg_t *msg, const char *name, Rg__V1__Dtype dtype, int rank)
{
    rg_payload_t payload;
    return rg_msg_payload(msg, name, dtype, rank, NULL, &payload) ? 0 : payload.shape[0];
}

static void end_failed(self_t *self, rg_job_t *job, int err)
{
    rg_service_refuse(self->service, &job->peer, err);
    rg_jobs_end(&job);
}

static void end_answered(self_t *self, rg_job_t *job)
{
    rg_service_reply(self->service, &job->peer, &job->result);
    rg_jobs_end(&job);
}

// ---- refreshing what another model embedded: stale-request, a job, add-request, and again

static void ask_stale(self_t *self);

static void stop_refreshing(self_t *self, int err)
{
    self->refreshing = 0;
    if (err)
        rg_log(RG_LOG_ERROR, "refresh_failed", "left=%llu error=\"%s\"", (unsigned long long)self->stale,
               rg_error());
    else
        rg_log(RG_LOG_INFO, "refreshed", "left=%llu", (unsigned long long)self->stale);
}

static void on_refreshed(void *data, int err, const rg_msg_t *reply)
{
    self_t *self = data;
    if (!err && rg_msg_kind(reply) != RG__V1__ENVELOPE__BODY_INGEST_REPLY)
        err = rg_fail(RG_EFORMAT, "retrieval: unexpected reply to an add");
    unsigned added = 0;
    const Rg__V1__IngestReply *body = err ? NULL : rg_msg_body(reply);
    for (size_t i = 0; body && i < body->n_outcomes; i++)
        added += body->outcomes[i]->fate == RG__V1__FATE__ADDED;
    if (!err && !added) err = rg_fail(RG_EREMOTE, "retrieval: took none of the %zu images", body->n_outcomes);
    if (err)
        stop_refreshing(self, err);
    else
        ask_stale(self);
}

static int run_refresh(void *data, const rg_msg_t *stale, rg_msg_t **add)
{
    return rg_answer_stale(((self_t *)data)->engine, stale, add);
}

static void done_refresh(void *data, rg_job_t *job, int err)
{
    self_t *self = data;
    if (!err && !job->result) err = rg_fail(RG_EFORMAT, "none of the thumbnails can be decoded");
    if (err) {
        stop_refreshing(self, err);
    } else {
        self->embedded += rows_of(job->result, "embeddings", RG__V1__DTYPE__F32, 2);
        rg_link_send(self->retrieval, &job->result, on_refreshed, self);
    }
    rg_jobs_end(&job);
}

static const rg_job_kind_t REFRESH = {run_refresh, done_refresh};

static void on_stale(void *data, int err, const rg_msg_t *reply)
{
    self_t *self = data;
    if (!err && rg_msg_kind(reply) != RG__V1__ENVELOPE__BODY_STALE_REPLY)
        err = rg_fail(RG_EFORMAT, "retrieval: unexpected reply to a stale-request");
    const Rg__V1__StaleReply *body = err ? NULL : rg_msg_body(reply);
    if (body) self->stale = body->left;
    if (err || body->n_items == 0)
        stop_refreshing(self, err);
    else
        rg_jobs_add(self->jobs, &REFRESH, NULL, reply);
}

static void ask_stale(self_t *self)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_STALE_REQUEST);
    ((Rg__V1__StaleRequest *)rg_msg_body(request))->limit = STALE_BATCH;
    self->refreshing = 1;
    rg_link_send(self->retrieval, &request, on_stale, self);
}

// ---- load, and announce

static int run_load(void *data, const rg_msg_t *request, rg_msg_t **reply)
{
    return rg_answer_load(((self_t *)data)->engine, request, reply);
}

static void end_load(self_t *self, rg_job_t *job, int err)
{
    if (err && job->request)
        end_failed(self, job, err);
    else if (job->request)
        end_answered(self, job);
    else {
        if (err) rg_log(RG_LOG_WARN, "no_model", "error=\"%s\"", rg_error());
        rg_jobs_end(&job);
    }
}

static void on_announced(void *data, int err, const rg_msg_t *reply)
{
    rg_job_t *job = data;
    self_t *self = job->self;
    if (!err && rg_msg_kind(reply) != RG__V1__ENVELOPE__BODY_MODEL_REPLY)
        err = rg_fail(RG_EFORMAT, "retrieval: unexpected reply to a model-request");
    if (!err) self->stale = ((const Rg__V1__ModelReply *)rg_msg_body(reply))->missing;
    end_load(self, job, err);
    if (!err && self->stale && !self->refreshing) ask_stale(self);
    rg_jobs_release(self->jobs);
}

static void done_load(void *data, rg_job_t *job, int err)
{
    self_t *self = data;
    if (!err) {
        self->info = *rg_engine_info(self->engine);
        rg_log(RG_LOG_INFO, "loaded", "stage=%s iteration=%llu model=%s", self->info.stage,
               (unsigned long long)self->info.iteration, self->info.model);
    }
    if (err || !self->info.model[0]) {
        end_load(self, job, err);
        return;
    }
    rg_msg_t *request = rg_answer_announcement(self->engine);
    rg_jobs_hold(self->jobs);
    rg_link_send(self->retrieval, &request, on_announced, job);
}

static const rg_job_kind_t LOAD = {run_load, done_load};

static int on_load(void *data, const rg_peer_t *peer, const rg_msg_t *request)
{
    return rg_jobs_add(((self_t *)data)->jobs, &LOAD, peer, request);
}

// ---- store

static int run_store(void *data, const rg_msg_t *request, rg_msg_t **add)
{
    return rg_answer_store(((self_t *)data)->engine, request, add);
}

// The retrieval service's reply is the sender's, as it is.
static void on_added(void *data, int err, const rg_msg_t *reply)
{
    rg_job_t *job = data;
    self_t *self = job->self;
    if (err) {
        end_failed(self, job, err);
        return;
    }
    job->result = rg_msg_retain(reply);
    end_answered(self, job);
}

static void done_store(void *data, rg_job_t *job, int err)
{
    self_t *self = data;
    if (err) {
        end_failed(self, job, err);
        return;
    }
    self->embedded += rows_of(job->result, "embeddings", RG__V1__DTYPE__F32, 2);
    rg_link_send(self->retrieval, &job->result, on_added, job);
}

static const rg_job_kind_t STORE = {run_store, done_store};

static int on_store(void *data, const rg_peer_t *peer, const rg_msg_t *request)
{
    return rg_jobs_add(((self_t *)data)->jobs, &STORE, peer, request);
}

// ---- embed and translate

static int run_embed(void *data, const rg_msg_t *request, rg_msg_t **reply)
{
    return rg_answer_embed(((self_t *)data)->engine, request, reply);
}

static int run_translate(void *data, const rg_msg_t *request, rg_msg_t **reply)
{
    self_t *self = data;
    return rg_answer_translate(self->engine, self->searches, &self->stopping, request, reply);
}

static void done_reply(void *data, rg_job_t *job, int err)
{
    self_t *self = data;
    if (err) {
        end_failed(self, job, err);
        return;
    }
    self->embedded += rows_of(job->result, "embeddings", RG__V1__DTYPE__F32, 2);
    self->translated += rows_of(job->result, "pixels", RG__V1__DTYPE__U8, 4);
    end_answered(self, job);
}

static const rg_job_kind_t EMBED = {run_embed, done_reply}, TRANSLATE = {run_translate, done_reply};

static int on_embed(void *data, const rg_peer_t *peer, const rg_msg_t *request)
{
    return rg_jobs_add(((self_t *)data)->jobs, &EMBED, peer, request);
}

static int on_translate(void *data, const rg_peer_t *peer, const rg_msg_t *request)
{
    return rg_jobs_add(((self_t *)data)->jobs, &TRANSLATE, peer, request);
}

// ---- life

static void on_status(void *data, rg_status_t *status)
{
    const self_t *self = data;
    rg_status_field(status, "stage", "%s", self->info.stage[0] ? self->info.stage : "none");
    rg_status_field(status, "iteration", "%llu", (unsigned long long)self->info.iteration);
    rg_status_field(status, "model", "%s", self->info.model[0] ? self->info.model : "none");
    rg_status_field(status, "embedded", "%llu", (unsigned long long)self->embedded);
    rg_status_field(status, "translated", "%llu", (unsigned long long)self->translated);
    rg_status_field(status, "stale", "%llu", (unsigned long long)self->stale);
    rg_status_field(status, "jobs", "%d", rg_jobs_count(self->jobs));
}

static int open_links(self_t *self)
{
    const char *endpoint = self->config.endpoints.retrieval;
    int err = rg_link_new(&self->retrieval, &self->config, "retrieval", endpoint, NULL);
    if (!err) err = rg_link_new(&self->searches, &self->config, "retrieval", endpoint, &self->stopping);
    return err;
}

static int run(self_t *self)
{
    static const rg_route_t routes[] = {
        {RG__V1__ENVELOPE__BODY_LOAD_REQUEST, on_load},
        {RG__V1__ENVELOPE__BODY_STORE_REQUEST, on_store},
        {RG__V1__ENVELOPE__BODY_EMBED_REQUEST, on_embed},
        {RG__V1__ENVELOPE__BODY_TRANSLATE_REQUEST, on_translate},
    };
    const rg_service_spec_t spec = {.name = "encoder",
                                    .endpoint = self->config.endpoints.encoder,
                                    .routes = routes,
                                    .n_routes = sizeof routes / sizeof *routes,
                                    .status = on_status,
                                    .self = self};
    const int max = SENDERS_MAX * self->config.limits.credit;
    rg_engine_new(&self->engine, &self->config);
    int err = rg_jobs_new(&self->jobs, max, self->config.threads, self);
    if (!err) err = rg_service_new(&self->service, &self->config, &spec);
    if (!err) err = open_links(self);
    if (err) return err;
    rg_service_add_link(self->service, self->retrieval);
    rg_service_add_fd(self->service, rg_jobs_fd(self->jobs), rg_jobs_step, self->jobs);
    err = rg_jobs_add(self->jobs, &LOAD, NULL, NULL);
    return err ? err : rg_service_run(self->service);
}

int main(int argc, char **argv)
{
    self_t *self = rg_alloc(sizeof *self);
    rg_main_init(argc, argv, "encoder", "Embeds and translates images with the trained networks.",
                 &self->config);
    int err = run(self), code = err ? rg_main_fail(err) : EXIT_SUCCESS;
    atomic_store(&self->stopping, 1);
    rg_jobs_destroy(&self->jobs);
    rg_link_destroy(&self->searches);
    rg_link_destroy(&self->retrieval);
    rg_service_destroy(&self->service);
    rg_engine_destroy(&self->engine);
    free(self);
    return code;
}
