// What all services say of themselves, as whoever asks for /status gets it: they are asked when somebody
// does, once a second at most, and the answer is shared.
#ifndef RG_GATEWAY_OVERVIEW_H
#define RG_GATEWAY_OVERVIEW_H

#include "common/wire/http.h"
#include "services/gateway/peers.h"

typedef struct rg_overview rg_overview_t;

// Config and peers are borrowed.
void rg_overview_new(rg_overview_t **overview, const rg_config_t *config, rg_peers_t *peers);
void rg_overview_destroy(rg_overview_t **overview); // after rg_peers_stop

// Answers the request, now or when the services have.
void rg_overview_get(rg_overview_t *overview, rg_http_request_t *request);

#endif
