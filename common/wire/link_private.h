// Inside a link: what link.c (requests) and link_replicas.c (connections) share.
#ifndef RG_WIRE_LINK_PRIVATE_H
#define RG_WIRE_LINK_PRIVATE_H

#include <sys/queue.h>

#include "common/core/err.h"
#include "common/wire/connection.h"

#define RG__PROBE_ID UINT64_MAX // of the status requests of the link itself

// A request without its reply.
typedef struct rg__request {
    TAILQ_ENTRY(rg__request) entry;
    uint64_t id;
    rg_msg_t *msg;
    rg_reply_fn *fn;
    void *self;
    const rg__connection_t *sent; // the connection that has it; NULL: none
    double sent_ms;               // when it was sent last
    unsigned broke_on;            // number of a connection that had it and broke; 0: it is not a suspect
    int timeout_ms;               // as given; below 0: none
    double deadline_ms;           // INFINITY: none
    double again_at_ms;           // the peer could not take it yet: when it is sent again; 0: no such case
    char *reason;                 // what the peer said then; NULL: no such case
    rg_failure_t failure;         // why it cannot be sent at all
} rg__request_t;

struct rg_link {
    rg_wire_options_t options; // its texts are keys and identity
    char *keys, *identity, *peer, *endpoint;
    const atomic_int *stop;
    rg__lookup_t *lookup; // finds the replicas; NULL: the endpoint is the only one
    rg__connection_t *replica[RG__REPLICAS_MAX];
    size_t n_replicas, last; // last: position of the replica that got the latest request
    unsigned n_connections;  // so far, to number them
    size_t first_of_found;   // differs between links, so that they begin at different replicas
    int receiving;           // depth of callbacks
    size_t frame_max;
    TAILQ_HEAD(, rg__request) requests;
    int pending; // length of the list
    uint64_t last_id;
    double quiet_since_ms; // time of the last reply, or of the first request after the list was empty
    double next_log_ms;    // duration of quiet until the next log line
    double suspects_ms;    // when suspects are sent
    double waited_ms;
};

// Connects to one more replica. Errors of rg__connection_new.
int rg__link_add_replica(rg_link_t *link, const char *endpoint);

int rg__link_count_connected(const rg_link_t *link);

// Looks at all connections: the requests of one that broke become unsent and suspects, and a service that is back is
// asked for its status. Then follows the addresses of the host name.
void rg__link_follow(rg_link_t *link);

// Takes the answer to that status request: what the service has outlived did not end it.
void rg__link_take_probe(rg_link_t *link, rg__connection_t *connection, const rg_msg_t *reply);

#endif
