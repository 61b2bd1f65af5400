// What goes through a service, measured: requests, errors and answering times by kind, bytes, what was lost.
// Only service.c includes this. Everything happens on the loop's thread.
//
// A request is counted under its name ("search") if the service has a route for it, else as "other": what
// peers send adds no meters. Its time runs from receipt to reply, also where a job answers later; a request
// that is never answered is forgotten when OPEN_MAX newer ones wait.
#ifndef RG_WIRE_TRAFFIC_H
#define RG_WIRE_TRAFFIC_H

#include "common/core/meter.h"
#include "common/wire/wire.h"

typedef struct rg__traffic rg__traffic_t;

rg__traffic_t *rg__traffic_new(const rg_service_spec_t *spec); // spec borrowed for the call
void rg__traffic_destroy(rg__traffic_t **traffic);

// A message of this many bytes came; unreadable: as far as anyone can tell.
void rg__traffic_came(rg__traffic_t *traffic, size_t bytes);
void rg__traffic_unreadable(rg__traffic_t *traffic);

// A request that was read is to be answered to peer.
void rg__traffic_begin(rg__traffic_t *traffic, const rg_peer_t *peer, Rg__V1__Envelope__BodyCase kind);

// That answer has been handed to the socket; lost: what the socket said, 0 if it took it.
void rg__traffic_end(rg__traffic_t *traffic, const rg_peer_t *peer, const rg_msg_t *reply, int lost);

// Takes over uptime, memory and each field of the status that is a number, as gauge rg_<service>_<field>.
// Fields of earlier statuses are gone.
void rg__traffic_refresh(rg__traffic_t *traffic, const Rg__V1__StatusReply *status);

// Everything as of the last refresh: as a StatsReply, and in Prometheus' text format (free() it).
rg_msg_t *rg__traffic_report(const rg__traffic_t *traffic);
char *rg__traffic_text(const rg__traffic_t *traffic);

// ---- unread replies
// A budget for the bytes that a service has sent and its peers have not read. A peer that asks and does not
// read would otherwise make the service hold any number of replies. A message counts until its last frame has
// left the process. One peer may use half of the budget, and may always have one message.
typedef struct rg__unread rg__unread_t;

rg__unread_t *rg__unread_new(size_t limit);     // bytes
void rg__unread_destroy(rg__unread_t **unread); // messages in transit may end later

// Counts the payloads of a message to this peer. RG_EBUSY if that exceeds the budget.
int rg__unread_add(rg__unread_t *unread, const rg_peer_t *peer, rg_msg_t *msg);

#endif
