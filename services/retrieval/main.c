// rg-retrieval: the retrieval set as a service (proto/search.proto).
//
// One loop: a search waits for at most one batch of adds, and an acknowledged add is seen by the next search.
#include <stdlib.h>

#include "common/core/err.h"
#include "common/core/log.h"
#include "common/wire/wire.h"
#include "services/retrieval/answer.h"

typedef struct {
    rg_answerer_t answerer;
    rg_service_t *service;
} self_t;

typedef int answer_fn(rg_answerer_t *answerer, const rg_msg_t *request, rg_msg_t **reply);

static int handle(self_t *self, const rg_peer_t *peer, const rg_msg_t *request, answer_fn *answer)
{
    rg_msg_t *reply = NULL;
    int err = answer(&self->answerer, request, &reply);
    if (!err) rg_service_reply(self->service, peer, &reply);
    return err;
}

static int on_model(void *self, const rg_peer_t *peer, const rg_msg_t *request)
{
    int err = handle(self, peer, request, rg_answer_model);
    const rg_set_t *set = ((self_t *)self)->answerer.set;
    if (!err)
        rg_log(RG_LOG_INFO, "model", "model=%s generation=%llu images=%zu", rg_set_state(set)->model.name,
               (unsigned long long)rg_set_state(set)->generation, rg_set_count(set));
    return err;
}

static int on_add(void *self, const rg_peer_t *peer, const rg_msg_t *request)
{
    return handle(self, peer, request, rg_answer_add);
}

static int on_search(void *self, const rg_peer_t *peer, const rg_msg_t *request)
{
    return handle(self, peer, request, rg_answer_search);
}

static int on_remove(void *self, const rg_peer_t *peer, const rg_msg_t *request)
{
    return handle(self, peer, request, rg_answer_remove);
}

static int on_stale(void *self, const rg_peer_t *peer, const rg_msg_t *request)
{
    return handle(self, peer, request, rg_answer_stale);
}

static void on_status(void *data, rg_status_t *status)
{
    const rg_answerer_t *answerer = &((self_t *)data)->answerer;
    const rg_state_t *state = rg_set_state(answerer->set);
    rg_set_stats_t stats = {0};
    if (rg_set_stats(answerer->set, &stats) != 0) rg_status_field(status, "error", "%s", rg_error());
    rg_status_field(status, "images", "%llu", (unsigned long long)stats.images);
    rg_status_field(status, "stale", "%llu", (unsigned long long)stats.stale);
    rg_status_field(status, "generation", "%llu", (unsigned long long)state->generation);
    rg_status_field(status, "model", "%s", state->model.name);
    rg_status_field(status, "dimension", "%u", state->model.embed_dim);
    rg_status_field(status, "store_bytes", "%llu", (unsigned long long)stats.store_bytes);
    rg_status_field(status, "searches", "%llu", (unsigned long long)answerer->searches);
    rg_status_field(status, "adds", "%llu", (unsigned long long)answerer->adds);
}

static int open_set(const rg_config_t *config, rg_answerer_t *answerer)
{
    const rg_set_options_t options = {.path = config->retrieval.path,
                                      .index = config->retrieval.index,
                                      .map_bytes = (size_t)config->retrieval.map_size_gib << 30};
    *answerer = (rg_answerer_t){.k_max = (uint32_t)config->retrieval.k_max,
                                .batch_max = (uint32_t)config->retrieval.batch_max,
                                .reply_max = (size_t)config->limits.message_max_mib << 20};
    return rg_set_open(&answerer->set, &options);
}

int main(int argc, char **argv)
{
    static const rg_route_t routes[] = {
        {RG__V1__ENVELOPE__BODY_MODEL_REQUEST, on_model},
        {RG__V1__ENVELOPE__BODY_ADD_REQUEST, on_add},
        {RG__V1__ENVELOPE__BODY_SEARCH_REQUEST, on_search},
        {RG__V1__ENVELOPE__BODY_REMOVE_REQUEST, on_remove},
        {RG__V1__ENVELOPE__BODY_STALE_REQUEST, on_stale},
    };
    rg_config_t config;
    self_t self = {0};
    rg_main_init(argc, argv, "retrieval", "Keeps the retrieval set: adds, searches and removes images.",
                 &config);
    const rg_service_spec_t spec = {.name = "retrieval",
                                    .endpoint = config.endpoints.retrieval,
                                    .routes = routes,
                                    .n_routes = sizeof routes / sizeof *routes,
                                    .status = on_status,
                                    .self = &self};
    int err = open_set(&config, &self.answerer);
    if (!err) err = rg_service_new(&self.service, &config, &spec);
    if (!err) err = rg_service_run(self.service);
    int code = err ? rg_main_fail(err) : EXIT_SUCCESS;
    rg_service_destroy(&self.service);
    rg_set_close(&self.answerer.set);
    return code;
}
