// What goes through a service: meters of its requests. Only service.c includes this.
#ifndef RG_WIRE_TRAFFIC_H
#define RG_WIRE_TRAFFIC_H

#include "common/core/meter.h"
#include "common/wire/wire.h"

// Counts requests, errors, bytes and lost replies, and times the answers, by kind of request. Use it from the
// loop's thread only.
//
// The kind is the name of a route ("search"); all requests without a route count as "other", so that peers
// cannot add meters. The time runs from receipt to reply, also when a job answers later. Of requests that are
// never answered, the oldest is forgotten when there are OPEN_MAX open ones.
typedef struct rg__traffic rg__traffic_t;

rg__traffic_t *rg__traffic_new(const rg_service_spec_t *spec); // spec borrowed for the call
void rg__traffic_destroy(rg__traffic_t **traffic);

// A message of this many bytes was received; unreadable: it is not a well-formed request.
void rg__traffic_received(rg__traffic_t *traffic, size_t bytes);
void rg__traffic_unreadable(rg__traffic_t *traffic);

// A well-formed request was received from peer.
void rg__traffic_begin(rg__traffic_t *traffic, const rg_peer_t *peer, Rg__V1__Envelope__BodyCase kind);

// The reply to that request was sent. lost: the error of the socket, 0 if it took the reply.
void rg__traffic_end(rg__traffic_t *traffic, const rg_peer_t *peer, const rg_msg_t *reply, int lost);

// Sets uptime, memory, and a gauge rg_<service>_<field> for each field of the status that is a number. Gauges
// of earlier statuses are dropped.
void rg__traffic_refresh(rg__traffic_t *traffic, const Rg__V1__StatusReply *status);

// All meters: as a StatsReply, and in Prometheus' text format (free() it).
rg_msg_t *rg__traffic_report(const rg__traffic_t *traffic);
char *rg__traffic_text(const rg__traffic_t *traffic);

#endif
