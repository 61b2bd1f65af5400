// Questions to the retrieval service: which of these images does the set have already? An image is known if it
// is stored whole and embedded, so that adding it again would change nothing. A known image counts as added now: a
// removal that was asked for before and is still on the way does not remove it.
#ifndef RG_CTL_KNOWN_H
#define RG_CTL_KNOWN_H

#include "common/core/hash.h"
#include "common/wire/wire.h"
#include "services/ctl/caller.h"

enum { RG_KNOWN_MAX = 128 };

typedef struct {
    size_t n;
    uint8_t id[RG_KNOWN_MAX][RG_ID_SIZE];
    uint8_t known[RG_KNOWN_MAX]; // the answer: 1 or 0
    uint64_t generation;         // of the set, in which all known ones are found
} rg_known_t;

// Asks through a caller of the retrieval service. Errors of rg_caller_ask.
int rg_known_ask(rg_known_t *question, rg_caller_t *retrieval);

// Asks where the answer only saves time: if the service does not answer, no image is known, and it is not asked
// again for half a minute.
typedef struct {
    rg_link_t *retrieval;
    int timeout_ms;
    double ask_from_s; // when the service is asked again
} rg_known_link_t;

// Errors of rg_link_new.
int rg_known_link_open(rg_known_link_t *link, const rg_config_t *config);
void rg_known_link_close(rg_known_link_t *link); // accepts a zeroed struct

// RG_ESTOPPED after SIGINT or SIGTERM.
int rg_known_link_ask(rg_known_link_t *link, rg_known_t *question);

#endif
