// rg-retrieval: the retrieval set as a service (proto/search.proto).
//
// Three threads. The loop searches and lists; a writer changes the set, one request after the other; a
// builder builds, saves and verifies the index beside them. A search waits for neither: what it sees is
// exchanged under it (set.h). What was built is shown by the writer, so that nothing that happened since is
// lost.
#include <stdlib.h>

#include "common/core/err.h"
#include "common/core/log.h"
#include "common/nn/linalg.h"
#include "common/wire/jobs.h"
#include "common/wire/service_main.h"
#include "services/retrieval/announced.h"
#include "services/retrieval/answer.h"

typedef struct {
    rg_config_t config;
    rg_answerer_t answerer;
    rg_service_t *service;
    rg_jobs_t *writer, *builder;
    rg_announced_t announced;
    atomic_int stopping;
    rg_build_t *built;  // waiting for the writer
    rg_job_t *asked_by; // the builder's job that it came from; it is answered when the build is shown
} self_t;

// ---- replies

static void end(self_t *self, rg_job_t *job, int err)
{
    if (job->request && err)
        rg_service_refuse(self->service, &job->peer, err);
    else if (job->request)
        rg_service_reply(self->service, &job->peer, &job->result);
    rg_jobs_end(&job);
}

static void log_failure(const char *event, const rg_job_t *job, int err)
{
    if (err && err != RG_ESTOPPED && !job->request) rg_log(RG_LOG_WARN, event, "error=\"%s\"", rg_error());
}

// ---- builder: snapshot and verify

static int run_save(void *data, const rg_msg_t *request, rg_msg_t **reply)
{
    self_t *self = data;
    int err = rg_set_save(self->answerer.set);
    return err || !request ? err : rg_answer_index(&self->answerer, reply);
}

static void done_save(void *data, rg_job_t *job, int err)
{
    log_failure("snapshot_failed", job, err);
    if (!err) rg_log(RG_LOG_INFO, "snapshot", "asked=%d", job->request != NULL);
    end(data, job, err);
}

static int run_verify(void *data, const rg_msg_t *request, rg_msg_t **reply)
{
    self_t *self = data;
    (void)request;
    return rg_answer_verify(&self->answerer, &self->stopping, reply);
}

static void done_verify(void *data, rg_job_t *job, int err)
{
    end(data, job, err);
}

static const rg_job_kind_t SAVE = {run_save, done_save}, VERIFY = {run_verify, done_verify};

// ---- builder, then writer: build and show

static Rg__V1__IndexAction action_of(const rg_msg_t *request)
{
    return request ? ((const Rg__V1__IndexRequest *)rg_msg_body(request))->action
                   : RG__V1__INDEX_ACTION__ACTION_UNSPECIFIED;
}

static int run_take(void *data, const rg_msg_t *request, rg_msg_t **reply)
{
    self_t *self = data;
    (void)request, (void)reply;
    rg_set_take(self->answerer.set, &self->built);
    int is_compact = action_of(self->asked_by->request) == RG__V1__INDEX_ACTION__COMPACT;
    return is_compact ? rg_store_copy(rg_set_store(self->answerer.set)) : 0;
}

static void tell_built(const rg_msg_t *reply)
{
    const Rg__V1__IndexReply *body = rg_msg_body(reply);
    rg_log(RG_LOG_INFO, "built", "%s=%s %s=%s", body->report[0]->key, body->report[0]->value,
           body->report[1]->key, body->report[1]->value);
}

// The loop has no look at the store here, the writer writes nothing and the builder is held: its file can be
// exchanged. Without a store there is nothing to serve; the next start finds whichever file is there.
static void adopt_copy(self_t *self)
{
    int err = rg_store_adopt(rg_set_store(self->answerer.set));
    if (err) exit(rg_main_fail(err));
}

static void done_take(void *data, rg_job_t *job, int err)
{
    self_t *self = data;
    rg_job_t *asked_by = self->asked_by;
    self->asked_by = NULL;
    if (!err && action_of(asked_by->request) == RG__V1__INDEX_ACTION__COMPACT) adopt_copy(self);
    if (!err) err = rg_answer_index(&self->answerer, &asked_by->result);
    log_failure("build_failed", asked_by, err);
    if (!err) tell_built(asked_by->result);
    end(self, asked_by, err);
    rg_jobs_end(&job);
    rg_jobs_add(self->builder, &SAVE, NULL, NULL);
    rg_jobs_release(self->builder);
}

static const rg_job_kind_t TAKE = {run_take, done_take};

static int run_build(void *data, const rg_msg_t *request, rg_msg_t **reply)
{
    self_t *self = data;
    (void)reply;
    return rg_set_build(self->answerer.set, action_of(request) == RG__V1__INDEX_ACTION__REBUILD,
                        &self->stopping, &self->built);
}

static void done_build(void *data, rg_job_t *job, int err)
{
    self_t *self = data;
    if (err) {
        log_failure("build_failed", job, err);
        end(self, job, err);
        return;
    }
    self->asked_by = job;
    rg_jobs_hold(self->builder);
    rg_jobs_add(self->writer, &TAKE, NULL, NULL);
}

static const rg_job_kind_t BUILD = {run_build, done_build};

static void build_if_due(self_t *self)
{
    if (rg_jobs_count(self->builder) == 0 && rg_set_is_due(self->answerer.set))
        rg_jobs_add(self->builder, &BUILD, NULL, NULL);
}

// ---- writer

static int run_model(void *data, const rg_msg_t *request, rg_msg_t **reply)
{
    return rg_answer_model(&((self_t *)data)->answerer, request, reply);
}

static int run_add(void *data, const rg_msg_t *request, rg_msg_t **reply)
{
    return rg_answer_add(&((self_t *)data)->answerer, request, reply);
}

static int run_remove(void *data, const rg_msg_t *request, rg_msg_t **reply)
{
    return rg_answer_remove(&((self_t *)data)->answerer, request, reply);
}

static int run_restore(void *data, const rg_msg_t *request, rg_msg_t **reply)
{
    self_t *self = data;
    (void)request;
    int err = rg_set_restore(self->answerer.set);
    return err ? err : rg_answer_index(&self->answerer, reply);
}

static void done_change(void *data, rg_job_t *job, int err)
{
    self_t *self = data;
    end(self, job, err);
    build_if_due(self);
}

static void done_model(void *data, rg_job_t *job, int err)
{
    self_t *self = data;
    const Rg__V1__ModelRequest *asked = rg_msg_body(job->request);
    Rg__V1__ModelReply *reply = err ? NULL : rg_msg_body(job->result);
    if (reply) {
        reply->serial = rg_announced_add(&self->announced, asked);
        rg_log(RG_LOG_INFO, "model", "model=%s generation=%llu images=%llu missing=%llu", asked->model,
               (unsigned long long)reply->generation, (unsigned long long)reply->images,
               (unsigned long long)reply->missing);
    }
    done_change(data, job, err);
}

static const rg_job_kind_t MODEL = {run_model, done_model}, ADD = {run_add, done_change},
                           REMOVE = {run_remove, done_change}, RESTORE = {run_restore, done_change};

// ---- requests

static int on_model(void *self, const rg_peer_t *peer, const rg_msg_t *request)
{
    return rg_jobs_add(((self_t *)self)->writer, &MODEL, peer, request);
}

static int on_add(void *self, const rg_peer_t *peer, const rg_msg_t *request)
{
    return rg_jobs_add(((self_t *)self)->writer, &ADD, peer, request);
}

static int on_remove(void *self, const rg_peer_t *peer, const rg_msg_t *request)
{
    return rg_jobs_add(((self_t *)self)->writer, &REMOVE, peer, request);
}

static int on_index(void *data, const rg_peer_t *peer, const rg_msg_t *request)
{
    self_t *self = data;
    switch (action_of(request)) {
    case RG__V1__INDEX_ACTION__SNAPSHOT:
        return rg_jobs_add(self->builder, &SAVE, peer, request);
    case RG__V1__INDEX_ACTION__VERIFY:
        return rg_jobs_add(self->builder, &VERIFY, peer, request);
    case RG__V1__INDEX_ACTION__REBUILD:
    case RG__V1__INDEX_ACTION__COMPACT:
        return rg_jobs_add(self->builder, &BUILD, peer, request);
    case RG__V1__INDEX_ACTION__RESTORE:
        return rg_jobs_add(self->writer, &RESTORE, peer, request);
    default:
        return rg_fail(RG_EINVAL, "index action %d is unknown", (int)action_of(request));
    }
}

static int answer_now(self_t *self, const rg_peer_t *peer, const rg_msg_t *request,
                      int (*answer)(rg_answerer_t *, const rg_msg_t *, rg_msg_t **))
{
    rg_msg_t *reply = NULL;
    int err = answer(&self->answerer, request, &reply);
    if (!err) rg_service_reply(self->service, peer, &reply);
    return err;
}

static int on_search(void *self, const rg_peer_t *peer, const rg_msg_t *request)
{
    return answer_now(self, peer, request, rg_answer_search);
}

static int on_list(void *self, const rg_peer_t *peer, const rg_msg_t *request)
{
    return answer_now(self, peer, request, rg_answer_list);
}

static int on_served(void *data, const rg_peer_t *peer, const rg_msg_t *request)
{
    self_t *self = data;
    rg_look_t look;
    (void)request;
    int err = rg_set_look(self->answerer.set, &look);
    if (err) return err;
    rg_msg_t *reply = rg_announced_reply(&self->announced, look.view->model.name);
    rg_look_end(&look);
    rg_service_reply(self->service, peer, &reply);
    return 0;
}

// ---- life

static void on_status(void *data, rg_status_t *status)
{
    self_t *self = data;
    rg_answerer_t *answerer = &self->answerer;
    rg_look_t look;
    uint64_t missing = 0;
    if (rg_set_look(answerer->set, &look) != 0) {
        rg_status_field(status, "error", "%s", rg_error());
        return;
    }
    if (rg_look_missing(&look, &missing) != 0) rg_status_field(status, "error", "%s", rg_error());
    rg_status_field(status, "images", "%zu", rg_view_count(look.view));
    rg_status_field(status, "missing", "%llu", (unsigned long long)missing);
    rg_status_field(status, "indexed", "%zu", rg_view_indexed(look.view));
    rg_status_field(status, "dead", "%zu", look.view->dead);
    rg_status_field(status, "generation", "%llu", (unsigned long long)look.view->generation);
    rg_status_field(status, "model", "%s", look.view->model.name);
    rg_status_field(status, "dimension", "%u", look.view->model.embed_dim);
    rg_look_end(&look);
    rg_status_field(status, "store_bytes", "%llu",
                    (unsigned long long)rg_store_bytes(rg_set_store(answerer->set)));
    rg_status_field(status, "read_only", "%d", rg_store_read_only(rg_set_store(answerer->set)));
    rg_status_field(status, "searches", "%llu", (unsigned long long)atomic_load(&answerer->searches));
    rg_status_field(status, "adds", "%llu", (unsigned long long)atomic_load(&answerer->adds));
    rg_status_field(status, "writing", "%d", rg_jobs_count(self->writer));
    rg_status_field(status, "building", "%d", rg_jobs_count(self->builder));
}

static int open_set(self_t *self)
{
    const rg_config_t *config = &self->config;
    const rg_set_options_t options = {.path = config->retrieval.path,
                                      .index = config->retrieval.index,
                                      .embed_dim = (uint32_t)config->model.embed_dim,
                                      .map_bytes = (size_t)config->retrieval.map_size_gib << 30};
    rg_answerer_t *answerer = &self->answerer;
    answerer->k_max = (uint32_t)config->retrieval.k_max;
    answerer->batch_max = (uint32_t)config->retrieval.batch_max;
    answerer->reply_max = (size_t)config->limits.message_max_mib << 20;
    answerer->effort =
        (rg_effort_t){(uint32_t)config->retrieval.nprobe, (uint32_t)config->retrieval.ef_search};
    int err = rg_thread_pool_new(&answerer->threads, config->threads);
    if (!err) err = rg_set_open(&answerer->set, &options);
    if (!err && *rg_set_unfit(answerer->set))
        rg_log(RG_LOG_WARN, "snapshot_left_aside", "reason=\"%s\"", rg_set_unfit(answerer->set));
    if (!err && rg_store_read_only(rg_set_store(answerer->set)))
        rg_log(RG_LOG_WARN, "read_only", "path=\"%s\"", config->retrieval.path);
    return err;
}

// Half of the threads, so that searches have the rest.
static void prepare_builder(void *self)
{
    rg_linalg_threads((((self_t *)self)->config.threads + 1) / 2);
}

static int open_jobs(self_t *self)
{
    rg_jobs_options_t options = {.max = self->config.limits.waiting, .self = self};
    int err = rg_jobs_new(&self->writer, &options);
    options.prepare = prepare_builder;
    if (!err) err = rg_jobs_new(&self->builder, &options);
    if (err) return err;
    rg_service_add_fd(self->service, rg_jobs_fd(self->writer), rg_jobs_step, self->writer);
    rg_service_add_fd(self->service, rg_jobs_fd(self->builder), rg_jobs_step, self->builder);
    return 0;
}

static int run(self_t *self)
{
    static const rg_route_t routes[] = {
        {RG__V1__ENVELOPE__BODY_MODEL_REQUEST, on_model, RG_ROLE_ADMIN},
        {RG__V1__ENVELOPE__BODY_ADD_REQUEST, on_add, RG_ROLE_WRITER},
        {RG__V1__ENVELOPE__BODY_SEARCH_REQUEST, on_search, RG_ROLE_READER},
        {RG__V1__ENVELOPE__BODY_REMOVE_REQUEST, on_remove, RG_ROLE_ADMIN},
        {RG__V1__ENVELOPE__BODY_LIST_REQUEST, on_list, RG_ROLE_READER},
        {RG__V1__ENVELOPE__BODY_INDEX_REQUEST, on_index, RG_ROLE_ADMIN},
        {RG__V1__ENVELOPE__BODY_SERVED_REQUEST, on_served, RG_ROLE_READER},
    };
    const rg_wire_options_t wire = rg_wire_options(&self->config);
    const rg_service_spec_t spec = {.name = "retrieval",
                                    .endpoint = self->config.endpoints.retrieval,
                                    .http_port = self->config.http.retrieval,
                                    .routes = routes,
                                    .n_routes = sizeof routes / sizeof *routes,
                                    .status = on_status,
                                    .self = self};
    int err = open_set(self);
    if (!err) err = rg_service_new(&self->service, &wire, &spec);
    if (!err) err = open_jobs(self);
    if (err) return err;
    build_if_due(self);
    return rg_service_run(self->service);
}

int main(int argc, char **argv)
{
    self_t *self = rg_alloc(sizeof *self);
    rg_main_init(argc, argv, "retrieval", "Keeps the retrieval set: adds, searches and removes images.",
                 &self->config);
    int err = run(self), code = err ? rg_main_fail(err) : EXIT_SUCCESS;
    atomic_store(&self->stopping, 1);
    rg_jobs_destroy(&self->writer); // first: it may hold one of the builder's jobs
    rg_jobs_destroy(&self->builder);
    rg_build_destroy(&self->built);
    rg_service_destroy(&self->service);
    rg_set_close(&self->answerer.set);
    rg_thread_pool_destroy(&self->answerer.threads);
    free(self);
    return code;
}
