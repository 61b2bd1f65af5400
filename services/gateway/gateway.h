// What the handlers of the interface share. Everything happens on the loop's thread but for the chores.
#ifndef RG_GATEWAY_GATEWAY_H
#define RG_GATEWAY_GATEWAY_H

#include "common/core/log.h"
#include "services/gateway/chores.h"
#include "services/gateway/gate.h"
#include "services/gateway/overview.h"
#include "services/gateway/page.h"
#include "services/gateway/runs.h"

// Samples of a translation at most; pictures that wait to be read; connections at a time.
enum { RG_GATEWAY_SAMPLES = 16, RG_GATEWAY_CHORES = 32, RG_GATEWAY_CONNECTIONS = 128 };

typedef struct {
    rg_config_t config;
    rg_service_t *service;
    rg_peers_t *peers;
    rg_chores_t *chores;
    rg_overview_t *overview;
    rg_gate_t gate;
    rg_page_t page;
    rg_runs_t runs;
    double runs_s; // when they were looked for; 0: never
    rg_log_limit_t turned_away;
} rg_gateway_t;

// The handlers: openapi.yaml says what each answers. self is the gateway.
rg_http_handler_fn rg_get_page, rg_get_system, rg_get_status, rg_get_runs, rg_get_training,
    rg_get_evaluations, rg_get_samples, rg_get_sample, rg_get_images, rg_get_image, rg_post_session,
    rg_post_image, rg_post_search, rg_post_translate;

// For rg_http_spec_t: lets the request in, or answers it.
int rg_gateway_admit(void *self, rg_http_request_t *request);

#endif
