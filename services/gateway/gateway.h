// The gateway's context, and the handlers of its HTTP interface. All code runs on the loop's thread, except
// the `run` functions of jobs.
#ifndef RG_GATEWAY_GATEWAY_H
#define RG_GATEWAY_GATEWAY_H

#include "common/core/log.h"
#include "common/wire/jobs.h"
#include "services/gateway/upstream.h"
#include "services/gateway/networks.h"
#include "services/gateway/http_access.h"
#include "services/gateway/page.h"
#include "services/gateway/run_files.h"
#include "services/gateway/status.h"

// Samples of one translation; jobs in the queue; connections at a time.
enum { RG_GATEWAY_SAMPLES = 16, RG_GATEWAY_JOBS = 32, RG_GATEWAY_CONNECTIONS = 128 };

typedef struct {
    rg_config_t config;
    rg_service_t *service;
    rg_upstream_t *upstream;
    rg_jobs_t *jobs;
    rg_status_cache_t *status;
    rg_http_access_t access;
    rg_page_t page;
    rg_networks_t *networks;
    rg_runs_t runs;
    double runs_s; // when the runs were listed; 0: never
} rg_gateway_t;

// The handlers. self is the gateway. openapi.yaml describes requests and answers.
//
//   system.c     the page, /session, /system, /status
//   runs.c       /runs, /training, /evaluations, /samples, /networks
//   images.c     /images
//   search.c     /search
//   translate.c  /translate
rg_http_handler_fn rg_gateway_get_page, rg_gateway_post_session, rg_gateway_get_system, rg_gateway_get_status,
    rg_gateway_get_runs, rg_gateway_get_training, rg_gateway_get_evaluations, rg_gateway_get_samples,
    rg_gateway_get_sample, rg_gateway_get_networks, rg_gateway_get_network, rg_gateway_get_images,
    rg_gateway_get_image, rg_gateway_post_image, rg_gateway_post_search, rg_gateway_post_translate;

// For rg_http_spec_t: returns 1 if the request is allowed; else replies with the reason and returns 0.
int rg_gateway_admit(void *self, rg_http_request_t *request);

#endif
