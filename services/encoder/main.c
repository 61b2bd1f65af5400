// rg-encoder: the frozen networks as a service (proto/encode.proto), and the way of images into the retrieval
// set (proto/ingest.proto). It finds its checkpoint itself when it starts.
//
// The loop only moves messages; what computes is a job (jobs.h). A checkpoint with another embedding model is
// loaded beside the one that serves: the model is announced to the retrieval service, the images that are
// stored there are embedded with it, batch by batch between the other jobs, and when the set has switched to
// it the new networks serve. Embeddings of two models never mix: no job begins between the last batch's add
// and the exchange.
#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/log.h"
#include "common/nn/kernels.h"
#include "common/wire/jobs.h"
#include "services/encoder/answer.h"

enum { REINDEX_BATCH = 64 };

typedef struct {
    rg_config_t config;
    rg_service_t *service;
    rg_link_t *retrieval; // the loop's
    rg_link_t *searches;  // the jobs', who may wait
    atomic_int stopping;
    rg_engine_t *engine; // that serves; the jobs'
    rg_engine_t *fresh;  // loaded, to serve next, or NULL; the jobs'
    rg_jobs_t *jobs;
    rg_engine_info_t info; // of what serves, for the loop
    int loads;             // asked for and not over: 0 or 1
    rg_job_t *loading;     // that load, once its checkpoint was read
    uint64_t from;         // label from which on missing images are listed
    unsigned reindexed;    // images in this pass over the set
    uint64_t reindexed_all;
    uint64_t embedded, translated, missing;
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

// ---- load: fresh networks, their model's announcement, and reindexing if the set has images of another one

static void ask_missing(self_t *self);

static void serve_fresh(self_t *self)
{
    if (!self->fresh) return;
    rg_engine_destroy(&self->engine);
    self->engine = self->fresh;
    self->fresh = NULL;
    self->info = *rg_engine_info(self->engine);
    rg_log(RG_LOG_INFO, "loaded", "stage=%s iteration=%llu model=%s", self->info.stage,
           (unsigned long long)self->info.iteration, self->info.model);
}

// The end of a load: from now on the fresh networks serve, or what served before stays.
static void end_load(self_t *self, int err)
{
    rg_job_t *job = self->loading;
    self->loading = NULL;
    self->loads = 0;
    if (err && !job->request) rg_log(RG_LOG_WARN, "no_model", "error=\"%s\"", rg_error());
    if (!err) {
        serve_fresh(self);
        ((Rg__V1__LoadReply *)rg_msg_body(job->result))->reindexed = self->reindexed_all;
    }
    rg_engine_destroy(&self->fresh);
    if (!job->request)
        rg_jobs_end(&job);
    else if (err)
        end_failed(self, job, err);
    else
        end_answered(self, job);
    rg_jobs_release(self->jobs);
}

// A pass over the set that embedded nothing will not do better a second time.
static void next_page(self_t *self)
{
    if (self->from == 0 && self->reindexed == 0) {
        end_load(self,
                 rg_fail(RG_EFORMAT,
                         "%llu images cannot be embedded anew (see bad_thumbnail in the log); remove them",
                         (unsigned long long)self->missing));
        return;
    }
    if (self->from == 0) self->reindexed = 0;
    ask_missing(self);
}

static void on_reindexed(void *data, int err, const rg_msg_t *reply)
{
    self_t *self = data;
    if (!err && rg_msg_kind(reply) != RG__V1__ENVELOPE__BODY_INGEST_REPLY)
        err = rg_fail(RG_EFORMAT, "retrieval: unexpected reply to an add");
    const Rg__V1__IngestReply *body = err ? NULL : rg_msg_body(reply);
    unsigned added = 0;
    for (size_t i = 0; body && i < body->n_outcomes; i++)
        added += body->outcomes[i]->fate == RG__V1__FATE__ADDED;
    self->reindexed += added;
    self->reindexed_all += added;
    if (err)
        end_load(self, err);
    else
        next_page(self);
}

static int run_reindex(void *data, const rg_msg_t *list, rg_msg_t **add)
{
    const self_t *self = data;
    return rg_answer_missing(self->fresh ? self->fresh : self->engine, list, add);
}

static void done_reindex(void *data, rg_job_t *job, int err)
{
    self_t *self = data;
    rg_jobs_hold(self->jobs);
    if (err) {
        end_load(self, err);
    } else if (!job->result) {
        next_page(self);
    } else {
        self->embedded += rows_of(job->result, "embeddings", RG__V1__DTYPE__F32, 2);
        rg_link_send(self->retrieval, &job->result, on_reindexed, self);
    }
    rg_jobs_end(&job);
}

static const rg_job_kind_t REINDEX = {run_reindex, done_reindex};

static void on_missing(void *data, int err, const rg_msg_t *reply)
{
    self_t *self = data;
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

static void ask_missing(self_t *self)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_LIST_REQUEST);
    Rg__V1__ListRequest *body = rg_msg_body(request);
    body->from = self->from;
    body->limit = REINDEX_BATCH;
    body->missing = body->thumbnails = 1;
    rg_link_send(self->retrieval, &request, on_missing, self);
}

static void on_announced(void *data, int err, const rg_msg_t *reply)
{
    self_t *self = data;
    if (!err && rg_msg_kind(reply) != RG__V1__ENVELOPE__BODY_MODEL_REPLY)
        err = rg_fail(RG_EFORMAT, "retrieval: unexpected reply to a model-request");
    if (!err) self->missing = ((const Rg__V1__ModelReply *)rg_msg_body(reply))->missing;
    if (err || self->missing == 0) {
        end_load(self, err);
        return;
    }
    rg_log(RG_LOG_INFO, "reindexing", "model=%s missing=%llu", rg_engine_info(self->fresh)->model,
           (unsigned long long)self->missing);
    if (!self->info.stage[0]) serve_fresh(self); // rather than nothing
    self->from = 0;
    self->reindexed = 1; // the first pass may find nothing but images of later ones
    next_page(self);
}

static int run_load(void *data, const rg_msg_t *request, rg_msg_t **reply)
{
    self_t *self = data;
    rg_engine_new(&self->fresh, &self->config);
    return rg_answer_load(self->fresh, request, reply);
}

// Nothing else runs until it is known whether the model serves at once.
static void done_load(void *data, rg_job_t *job, int err)
{
    self_t *self = data;
    self->loading = job;
    self->reindexed_all = 0;
    rg_jobs_hold(self->jobs);
    if (err || !rg_engine_info(self->fresh)->model[0]) {
        end_load(self, err);
        return;
    }
    rg_msg_t *request = rg_answer_announcement(self->fresh);
    rg_link_send(self->retrieval, &request, on_announced, self);
}

static const rg_job_kind_t LOAD = {run_load, done_load};

static int on_load(void *data, const rg_peer_t *peer, const rg_msg_t *request)
{
    self_t *self = data;
    if (self->loads)
        return rg_fail(RG_EBUSY, "another checkpoint is being loaded: %llu images are still to embed",
                       (unsigned long long)self->missing);
    int err = rg_jobs_add(self->jobs, &LOAD, peer, request);
    self->loads = !err;
    return err;
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
    rg_status_field(status, "missing", "%llu", (unsigned long long)self->missing);
    rg_status_field(status, "jobs", "%d", rg_jobs_count(self->jobs));
}

static int open_links(self_t *self)
{
    const char *endpoint = self->config.endpoints.retrieval;
    int err = rg_link_new(&self->retrieval, &self->config, "retrieval", endpoint, NULL);
    if (!err) err = rg_link_new(&self->searches, &self->config, "retrieval", endpoint, &self->stopping);
    return err;
}

static void prepare_job(void *self)
{
    rg_cpu_threads(((self_t *)self)->config.threads);
}

static int run(self_t *self)
{
    static const rg_route_t routes[] = {
        {RG__V1__ENVELOPE__BODY_LOAD_REQUEST, on_load, RG_ROLE_ADMIN},
        {RG__V1__ENVELOPE__BODY_STORE_REQUEST, on_store, RG_ROLE_WRITER},
        {RG__V1__ENVELOPE__BODY_EMBED_REQUEST, on_embed, RG_ROLE_READER},
        {RG__V1__ENVELOPE__BODY_TRANSLATE_REQUEST, on_translate, RG_ROLE_READER},
    };
    const rg_service_spec_t spec = {.name = "encoder",
                                    .endpoint = self->config.endpoints.encoder,
                                    .routes = routes,
                                    .n_routes = sizeof routes / sizeof *routes,
                                    .status = on_status,
                                    .self = self};
    const rg_jobs_options_t jobs = {.max = self->config.limits.waiting, .prepare = prepare_job, .self = self};
    rg_engine_new(&self->engine, &self->config);
    int err = rg_jobs_new(&self->jobs, &jobs);
    if (!err) err = rg_service_new(&self->service, &self->config, &spec);
    if (!err) err = open_links(self);
    if (err) return err;
    rg_service_add_link(self->service, self->retrieval);
    rg_service_add_fd(self->service, rg_jobs_fd(self->jobs), rg_jobs_step, self->jobs);
    self->loads = 1;
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
    rg_engine_destroy(&self->fresh);
    free(self);
    return code;
}
