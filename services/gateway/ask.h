// The questions that several handlers have in common.
#ifndef RG_GATEWAY_ASK_H
#define RG_GATEWAY_ASK_H

#include "services/gateway/gateway.h"

typedef void rg_ask_fn(void *self, int err, const rg_msg_t *reply);

// Asks a service of that name, with the patience of limits.timeout_ms; see rg_peers_ask.
int rg_ask(rg_gateway_t *gateway, const char *service, rg_msg_t **request, Rg__V1__Envelope__BodyCase answer,
           rg_ask_fn *fn, void *self);

// Asks for one stored image with its thumbnail; and takes that out of the answer. RG_ENOENT.
int rg_ask_image(rg_gateway_t *gateway, const uint8_t id[16], rg_ask_fn *fn, void *self);
int rg_ask_image_taken(const rg_msg_t *reply, rg_payload_t *jpeg);

#endif
