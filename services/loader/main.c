// rg-loader: training batches for the trainer (proto/batch.proto), and decoding for the retrieval set
// (proto/ingest.proto). It also starts where there is no data set yet, and looks again when it is asked for
// one.
#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/log.h"
#include "common/wire/service_main.h"
#include "services/loader/batch.h"
#include "services/loader/ingest.h"

typedef struct waiting waiting_t;

typedef struct {
    rg_config_t config;
    rg_service_t *service;
    rg_link_t *encoder;
    rg_dataset_t set;
    rg_batcher_t *batcher; // NULL: no data set
    waiting_t *waiting;
    uint64_t batches, ingested, refused;
} self_t;

static int open_data(self_t *self)
{
    if (self->batcher) return 0;
    int err = rg_dataset_open(&self->set, &self->config);
    if (err) return err;
    rg_batcher_new(&self->batcher, &self->config, &self->set);
    rg_log(RG_LOG_INFO, "data", "folder=\"%s\" images=%zu train=%u annotated=%u", self->set.folder,
           self->set.count, self->set.n[RG_SPLIT_TRAIN], self->set.n_train_annotated);
    return 0;
}

static int on_dataset(void *data, const rg_peer_t *peer, const rg_msg_t *request)
{
    self_t *self = data;
    (void)request;
    int err = open_data(self);
    if (err) return err;
    rg_msg_t *reply = rg_batcher_describe(self->batcher);
    rg_service_reply(self->service, peer, &reply);
    return 0;
}

static int on_batch(void *data, const rg_peer_t *peer, const rg_msg_t *request)
{
    self_t *self = data;
    rg_msg_t *reply;
    int err = open_data(self);
    if (!err) err = rg_batcher_answer(self->batcher, request, &reply);
    if (err) return err;
    rg_service_reply(self->service, peer, &reply);
    self->batches++;
    return 0;
}

// ---- ingest

// A sender's request whose images are with the encoder.
struct waiting {
    struct waiting *next;
    self_t *self;
    rg_peer_t peer;
    rg_msg_t *reply;
};

static void forget(waiting_t *waiting)
{
    waiting_t **at = &waiting->self->waiting;
    while (*at != waiting) at = &(*at)->next;
    *at = waiting->next;
    rg_msg_destroy(&waiting->reply);
    free(waiting);
}

static void reply_ingest(self_t *self, const rg_peer_t *peer, rg_msg_t **reply)
{
    unsigned refused = rg_ingest_count(*reply, RG__V1__FATE__REFUSED);
    self->refused += refused;
    self->ingested += ((const Rg__V1__IngestReply *)rg_msg_body(*reply))->n_outcomes - refused;
    rg_service_reply(self->service, peer, reply);
}

static void on_stored(void *data, int err, const rg_msg_t *answer)
{
    waiting_t *waiting = data;
    if (!err) err = rg_ingest_merge(waiting->reply, answer);
    if (err)
        rg_service_refuse(waiting->self->service, &waiting->peer, err);
    else
        reply_ingest(waiting->self, &waiting->peer, &waiting->reply);
    forget(waiting);
}

static int on_ingest(void *data, const rg_peer_t *peer, const rg_msg_t *request)
{
    self_t *self = data;
    rg_msg_t *reply, *store;
    if (rg_link_pending(self->encoder) >= self->config.limits.waiting / 2)
        return rg_fail(RG_EBUSY, "%d requests wait for the encoder already; try again later",
                       rg_link_pending(self->encoder));
    int err = rg_ingest_decode(&self->config, request, &reply, &store);
    if (err) return err;
    if (!store) {
        reply_ingest(self, peer, &reply);
        return 0;
    }
    waiting_t *waiting = rg_alloc(sizeof *waiting);
    *waiting = (waiting_t){self->waiting, self, *peer, reply};
    self->waiting = waiting;
    rg_link_send(self->encoder, &store, -1, on_stored, waiting);
    return 0;
}

// ---- life

static void on_status(void *data, rg_status_t *status)
{
    const self_t *self = data;
    rg_status_field(status, "images", "%zu", self->set.count);
    rg_status_field(status, "train", "%u", self->set.n[RG_SPLIT_TRAIN]);
    rg_status_field(status, "annotated", "%u", self->set.n_train_annotated);
    rg_status_field(status, "batches", "%llu", (unsigned long long)self->batches);
    rg_status_field(status, "ingested", "%llu", (unsigned long long)self->ingested);
    rg_status_field(status, "refused", "%llu", (unsigned long long)self->refused);
    rg_status_field(status, "waiting", "%d", rg_link_pending(self->encoder));
}

static int run(self_t *self)
{
    static const rg_route_t routes[] = {
        {RG__V1__ENVELOPE__BODY_DATASET_REQUEST, on_dataset, RG_ROLE_WRITER},
        {RG__V1__ENVELOPE__BODY_BATCH_REQUEST, on_batch, RG_ROLE_WRITER},
        {RG__V1__ENVELOPE__BODY_INGEST_REQUEST, on_ingest, RG_ROLE_WRITER},
    };
    const rg_wire_options_t wire = rg_wire_options(&self->config);
    const rg_service_spec_t spec = {.name = "loader",
                                    .endpoint = self->config.endpoints.loader,
                                    .http_port = self->config.http.loader,
                                    .routes = routes,
                                    .n_routes = sizeof routes / sizeof *routes,
                                    .status = on_status,
                                    .self = self};
    int err = rg_service_new(&self->service, &wire, &spec);
    if (!err) err = rg_link_new(&self->encoder, &wire, "encoder", self->config.endpoints.encoder, NULL);
    if (err) return err;
    rg_service_add_link(self->service, self->encoder);
    if (open_data(self) != 0) rg_log(RG_LOG_WARN, "no_data", "error=\"%s\"", rg_error());
    return rg_service_run(self->service);
}

int main(int argc, char **argv)
{
    self_t *self = rg_alloc(sizeof *self);
    rg_main_init(argc, argv, "loader", "Reads the data set and decodes images.", &self->config);
    int err = run(self), code = err ? rg_main_fail(err) : EXIT_SUCCESS;
    rg_link_destroy(&self->encoder);
    while (self->waiting) forget(self->waiting);
    rg_service_destroy(&self->service);
    rg_batcher_destroy(&self->batcher);
    if (self->set.count) rg_dataset_close(&self->set);
    free(self);
    return code;
}
