// The way of a request. Left: the loop's thread, right: the jobs' thread.
//
//   on_batch   queues a job  ->  batch_run   decodes and augments
//   batch_done replies       <-
//
//   on_ingest  queues a job  ->  ingest_run  decodes, refuses what is not a usable image
//   ingest_decoded           <-
//     sends the others to the encoder, which adds them to the retrieval set; the job waits for its answer
//   ingest_stored  replies, and ends the job
//
// The data set is read by loader_load, on a thread of its own. Afterwards data set and batcher belong to the
// jobs' thread. Images for the retrieval set are taken in every state, because they need no data set.
#include "services/loader/loader.h"

#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/log.h"
#include "common/wire/jobs.h"
#include "services/loader/batch.h"
#include "services/loader/ingest.h"

struct rg_loader {
    const rg_config_t *config;
    rg_service_t *service;
    rg_link_t *encoder;
    rg_jobs_t *jobs;
    // of the jobs' thread
    rg_dataset_t set;
    rg_batcher_t *batcher; // NULL: not read yet, or there is no data set
    rg_msg_t *store;       // the StoreRequest that the running ingest job makes for the encoder
    // of the loop's thread
    struct {
        size_t images;
        uint32_t train, annotated, broken, with_warnings;
        const char *last_broken; // a name of the set; NULL: none
    } data;
    int ingests; // requests that are not answered yet
    uint64_t batches, ingested, ingested_with_warnings, refused;
};

// Without data.root and data.list the loader only takes images for the retrieval set.
static int has_data(const rg_config_t *config)
{
    return *config->data.root || *config->data.list;
}

static int loader_load(void *data, const atomic_int *stop)
{
    rg_loader_t *self = data;
    (void)stop;
    if (!has_data(self->config)) return 0;
    int err = rg_dataset_open(&self->set, self->config);
    if (err) return err;
    rg_batcher_new(&self->batcher, self->config, &self->set);
    rg_log(RG_LOG_INFO, "data",
           "form=\"%s\" folder=\"%s\" images=%zu train=%u annotated=%u validation=%u test=%u passed_over=%zu "
           "splits=\"%s\"",
           self->set.form, self->set.folder, self->set.count, self->set.n[RG_SPLIT_TRAIN],
           self->set.n_train_annotated, self->set.n[RG_SPLIT_VALIDATION], self->set.n[RG_SPLIT_TEST],
           self->set.passed_over, self->set.splits);
    return 0;
}

static void copy_data_counts(void *data)
{
    rg_loader_t *self = data;
    self->data.images = self->set.count;
    self->data.train = self->set.n[RG_SPLIT_TRAIN];
    self->data.annotated = self->set.n_train_annotated;
    if (!self->batcher) return;
    self->data.broken = rg_batcher_broken(self->batcher, &self->data.last_broken);
    self->data.with_warnings = rg_batcher_with_warnings(self->batcher);
}

static void job_reply(rg_loader_t *self, rg_job_t *job, int err)
{
    if (err)
        rg_service_refuse(self->service, &job->peer, err);
    else
        rg_service_reply(self->service, &job->peer, &job->result);
    rg_jobs_end(&job);
}

// ---- training batches

static int check_data(const rg_loader_t *self)
{
    return self->batcher ? 0 : rg_fail(RG_ENOENT, "data.root is empty: this loader has no data set");
}

static int dataset_run(void *data, const rg_msg_t *request, rg_msg_t **result)
{
    rg_loader_t *self = data;
    (void)request;
    int err = check_data(self);
    if (!err) *result = rg_batcher_describe(self->batcher);
    return err;
}

static void dataset_done(void *data, rg_job_t *job, int err)
{
    job_reply(data, job, err);
}

static int on_dataset(void *data, const rg_peer_t *peer, const rg_msg_t *request)
{
    static const rg_job_kind_t kind = {dataset_run, dataset_done};
    return rg_jobs_add(((rg_loader_t *)data)->jobs, &kind, peer, request);
}

static int batch_run(void *data, const rg_msg_t *request, rg_msg_t **result)
{
    rg_loader_t *self = data;
    int err = check_data(self);
    return err ? err : rg_batcher_answer(self->batcher, request, result);
}

static void batch_done(void *data, rg_job_t *job, int err)
{
    rg_loader_t *self = data;
    self->batches += !err;
    copy_data_counts(self);
    job_reply(self, job, err);
}

static int on_batch(void *data, const rg_peer_t *peer, const rg_msg_t *request)
{
    static const rg_job_kind_t kind = {batch_run, batch_done};
    return rg_jobs_add(((rg_loader_t *)data)->jobs, &kind, peer, request);
}

// ---- images for the retrieval set

static void ingest_end(rg_loader_t *self, rg_job_t *job, int err)
{
    self->ingests--;
    if (!err) {
        unsigned refused = rg_ingest_count(job->result, RG__V1__FATE__REFUSED);
        self->refused += refused;
        self->ingested_with_warnings += rg_ingest_count_warnings(job->result);
        self->ingested += ((const Rg__V1__IngestReply *)rg_msg_body(job->result))->n_outcomes - refused;
    }
    job_reply(self, job, err);
}

static void ingest_stored(void *data, int err, const rg_msg_t *answer)
{
    rg_job_t *job = data;
    if (!err) err = rg_ingest_merge(job->result, answer);
    ingest_end(job->self, job, err);
}

static int ingest_run(void *data, const rg_msg_t *request, rg_msg_t **result)
{
    rg_loader_t *self = data;
    return rg_ingest_decode(self->config, request, result, &self->store);
}

static void ingest_decoded(void *data, rg_job_t *job, int err)
{
    rg_loader_t *self = data;
    if (err || !self->store)
        ingest_end(self, job, err);
    else
        rg_link_send(self->encoder, &self->store, -1, ingest_stored, job);
}

// At most as many requests are open as the encoder takes from one sender, so that a stalled encoder does not
// make the loader grow.
static int on_ingest(void *data, const rg_peer_t *peer, const rg_msg_t *request)
{
    static const rg_job_kind_t kind = {ingest_run, ingest_decoded};
    rg_loader_t *self = data;
    if (self->ingests >= self->config->limits.waiting / 2)
        return rg_fail(RG_EBUSY, "%d requests with images are open already; try again later", self->ingests);
    int err = rg_jobs_add(self->jobs, &kind, peer, request);
    if (!err) self->ingests++;
    return err;
}

// ---- life

static void loader_status(void *data, rg_status_t *status)
{
    const rg_loader_t *self = data;
    rg_status_field(status, "images", "%zu", self->data.images);
    rg_status_field(status, "train", "%u", self->data.train);
    rg_status_field(status, "annotated", "%u", self->data.annotated);
    rg_status_field(status, "broken", "%u", self->data.broken);
    if (self->data.last_broken) rg_status_field(status, "last_broken", "%s", self->data.last_broken);
    rg_status_field(status, "images_with_warnings", "%u", self->data.with_warnings);
    rg_status_field(status, "batches", "%llu", (unsigned long long)self->batches);
    rg_status_field(status, "ingested", "%llu", (unsigned long long)self->ingested);
    rg_status_field(status, "ingested_with_warnings", "%llu",
                    (unsigned long long)self->ingested_with_warnings);
    rg_status_field(status, "refused", "%llu", (unsigned long long)self->refused);
    rg_status_field(status, "waiting", "%d", rg_link_pending(self->encoder));
    rg_status_field(status, "jobs", "%d", rg_jobs_count(self->jobs));
}

static int loader_open(rg_loader_t *self)
{
    static const rg_route_t routes[] = {
        {RG__V1__ENVELOPE__BODY_DATASET_REQUEST, on_dataset, RG_ROLE_WRITER},
        {RG__V1__ENVELOPE__BODY_BATCH_REQUEST, on_batch, RG_ROLE_WRITER},
        {RG__V1__ENVELOPE__BODY_INGEST_REQUEST, on_ingest, RG_ROLE_WRITER, .early = 1},
    };
    const rg_config_t *config = self->config;
    const rg_wire_options_t wire = rg_wire_options(config);
    const rg_service_spec_t spec = {.name = "loader",
                                    .endpoint = config->endpoints.loader,
                                    .http_port = config->http.loader,
                                    .routes = routes,
                                    .n_routes = sizeof routes / sizeof *routes,
                                    .status = loader_status,
                                    .load = loader_load,
                                    .loaded = copy_data_counts,
                                    .self = self};
    // Batch requests are small and a trainer's credit bounds them: the queue takes that of every possible
    // rank.
    const rg_jobs_options_t jobs = {.max = 2 * RG_BATCH_PARTS_MAX * config->limits.credit, .self = self};
    int err = rg_jobs_new(&self->jobs, &jobs);
    if (!err) err = rg_service_new(&self->service, &wire, &spec);
    if (!err) err = rg_link_new(&self->encoder, &wire, "encoder", config->endpoints.encoder, NULL);
    if (err) return err;
    rg_service_add_link(self->service, self->encoder);
    rg_service_add_fd(self->service, rg_jobs_fd(self->jobs), rg_jobs_step, self->jobs);
    return 0;
}

int rg_loader_new(rg_loader_t **loader, const rg_config_t *config)
{
    rg_loader_t *self = rg_alloc(sizeof *self);
    self->config = config;
    int err = loader_open(self);
    if (err)
        rg_loader_destroy(&self);
    else
        *loader = self;
    return err;
}

int rg_loader_run(rg_loader_t *loader)
{
    return rg_service_run(loader->service);
}

void rg_loader_destroy(rg_loader_t **loader)
{
    rg_loader_t *self = *loader;
    if (!self) return;
    rg_link_destroy(&self->encoder); // first: no answer finds its job gone
    rg_jobs_destroy(&self->jobs);
    rg_service_destroy(&self->service);
    rg_msg_destroy(&self->store);
    rg_batcher_destroy(&self->batcher);
    if (self->set.count) rg_dataset_close(&self->set);
    free(self);
    *loader = NULL;
}
