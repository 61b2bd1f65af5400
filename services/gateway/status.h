// The status of all services, for GET /status. Requests share the answers: the services are asked only when
// a request comes, and at most once a second.
#ifndef RG_GATEWAY_STATUS_H
#define RG_GATEWAY_STATUS_H

#include "common/wire/http.h"
#include "services/gateway/upstream.h"

typedef struct rg_status_cache rg_status_cache_t;

// Borrows config and upstream.
void rg_status_cache_new(rg_status_cache_t **cache, const rg_config_t *config, rg_upstream_t *upstream);
void rg_status_cache_destroy(rg_status_cache_t **cache); // after rg_upstream_stop

// Answers the request now, or when the services have replied.
void rg_status_cache_get(rg_status_cache_t *cache, rg_http_request_t *request);

#endif
