// Who announced which model last, for encoders beside that one (proto/search.proto, ServedReply). It is kept
// in memory only: after a restart nothing was announced, and encoders stay with what they have.
#ifndef RG_RETRIEVAL_ANNOUNCED_H
#define RG_RETRIEVAL_ANNOUNCED_H

#include "common/config/config.h"
#include "common/wire/msg.h"
#include "services/retrieval/store.h"

typedef struct {
    char model[RG_TEXT_MAX + 1], checkpoint[RG_PATH_SIZE];
    uint64_t serial; // milliseconds since 1970 at least, so that they go on growing after a restart
} rg_announcement_t;

// Begins zeroed.
typedef struct {
    rg_announcement_t served, next; // of the current model, and of the one that may follow it
    uint64_t last_serial;
} rg_announced_t;

// Notes an announcement that the set has accepted; its serial.
uint64_t rg_announced_add(rg_announced_t *announced, const Rg__V1__ModelRequest *request);

// The ServedReply while this model is current.
rg_msg_t *rg_announced_reply(rg_announced_t *announced, const char *current);

#endif
