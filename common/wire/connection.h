// One connection of a link: a DEALER socket to one endpoint, and what happens to it. Only link.c includes
// this.
//
// ZeroMQ connects again by itself. What a connection that broke had taken is lost with it; nothing is handed
// to it before the next one is there.
#ifndef RG_WIRE_CONNECTION_H
#define RG_WIRE_CONNECTION_H

#include "common/wire/socket.h"

typedef struct {
    const char *peer; // borrowed
    char *endpoint;
    zsock_t *socket;  // DEALER
    zsock_t *monitor; // PAIR: its events
    int connected;
    int refused;        // said so, since it was last connected
    double retry_at_ms; // after a refusal; 0: not needed
} rg__connection_t;

enum { RG__CONNECTION_ITEMS = 2 };

// RG_ECONFIG naming the endpoint; over an encrypted one the errors of rg_curve_read; RG_ELIMIT, RG_EIO.
int rg__connection_new(rg__connection_t **connection, const rg_wire_options_t *options, const char *peer,
                       const char *endpoint);
void rg__connection_destroy(rg__connection_t **connection);

// Whether connections to this endpoint could be made at all: the same errors, but that it is no address.
int rg__connection_check(const rg_wire_options_t *options, const char *endpoint);

// For polling; sending: also when it can be sent to.
void rg__connection_items(const rg__connection_t *connection, int sending,
                          zmq_pollitem_t items[RG__CONNECTION_ITEMS]);

// Looks at what happened, and logs it. 1: it broke meanwhile, whether or not it is there again.
int rg__connection_step(rg__connection_t *connection, int pending);

#endif
