// A checkpoint with another embedding model is loaded beside the one that serves: the model is announced to
// the retrieval service, the images that are stored there are embedded with it, batch by batch between the
// other jobs, and when the set has switched to it the new networks serve. Embeddings of two models never mix:
// no job begins between the last batch's add and the exchange.
#include "common/core/err.h"
#include "common/core/log.h"
#include "services/encoder/self.h"

enum { REINDEX_BATCH = 64 };

// ---- load: fresh networks, their model's announcement, and reindexing if the set has images of another one

static void ask_missing(rg_encoder_t *self);

void rg_encoder_serve_fresh(rg_encoder_t *self)
{
    if (!self->fresh) return;
    rg_inference_close(&self->networks);
    self->networks = self->fresh;
    self->fresh = NULL;
    rg_log(RG_LOG_INFO, "loaded", "stage=%s iteration=%llu model=%s", self->networks->info.stage,
           (unsigned long long)self->networks->info.iteration, self->networks->embedding);
}

// The end of a load: from now on the fresh networks serve, or what served before stays.
static void end_load(rg_encoder_t *self, int err)
{
    rg_job_t *job = self->loading;
    self->loading = NULL;
    self->loads = 0;
    if (err && !job->request) rg_log(RG_LOG_WARN, "no_model", "error=\"%s\"", rg_error());
    if (!err) {
        rg_encoder_serve_fresh(self);
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

// A pass over the set that embedded nothing will not do better a second time.
static void next_page(rg_encoder_t *self)
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
    rg_encoder_t *self = data;
    if (!err && rg_msg_kind(reply) != RG__V1__ENVELOPE__BODY_INGEST_REPLY)
        err = rg_fail(RG_EFORMAT, "retrieval: unexpected reply to an add");
    const Rg__V1__IngestReply *body = err ? NULL : rg_msg_body(reply);
    for (size_t i = 0; body && i < body->n_outcomes; i++) {
        self->reindexed +=
            body->outcomes[i]->fate != RG__V1__FATE__REFUSED; // another encoder may have been first
        self->reindexed_all += body->outcomes[i]->fate == RG__V1__FATE__ADDED;
    }
    if (err)
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

static void on_announced(void *data, int err, const rg_msg_t *reply)
{
    rg_encoder_t *self = data;
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
    if (!self->networks) rg_encoder_serve_fresh(self); // rather than nothing
    self->from = 0;
    self->reindexed = 1; // the first pass may find nothing but images of later ones
    next_page(self);
}

static int run_load(void *data, const rg_msg_t *request, rg_msg_t **reply)
{
    rg_encoder_t *self = data;
    return rg_answer_load(&self->fresh, &self->config, request, reply);
}

// Nothing else runs until it is known whether the model serves at once.
static void done_load(void *data, rg_job_t *job, int err)
{
    rg_encoder_t *self = data;
    self->loading = job;
    self->reindexed_all = 0;
    rg_jobs_hold(self->jobs);
    if (err || !self->fresh->embedding[0]) {
        end_load(self, err);
        return;
    }
    rg_msg_t *request = rg_answer_announcement(self->fresh);
    rg_link_send(self->retrieval, &request, -1, on_announced, self);
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
