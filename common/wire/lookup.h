// Where a link's endpoint leads: to itself, or, if it is tcp://NAME:PORT, to every address that the name has
// at the moment, each a replica of the service. Names are looked up on a thread, now and then, so that
// replicas may come and go, and again soon where nobody was reached. Only link.c includes this.
#ifndef RG_WIRE_LOOKUP_H
#define RG_WIRE_LOOKUP_H

#include <stddef.h>

enum { RG__ENDPOINT_SIZE = 32, RG__REPLICAS_MAX = 16 };

// Numeric: "tcp://10.0.0.3:9100".
typedef struct {
    char endpoint[RG__REPLICAS_MAX][RG__ENDPOINT_SIZE];
    size_t count;
} rg__addresses_t;

typedef struct rg__lookup rg__lookup_t;

// *lookup is NULL where there is nothing to look up: ipc, or an address. RG_ELIMIT.
int rg__lookup_new(rg__lookup_t **lookup, const char *endpoint);
void rg__lookup_destroy(rg__lookup_t **lookup); // waits for one that is under way

// Readable when an answer is there.
int rg__lookup_fd(const rg__lookup_t *lookup);

// Begins to look if it is time, sooner if nobody is reached. 1: *addresses is what was found since the last
// call; 0: nothing new. A name that cannot be looked up has no news, and is logged once.
int rg__lookup_step(rg__lookup_t *lookup, int reached, rg__addresses_t *addresses);

#endif
