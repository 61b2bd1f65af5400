// The connections of a link and the addresses that they lead to. Only link.c includes this.
#ifndef RG_WIRE_CONNECTION_H
#define RG_WIRE_CONNECTION_H

#include "common/wire/socket.h"

// ---- connections
// One connection: a DEALER socket to one endpoint and a monitor of its events. ZeroMQ connects again by
// itself. What a broken connection has taken is lost; nothing is handed to ZeroMQ before the next handshake
// succeeded.
typedef struct {
    const char *peer; // borrowed
    char *endpoint;
    zsock_t *socket;  // DEALER
    zsock_t *monitor; // PAIR: its events
    int connected;
    int refusals;       // since it was last connected; the first one is logged
    double retry_at_ms; // after a refusal; 0: no retry is due
    unsigned number;    // of the link's connections
    enum { RG__PROBE_NONE, RG__PROBE_DUE, RG__PROBE_SENT } probe; // the status request after a break (link.c)
} rg__connection_t;

enum { RG__CONNECTION_ITEMS = 2 };

// RG_ECONFIG naming the endpoint; over an encrypted one the errors of rg_keypair_read; RG_ELIMIT, RG_EIO.
int rg__connection_new(rg__connection_t **connection, const rg_wire_options_t *options, const char *peer,
                       const char *endpoint);
void rg__connection_destroy(rg__connection_t **connection);

// Checks endpoint and keys without connecting: the errors of rg__connection_new. Only ZeroMQ's own
// complaints about a malformed address are left to rg__connection_new.
int rg__connection_check(const rg_wire_options_t *options, const char *endpoint);

// What to poll. sending 1: also wait until the socket takes a message.
void rg__connection_items(const rg__connection_t *connection, int sending,
                          zmq_pollitem_t items[RG__CONNECTION_ITEMS]);

// Follows the events since the last call and logs them. 1: the connection broke, even if it is back
// already.
int rg__connection_step(rg__connection_t *connection, int pending);

// ---- lookup of host names
// Finds the addresses of tcp://NAME:PORT; each address is a replica of the service. A worker thread looks
// the name up every two seconds, or twice a second while no replica is connected, so replicas may come and
// go.
enum { RG__REPLICAS_MAX = 16 };

// Numeric, of both families: "tcp://10.0.0.3:9100".
typedef struct {
    char endpoint[RG__REPLICAS_MAX][RG__ENDPOINT_SIZE];
    size_t count;
} rg__addresses_t;

typedef struct rg__lookup rg__lookup_t;

// *lookup is NULL if the endpoint has no name to look up: ipc, or a numeric address. RG_ELIMIT.
int rg__lookup_new(rg__lookup_t **lookup, const char *endpoint);
void rg__lookup_destroy(rg__lookup_t **lookup); // waits for a lookup in progress

// Readable when an answer is there.
int rg__lookup_fd(const rg__lookup_t *lookup);

// Starts a lookup if one is due. 1: *addresses is the latest answer; 0: no new answer. A failed lookup
// gives 0 and is logged once. connected: whether any replica is connected.
int rg__lookup_step(rg__lookup_t *lookup, int connected, rg__addresses_t *addresses);

#endif
