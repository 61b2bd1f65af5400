// A service's numbers and health for whoever speaks HTTP (libmicrohttpd): GET /metrics is Prometheus' text
// format, GET /healthz is 200 "ok". Only service.c includes this.
//
// There is no thread: the daemon is one descriptor of the service's loop, and an answer proves that the loop
// turns; where it does not, there is none. Each turn does what can be done without waiting. Connections are
// few and bodies are refused, so that clients, slow or hostile, cost the service nothing but their turn;
// those beyond the limit wait until others end or have been idle for ten seconds.
#ifndef RG_WIRE_HTTP_H
#define RG_WIRE_HTTP_H

#include "common/core/config.h"

typedef struct rg__http rg__http_t;

// What /metrics says; free()d after use.
typedef char *rg__metrics_fn(void *self);

// Listens on http.address at the port of http.SERVICE; *http is NULL if that is 0. RG_EIO naming key, address
// and port.
int rg__http_new(rg__http_t **http, const rg_config_t *config, const char *service, rg__metrics_fn *metrics,
                 void *self);
void rg__http_destroy(rg__http_t **http);

// For the loop: call step(http) whenever fd is readable.
int rg__http_fd(const rg__http_t *http);
void rg__http_step(void *http);

#endif
