// The services behind the gateway: a link to each, and calls with deadlines. The number of open calls of
// one kind to one service is bounded. A call that timed out is not sent again.
#ifndef RG_GATEWAY_UPSTREAM_H
#define RG_GATEWAY_UPSTREAM_H

#include "common/config/services.h"
#include "common/wire/wire.h"

enum { RG_UPSTREAM_WAITING = 32 }; // open calls of one kind to one service

typedef struct rg_upstream rg_upstream_t;

// The errors of rg_link_new.
int rg_upstream_new(rg_upstream_t **upstream, const rg_config_t *config);
// Makes the service's loop serve the links.
void rg_upstream_add_to(rg_upstream_t *upstream, rg_service_t *service);
void rg_upstream_destroy(rg_upstream_t **upstream); // after rg_upstream_stop

// Ends all calls with RG_ESTOPPED, later ones too.
void rg_upstream_stop(rg_upstream_t *upstream);

// 1 if the link to the service (config/services.h) has a connection.
int rg_upstream_connected(const rg_upstream_t *upstream, int service);

// ---- calls

// Called once, on the loop's thread, with the reply (borrowed), or with NULL, err and rg_error().
// RG_ETIMEOUT names the service; RG_EIO: the reply is malformed or of another kind; or the error that the
// service replied.
typedef void rg_call_fn(void *self, int err, const rg_msg_t *reply);

typedef struct {
    int service;
    Rg__V1__Envelope__BodyCase reply; // the kind that is expected
    int timeout_ms;
    rg_call_fn *fn;
    void *self;
} rg_call_t;

// Sends *request (takes it). RG_EBUSY if too many calls are open, RG_ESTOPPED; fn is not called then.
int rg_upstream_call(rg_upstream_t *upstream, const rg_call_t *call, rg_msg_t **request);

// The same by the name of the service, with limits.timeout_ms.
int rg_upstream_ask(rg_upstream_t *upstream, const char *service, rg_msg_t **request,
                    Rg__V1__Envelope__BodyCase reply, rg_call_fn *fn, void *self);

// Asks the retrieval service for a stored image; and finds the thumbnail in its reply. RG_ENOENT if there
// is none.
int rg_upstream_get_image(rg_upstream_t *upstream, const uint8_t id[16], rg_call_fn *fn, void *self);
int rg_upstream_thumbnail(const rg_msg_t *reply, rg_payload_t *jpeg);

#endif
