// rg-encoder: the trained networks as a service (proto/encode.proto), and the way of images into the retrieval
// set (proto/ingest.proto). At the start it loads the newest checkpoint of the run directory.
//
// The loop only moves messages. What computes is a job on a thread of its own (wire/jobs.h):
//
//     request ─► rg_jobs_add ─► run_* (networks) ─► done_* ───────────────────────► reply   embed, translate
//                                                     └─► retrieval service ────────► reply   store, find
//
// A job of store or find makes a request to the retrieval service. The loop sends it and goes on with other
// work; the reply is passed on as it comes, its payloads are not copied. A job of translate asks for
// neighbours while it computes, so it waits for the retrieval service on its own thread and its own link.
#include <stdlib.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/log.h"
#include "common/nn/backend.h"
#include "common/wire/service_main.h"
#include "services/encoder/encoder.h"

// ---- the end of a job

void rg_encoder_exit_if_lost(const rg_inference_t *networks, int err)
{
    if (rg_inference_is_lost(networks)) exit(rg_main_fail(err));
}

void rg_encoder_refuse(rg_encoder_t *self, rg_job_t *job, int err)
{
    rg_encoder_exit_if_lost(self->networks, err);
    rg_service_refuse(self->service, &job->peer, err);
    rg_jobs_end(&job);
}

void rg_encoder_reply(rg_encoder_t *self, rg_job_t *job)
{
    rg_service_reply(self->service, &job->peer, &job->result);
    rg_jobs_end(&job);
}

static uint32_t rows_of(const rg_msg_t *msg, const char *name, Rg__V1__Dtype dtype, int rank)
{
    rg_payload_t payload;
    return rg_msg_payload(msg, name, dtype, rank, NULL, &payload) ? 0 : payload.shape[0];
}

void rg_encoder_count(rg_encoder_t *self, const rg_msg_t *made)
{
    self->embedded +=
        rows_of(made, "embeddings", RG__V1__DTYPE__F32, 2) + rows_of(made, "queries", RG__V1__DTYPE__F32, 2);
    self->translated += rows_of(made, "pixels", RG__V1__DTYPE__U8, 4);
}

// ---- store and find: answered by the retrieval service

static int run_store(void *data, const rg_msg_t *request, rg_msg_t **add)
{
    return rg_answer_store(((rg_encoder_t *)data)->networks, request, add);
}

static int run_find(void *data, const rg_msg_t *request, rg_msg_t **search)
{
    return rg_answer_find(((rg_encoder_t *)data)->networks, request, search);
}

static void on_retrieval_reply(void *data, int err, const rg_msg_t *reply)
{
    rg_job_t *job = data;
    rg_encoder_t *self = job->self;
    if (err) {
        rg_encoder_fail(self, job, err);
        return;
    }
    job->result = rg_msg_retain(reply);
    rg_encoder_reply(self, job);
}

static void ask_retrieval(rg_encoder_t *self, rg_job_t *job, int err, int timeout_ms)
{
    if (err) {
        rg_encoder_refuse(self, job, err);
        return;
    }
    rg_encoder_count(self, job->result);
    rg_link_send(self->retrieval, &job->result, timeout_ms, on_retrieval_reply, job);
}

// An add waits as long as the retrieval service needs, which may be restarting.
static void done_store(void *data, rg_job_t *job, int err)
{
    ask_retrieval(data, job, err, -1);
}

// A search has a deadline before that of the client, so that the client reads which service is silent.
static void done_find(void *data, rg_job_t *job, int err)
{
    ask_retrieval(data, job, err, ((rg_encoder_t *)data)->config.limits.timeout_ms * 3 / 4);
}

static const rg_job_kind_t STORE = {run_store, done_store}, FIND = {run_find, done_find};

static int on_store(void *data, const rg_peer_t *peer, const rg_msg_t *request)
{
    return rg_jobs_add(((rg_encoder_t *)data)->jobs, &STORE, peer, request);
}

static int on_find(void *data, const rg_peer_t *peer, const rg_msg_t *request)
{
    return rg_jobs_add(((rg_encoder_t *)data)->jobs, &FIND, peer, request);
}

// ---- embed and translate: answered here

static int run_embed(void *data, const rg_msg_t *request, rg_msg_t **reply)
{
    return rg_answer_embed(((rg_encoder_t *)data)->networks, request, reply);
}

static int run_translate(void *data, const rg_msg_t *request, rg_msg_t **reply)
{
    rg_encoder_t *self = data;
    return rg_answer_translate(self->networks, self->searches, &self->stopping, request, reply);
}

static void done_reply(void *data, rg_job_t *job, int err)
{
    rg_encoder_t *self = data;
    if (err) {
        rg_encoder_fail(self, job, err);
        return;
    }
    rg_encoder_count(self, job->result);
    rg_encoder_reply(self, job);
}

static const rg_job_kind_t EMBED = {run_embed, done_reply}, TRANSLATE = {run_translate, done_reply};

static int on_embed(void *data, const rg_peer_t *peer, const rg_msg_t *request)
{
    return rg_jobs_add(((rg_encoder_t *)data)->jobs, &EMBED, peer, request);
}

static int on_translate(void *data, const rg_peer_t *peer, const rg_msg_t *request)
{
    return rg_jobs_add(((rg_encoder_t *)data)->jobs, &TRANSLATE, peer, request);
}

// ---- life

static void encoder_status(void *data, rg_status_t *status)
{
    const rg_encoder_t *self = data;
    const rg_inference_t *networks = self->networks;
    rg_status_field(status, "stage", "%s", networks ? networks->info.stage : "none");
    rg_status_field(status, "iteration", "%llu",
                    networks ? (unsigned long long)networks->info.iteration : 0ULL);
    rg_status_field(status, "model", "%s", networks && networks->embedding[0] ? networks->embedding : "none");
    rg_status_field(status, "embedded", "%llu", (unsigned long long)self->embedded);
    rg_status_field(status, "translated", "%llu", (unsigned long long)self->translated);
    rg_status_field(status, "missing", "%llu", (unsigned long long)self->missing);
    rg_status_field(status, "jobs", "%d", rg_jobs_count(self->jobs));
}

static int open_links(rg_encoder_t *self)
{
    const rg_wire_options_t wire = rg_wire_options(&self->config);
    const char *endpoint = self->config.endpoints.retrieval;
    int err = rg_link_new(&self->retrieval, &wire, "retrieval", endpoint, NULL);
    if (!err) err = rg_link_new(&self->searches, &wire, "retrieval", endpoint, &self->stopping);
    return err;
}

// Each thread has its own number of threads to compute with.
static void prepare_job(void *self)
{
    rg_cpu_threads(((rg_encoder_t *)self)->config.threads);
}

static int encoder_run(rg_encoder_t *self)
{
    static const rg_route_t routes[] = {
        {RG__V1__ENVELOPE__BODY_LOAD_REQUEST, rg_encoder_load, RG_ROLE_ADMIN, .early = 1},
        {RG__V1__ENVELOPE__BODY_STORE_REQUEST, on_store, RG_ROLE_WRITER},
        {RG__V1__ENVELOPE__BODY_FIND_REQUEST, on_find, RG_ROLE_READER},
        {RG__V1__ENVELOPE__BODY_EMBED_REQUEST, on_embed, RG_ROLE_READER},
        {RG__V1__ENVELOPE__BODY_TRANSLATE_REQUEST, on_translate, RG_ROLE_READER},
    };
    const rg_wire_options_t wire = rg_wire_options(&self->config);
    const rg_service_spec_t spec = {.name = "encoder",
                                    .endpoint = self->config.endpoints.encoder,
                                    .http_port = self->config.http.encoder,
                                    .routes = routes,
                                    .n_routes = sizeof routes / sizeof *routes,
                                    .status = encoder_status,
                                    .self = self};
    const rg_jobs_options_t jobs = {.max = self->config.limits.waiting, .prepare = prepare_job, .self = self};
    int err = rg_jobs_new(&self->jobs, &jobs);
    if (!err) err = rg_service_new(&self->service, &wire, &spec);
    if (!err) err = open_links(self);
    if (err) return err;
    rg_service_add_link(self->service, self->retrieval);
    rg_service_add_fd(self->service, rg_jobs_fd(self->jobs), rg_jobs_step, self->jobs);
    rg_service_set_state(self->service, RG_SERVICE_LOADING, 0);
    err = rg_encoder_load(self, NULL, NULL);
    if (!err) err = rg_encoder_follow(self);
    return err ? err : rg_service_run(self->service);
}

int main(int argc, char **argv)
{
    rg_encoder_t *self = rg_alloc(sizeof *self);
    self->clock = -1;
    rg_main_init(argc, argv, "encoder", "Embeds and translates images with the trained networks.",
                 &self->config);
    int err = encoder_run(self), code = err ? rg_main_fail(err) : EXIT_SUCCESS;
    atomic_store(&self->stopping, 1);
    rg_jobs_destroy(&self->jobs);
    rg_link_destroy(&self->searches);
    rg_link_destroy(&self->retrieval);
    rg_service_destroy(&self->service);
    if (self->clock >= 0) close(self->clock);
    rg_inference_close(&self->networks);
    rg_inference_close(&self->fresh);
    free(self);
    return code;
}
