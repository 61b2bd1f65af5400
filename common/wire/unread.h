// A budget for the bytes that a service has sent and its peers have not read. Only service.c includes this.
//
// A peer that asks and does not read would otherwise make the service hold any number of replies, and work for
// nobody. A message counts until its last frame has left the process. All connections of a client (rg_peer_t)
// together may use half of the budget, and a client may always have one message. Whoever is over the budget is
// told to try again. Meanwhile the connection that has read nothing for the longest time is broken, if that is
// longer than the patience: of the client itself if its half is used up, of all if the whole is. So a client
// that does not read delays the others for that time at most. Long before, after a twentieth of the patience, a
// connection that has read nothing is told to try again, so that others get the service's time. That is after
// half of this time if twice as much is unread, and so on.
#ifndef RG_WIRE_UNREAD_H
#define RG_WIRE_UNREAD_H

#include "common/wire/wire.h"

typedef struct rg__unread rg__unread_t;

rg__unread_t *rg__unread_new(size_t limit, int patience_ms); // limit: bytes
void rg__unread_destroy(rg__unread_t **unread);              // messages in transit may end later

// For a request that has come: RG_EBUSY if no reply to this peer would fit. The request is not handled then.
int rg__unread_check(rg__unread_t *unread, const rg_peer_t *peer);

// Counts a message to this peer. RG_EBUSY if it exceeds the budget.
int rg__unread_add(rg__unread_t *unread, const rg_peer_t *peer, rg_msg_t *msg);

#endif
