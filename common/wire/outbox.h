// How much a service has sent that the peers have not read yet. A peer that asks and does not read would
// otherwise make it hold any number of replies. Only service.c includes this.
//
// A message counts from posting until its last frame has left the process, whoever frees it. One peer may
// have half of the limit, and always one message.
#ifndef RG_WIRE_OUTBOX_H
#define RG_WIRE_OUTBOX_H

#include "common/wire/wire.h"

typedef struct rg__outbox rg__outbox_t;

rg__outbox_t *rg__outbox_new(size_t limit);     // bytes
void rg__outbox_destroy(rg__outbox_t **outbox); // what is under way may end later

// Counts the message's payloads as sent to this peer. RG_EBUSY if that would be too much.
int rg__outbox_post(rg__outbox_t *outbox, const rg_peer_t *peer, rg_msg_t *msg);

#endif
