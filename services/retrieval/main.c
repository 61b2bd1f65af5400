// rg-retrieval: the retrieval set as a service (proto/search.proto).
//
//   requests -> loop -+- search, list, served               answered at once, in a read view
//                     +- model, add, remove, restore     -> writer:  changes the set
//                     +- rebuild, compact,               -> builder: makes the index, its snapshot, a check
//                        snapshot, verify
//
// Writer and builder are job queues with one thread each. Neither makes a search wait: a search reads the
// view that is published when it begins (set.c). A build goes on beside the writer, which publishes its
// result, so that no change since the beginning of the build is lost. A build, requested or due, goes like
// this:
//
//   builder   BUILD makes the index; no further job of the builder begins
//   writer    PUBLISH shows it, and for `compact` writes a copy of the store
//   loop      uses that copy, answers the request, queues SAVE, lets the builder go on
//   builder   SAVE writes the snapshot
#include <stdlib.h>
#include <sys/resource.h>

#include "common/core/err.h"
#include "common/core/log.h"
#include "common/nn/linalg.h"
#include "common/wire/jobs.h"
#include "common/wire/service_main.h"
#include "services/retrieval/answers.h"

enum { BACKGROUND_NICE = 5 };

typedef struct {
    rg_config_t config;
    rg_answers_t answers;
    rg_service_t *service;
    rg_jobs_t *writer, *builder, *checker;
    rg_work_t work, checking; // of the builder and of the checker
    rg_set_t *opened;         // by the load, until the loop takes it
    const atomic_int *stop_load;
    rg_set_build_t *build; // finished; waits for the writer to publish it
    rg_job_t *build_job;   // the job that made it; it ends after the publication
    int is_build_lost;     // the last build could not be published
} self_t;

// ---- the end of a job

// Ends the process if LMDB has given up: only another process can open the store again, and whoever started
// this one starts it again. The request gets no answer, so its sender sends it again.
static void exit_if_lost(const self_t *self, int err)
{
    if (err && self->answers.set && rg_store_is_lost(rg_set_store(self->answers.set)))
        exit(rg_main_fail(err));
}

static void reply_and_end(self_t *self, rg_job_t *job, int err)
{
    exit_if_lost(self, err);
    if (job->request && err)
        rg_service_refuse(self->service, &job->peer, err);
    else if (job->request)
        rg_service_reply(self->service, &job->peer, &job->result);
    rg_jobs_end(&job);
}

// Failures of the service's own jobs are logged; failures of a request go to its sender.
static void log_own_failure(const char *event, const rg_job_t *job, int err)
{
    if (err && err != RG_ESTOPPED && !job->request) rg_log(RG_LOG_WARN, event, "error=\"%s\"", rg_error());
}

// ---- writer: damaged images

static int run_leave_out(void *data, const rg_msg_t *request, rg_msg_t **reply)
{
    (void)request, (void)reply;
    rg_set_leave_out_damaged(((self_t *)data)->answers.set);
    return 0;
}

static void done_leave_out(void *data, rg_job_t *job, int err)
{
    (void)data, (void)err;
    rg_jobs_end(&job);
}

static const rg_job_kind_t LEAVE_OUT = {run_leave_out, done_leave_out};

// Publishes a view without the images that were found damaged. If the queue is full, the next request tries
// again.
static void leave_out_damaged(self_t *self)
{
    if (rg_set_is_damage_new(self->answers.set)) rg_jobs_add(self->writer, &LEAVE_OUT, NULL, NULL);
}

// ---- builder: snapshot and verify

static int run_save(void *data, const rg_msg_t *request, rg_msg_t **reply)
{
    self_t *self = data;
    int err = rg_set_save(self->answers.set);
    return err || !request ? err : rg_answer_index(&self->answers, reply);
}

static void build_if_due(self_t *self);

// The set may have grown while the index was built.
static void done_save(void *data, rg_job_t *job, int err)
{
    log_own_failure("snapshot-failed", job, err);
    if (!err) rg_log(RG_LOG_INFO, "snapshot-written", "requested=%d", job->request != NULL);
    reply_and_end(data, job, err);
    if (!err && !((self_t *)data)->is_build_lost) build_if_due(data);
}

static int run_verify(void *data, const rg_msg_t *request, rg_msg_t **reply)
{
    self_t *self = data;
    (void)request;
    return rg_answer_verify(&self->answers, &self->work, reply);
}

static void done_verify(void *data, rg_job_t *job, int err)
{
    rg_work_end(&((self_t *)data)->work);
    reply_and_end(data, job, err);
    leave_out_damaged(data);
}

static const rg_job_kind_t SAVE = {run_save, done_save}, VERIFY = {run_verify, done_verify};

// ---- builder, then writer: build and publish

// The index action of a request; ACTION_UNSPECIFIED for a job without a request.
static Rg__V1__IndexAction action_of(const rg_msg_t *request)
{
    return request ? ((const Rg__V1__IndexRequest *)rg_msg_body(request))->action
                   : RG__V1__INDEX_ACTION__ACTION_UNSPECIFIED;
}

static int run_publish(void *data, const rg_msg_t *request, rg_msg_t **reply)
{
    self_t *self = data;
    (void)request, (void)reply;
    int err = rg_set_publish_build(self->answers.set, &self->build);
    int is_compact = action_of(self->build_job->request) == RG__V1__INDEX_ACTION__COMPACT;
    if (err || !is_compact) return err;
    err = rg_work_step(&self->work, "copying the store; additions wait", 0, 0);
    return err ? err : rg_store_copy(rg_set_store(self->answers.set));
}

static void log_build(const rg_msg_t *reply)
{
    const Rg__V1__IndexReply *body = rg_msg_body(reply);
    rg_log(RG_LOG_INFO, "index-built", "%s=%s %s=%s", body->report[0]->key, body->report[0]->value,
           body->report[1]->key, body->report[1]->value);
}

// No transaction is open here: the loop runs this and holds no read view, the writer has ended its job, and
// the builder is held. If the store cannot be opened again, the service ends; the next start opens the file
// that is in place.
static void use_store_copy(self_t *self)
{
    int err = rg_store_use_copy(rg_set_store(self->answers.set));
    if (err) exit(rg_main_fail(err));
}

static void done_publish(void *data, rg_job_t *job, int err)
{
    self_t *self = data;
    rg_job_t *build_job = self->build_job;
    rg_work_end(&self->work);
    self->build_job = NULL;
    if (!err && action_of(build_job->request) == RG__V1__INDEX_ACTION__COMPACT) use_store_copy(self);
    if (!err) err = rg_answer_index(&self->answers, &build_job->result);
    log_own_failure("build-failed", build_job, err);
    if (!err) log_build(build_job->result);
    self->is_build_lost = err != 0;
    reply_and_end(self, build_job, err);
    rg_jobs_end(&job);
    rg_jobs_add(self->builder, &SAVE, NULL, NULL);
    rg_jobs_release(self->builder);
}

static const rg_job_kind_t PUBLISH = {run_publish, done_publish};

static int run_build(void *data, const rg_msg_t *request, rg_msg_t **reply)
{
    self_t *self = data;
    int from_store = action_of(request) == RG__V1__INDEX_ACTION__REBUILD;
    (void)reply;
    return rg_set_build(self->answers.set, from_store, &self->work, &self->build);
}

static void done_build(void *data, rg_job_t *job, int err)
{
    self_t *self = data;
    rg_work_end(&self->work);
    if (err) {
        log_own_failure("build-failed", job, err);
        reply_and_end(self, job, err);
        return;
    }
    self->build_job = job;
    rg_jobs_hold(self->builder);
    rg_jobs_add(self->writer, &PUBLISH, NULL, NULL);
}

static const rg_job_kind_t BUILD = {run_build, done_build};

// ---- builder: the rows and the index of the next model

static int run_prepare(void *data, const rg_msg_t *request, rg_msg_t **reply)
{
    self_t *self = data;
    (void)request, (void)reply;
    return rg_set_prepare(self->answers.set, &self->work);
}

static void done_prepare(void *data, rg_job_t *job, int err)
{
    rg_work_end(&((self_t *)data)->work);
    log_own_failure("next-model-not-prepared", job, err);
    rg_jobs_end(&job);
    if (!err) build_if_due(data);
}

static const rg_job_kind_t PREPARE = {run_prepare, done_prepare};

static void build_if_due(self_t *self)
{
    if (rg_jobs_count(self->builder) == 0 && rg_set_is_prepare_due(self->answers.set))
        rg_jobs_add(self->builder, &PREPARE, NULL, NULL);
    if (rg_jobs_count(self->builder) == 0 && rg_set_is_due(self->answers.set))
        rg_jobs_add(self->builder, &BUILD, NULL, NULL);
}

// ---- writer, then checker, then writer: the check of a large store
//
// If the store is damaged, the process ends; the next one says so and does not serve it.

static int run_finish(void *data, const rg_msg_t *request, rg_msg_t **reply)
{
    (void)request, (void)reply;
    return rg_set_check_finish(((self_t *)data)->answers.set);
}

static void done_finish(void *data, rg_job_t *job, int err)
{
    const self_t *self = data;
    if (err) exit(rg_main_fail(err));
    rg_log(RG_LOG_INFO, "store-checked", "path=\"%s\"", self->config.retrieval.path);
    rg_jobs_end(&job);
}

static const rg_job_kind_t FINISH = {run_finish, done_finish};

static int run_check(void *data, const rg_msg_t *request, rg_msg_t **reply)
{
    self_t *self = data;
    double share = 0;
    int err = 0;
    (void)request, (void)reply;
    while (!err && share < 1) {
        err = rg_work_step(&self->checking, "checking the store", (uint64_t)(100 * share), 100);
        if (!err) err = rg_set_check_step(self->answers.set, &share);
    }
    return err;
}

static void done_check(void *data, rg_job_t *job, int err)
{
    self_t *self = data;
    rg_work_end(&self->checking);
    if (err && err != RG_ESTOPPED) exit(rg_main_fail(err));
    if (!err) rg_jobs_add(self->writer, &FINISH, NULL, NULL);
    rg_jobs_end(&job);
}

static const rg_job_kind_t CHECK = {run_check, done_check};

static int run_outline(void *data, const rg_msg_t *request, rg_msg_t **reply)
{
    (void)request, (void)reply;
    return rg_set_check_outline(((self_t *)data)->answers.set);
}

static void done_outline(void *data, rg_job_t *job, int err)
{
    self_t *self = data;
    if (err) exit(rg_main_fail(err));
    rg_jobs_add(self->checker, &CHECK, NULL, NULL);
    rg_jobs_end(&job);
}

static const rg_job_kind_t OUTLINE = {run_outline, done_outline};

// ---- writer: changes of the set

static int run_change(void *data, const rg_msg_t *request, rg_msg_t **reply)
{
    rg_answers_t *answers = &((self_t *)data)->answers;
    switch (rg_msg_kind(request)) {
    case RG__V1__ENVELOPE__BODY_MODEL_REQUEST:
        return rg_answer_model(answers, request, reply);
    case RG__V1__ENVELOPE__BODY_ADD_REQUEST:
        return rg_answer_add(answers, request, reply);
    default:
        return rg_answer_remove(answers, request, reply);
    }
}

static int run_restore(void *data, const rg_msg_t *request, rg_msg_t **reply)
{
    self_t *self = data;
    (void)request;
    int err = rg_set_restore(self->answers.set);
    return err ? err : rg_answer_index(&self->answers, reply);
}

static void record_announcement(self_t *self, const rg_msg_t *request, rg_msg_t *result)
{
    const Rg__V1__ModelRequest *model = rg_msg_body(request);
    Rg__V1__ModelReply *reply = rg_msg_body(result);
    reply->serial = rg_announcements_add(&self->answers.announcements, model);
    rg_log(RG_LOG_INFO, "model-announced", "model=%s generation=%llu images=%llu missing=%llu", model->model,
           (unsigned long long)reply->generation, (unsigned long long)reply->images,
           (unsigned long long)reply->missing);
}

static void done_change(void *data, rg_job_t *job, int err)
{
    self_t *self = data;
    if (!err && rg_msg_kind(job->request) == RG__V1__ENVELOPE__BODY_MODEL_REQUEST)
        record_announcement(self, job->request, job->result);
    reply_and_end(self, job, err);
    build_if_due(self);
}

static const rg_job_kind_t CHANGE = {run_change, done_change}, RESTORE = {run_restore, done_change};

// ---- requests, on the loop

static int on_change(void *self, const rg_peer_t *peer, const rg_msg_t *request)
{
    return rg_jobs_add(((self_t *)self)->writer, &CHANGE, peer, request);
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
                      int (*answer)(rg_answers_t *, const rg_msg_t *, rg_msg_t **))
{
    rg_msg_t *reply = NULL;
    int err = answer(&self->answers, request, &reply);
    exit_if_lost(self, err);
    leave_out_damaged(self);
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

static int on_served(void *self, const rg_peer_t *peer, const rg_msg_t *request)
{
    return answer_now(self, peer, request, rg_answer_served);
}

static const rg_route_t ROUTES[] = {
    {RG__V1__ENVELOPE__BODY_SEARCH_REQUEST, on_search, RG_ROLE_READER},
    {RG__V1__ENVELOPE__BODY_LIST_REQUEST, on_list, RG_ROLE_READER},
    {RG__V1__ENVELOPE__BODY_SERVED_REQUEST, on_served, RG_ROLE_READER},
    {RG__V1__ENVELOPE__BODY_ADD_REQUEST, on_change, RG_ROLE_WRITER},
    {RG__V1__ENVELOPE__BODY_MODEL_REQUEST, on_change, RG_ROLE_ADMIN},
    {RG__V1__ENVELOPE__BODY_REMOVE_REQUEST, on_change, RG_ROLE_ADMIN},
    {RG__V1__ENVELOPE__BODY_INDEX_REQUEST, on_index, RG_ROLE_ADMIN},
};

// ---- status

// What goes on in the background, and how far it is. Compaction copies the store on the thread that writes.
static void fill_task(self_t *self, rg_status_t *status)
{
    const rg_work_t *work = atomic_load(&self->work.phase) ? &self->work : &self->checking;
    const char *phase = atomic_load(&work->phase);
    if (!phase) return;
    rg_status_field(status, "task", "%s", phase);
    rg_status_field(status, "task_done", "%llu", (unsigned long long)atomic_load(&work->done));
    rg_status_field(status, "task_total", "%llu", (unsigned long long)atomic_load(&work->total));
}

static void fill_status(void *data, rg_status_t *status)
{
    self_t *self = data;
    rg_answers_t *answers = &self->answers;
    rg_read_view_t read;
    uint64_t missing = 0;
    if (!answers->set) return;
    if (rg_read_view_begin(&read, answers->set) != 0) {
        exit_if_lost(self, RG_EIO);
        rg_status_field(status, "error", "%s", rg_error());
        return;
    }
    if (rg_read_view_missing(&read, &missing) != 0) rg_status_field(status, "error", "%s", rg_error());
    rg_status_field(status, "images", "%zu", rg_view_count(read.view));
    rg_status_field(status, "missing", "%llu", (unsigned long long)missing);
    rg_status_field(status, "indexed", "%zu", rg_view_indexed(read.view));
    rg_status_field(status, "dead", "%zu", read.view->dead);
    rg_status_field(status, "damaged", "%zu", rg_set_damaged(answers->set));
    rg_status_field(status, "generation", "%llu", (unsigned long long)read.view->generation);
    rg_status_field(status, "model", "%s", read.view->model.name);
    rg_status_field(status, "dimension", "%u", read.view->model.embed_dim);
    rg_read_view_end(&read);
    rg_status_field(status, "store_bytes", "%llu",
                    (unsigned long long)rg_store_bytes(rg_set_store(answers->set)));
    rg_status_field(status, "read_only", "%d", rg_store_read_only(rg_set_store(answers->set)));
    rg_status_field(status, "checking", "%d", rg_store_is_unchecked(rg_set_store(answers->set)));
    rg_status_field(status, "searches", "%llu", (unsigned long long)atomic_load(&answers->searches));
    rg_status_field(status, "adds", "%llu", (unsigned long long)atomic_load(&answers->adds));
    rg_status_field(status, "writing", "%d", rg_jobs_count(self->writer));
    rg_status_field(status, "building", "%d", rg_jobs_count(self->builder));
    fill_task(self, status);
}

// ---- start and end

static int on_progress(void *data, uint64_t done, uint64_t total)
{
    const self_t *self = data;
    rg_service_progress(self->service, done, total);
    return atomic_load(self->stop_load) ? rg_fail(RG_ESTOPPED, "stopped while the set was read") : 0;
}

// Opens the set on a thread of its own: reading a large one takes minutes.
static int load_set(void *data, const atomic_int *stop)
{
    self_t *self = data;
    const rg_config_t *config = &self->config;
    const rg_set_options_t options = {.path = config->retrieval.path,
                                      .index = config->retrieval.index,
                                      .map_bytes = (size_t)config->retrieval.map_size_gib << 30,
                                      .progress = {.step = on_progress, .self = self}};
    self->stop_load = stop;
    int err = rg_index_check("/proc/self/exe", options.index, (uint32_t)config->model.embed_dim);
    if (!err) err = rg_set_open(&self->opened, &options);
    if (!err) rg_store_exit_if_unreadable(rg_set_store(self->opened));
    return err;
}

static void on_loaded(void *data)
{
    self_t *self = data;
    rg_set_t *set = self->answers.set = self->opened;
    self->opened = NULL;
    if (rg_store_is_unchecked(rg_set_store(set))) rg_jobs_add(self->writer, &OUTLINE, NULL, NULL);
    leave_out_damaged(self);
    if (*rg_set_snapshot_problem(set))
        rg_log(RG_LOG_WARN, "snapshot-not-used", "reason=\"%s\"", rg_set_snapshot_problem(set));
    if (rg_store_read_only(rg_set_store(set)))
        rg_log(RG_LOG_WARN, "store-read-only", "path=\"%s\"", self->config.retrieval.path);
    build_if_due(self);
}

static int open_answers(self_t *self)
{
    const rg_config_t *config = &self->config;
    rg_answers_t *answers = &self->answers;
    answers->k_max = (uint32_t)config->retrieval.k_max;
    answers->batch_max = (uint32_t)config->retrieval.batch_max;
    answers->reply_max = (size_t)config->limits.message_max_mib << 20;
    answers->effort =
        (rg_index_effort_t){(uint32_t)config->retrieval.nprobe, (uint32_t)config->retrieval.ef_search};
    return rg_thread_pool_new(&answers->threads, config->threads);
}

// Searches and additions come first.
static void give_way(void *self)
{
    (void)self;
    setpriority(PRIO_PROCESS, 0, BACKGROUND_NICE); // of this thread
}

// The builder uses half of the threads, so that searches have the others.
static void prepare_builder(void *self)
{
    give_way(self);
    rg_linalg_threads((((self_t *)self)->config.threads + 1) / 2);
}

static int open_jobs(self_t *self)
{
    rg_jobs_options_t options = {.max = self->config.limits.waiting, .self = self};
    int err = rg_jobs_new(&self->writer, &options);
    options.prepare = prepare_builder;
    if (!err) err = rg_jobs_new(&self->builder, &options);
    options.prepare = give_way;
    if (!err) err = rg_jobs_new(&self->checker, &options);
    if (err) return err;
    rg_service_add_fd(self->service, rg_jobs_fd(self->writer), rg_jobs_step, self->writer);
    rg_service_add_fd(self->service, rg_jobs_fd(self->builder), rg_jobs_step, self->builder);
    rg_service_add_fd(self->service, rg_jobs_fd(self->checker), rg_jobs_step, self->checker);
    return 0;
}

static int retrieval_run(self_t *self)
{
    const rg_wire_options_t wire = rg_wire_options(&self->config);
    const rg_service_spec_t spec = {.name = "retrieval",
                                    .endpoint = self->config.endpoints.retrieval,
                                    .http_port = self->config.http.retrieval,
                                    .routes = ROUTES,
                                    .n_routes = sizeof ROUTES / sizeof *ROUTES,
                                    .status = fill_status,
                                    .load = load_set,
                                    .loaded = on_loaded,
                                    .self = self};
    int err = open_answers(self);
    if (!err) err = rg_service_new(&self->service, &wire, &spec);
    if (!err) err = open_jobs(self);
    return err ? err : rg_service_run(self->service);
}

int main(int argc, char **argv)
{
    rg_index_trial(argc, argv);
    self_t *self = rg_alloc(sizeof *self);
    rg_main_init(argc, argv, "retrieval", "Keeps the retrieval set: adds, searches and removes images.",
                 &self->config);
    int err = retrieval_run(self), code = err ? rg_main_fail(err) : EXIT_SUCCESS;
    atomic_store(&self->work.is_stopped, 1);
    atomic_store(&self->checking.is_stopped, 1);
    rg_jobs_destroy(&self->writer); // first: a job of the builder may wait for it
    rg_jobs_destroy(&self->builder);
    rg_jobs_destroy(&self->checker);
    rg_set_build_destroy(&self->build);
    rg_service_destroy(&self->service);
    rg_set_close(&self->opened);
    rg_set_close(&self->answers.set);
    rg_thread_pool_destroy(&self->answers.threads);
    free(self);
    return code;
}
