// The front of a service that listens on tcp: it accepts the connections itself and passes to ZeroMQ only
// the bytes of peers that have shown a well-formed handshake. What a peer without a key can make the
// service hold is bounded here, because ZeroMQ collects any frame, also one of a handshake, of up to
// limits.message_max_mib. front_peers.c says how.
#ifndef RG_WIRE_FRONT_H
#define RG_WIRE_FRONT_H

#include "common/wire/socket.h"

typedef struct rg__front rg__front_t;

// Binds the socket to an address that only this process can reach, listens at endpoint (tcp), and passes
// connections on, on a thread of its own. Needs rg__zap_new before it, if the endpoint is encrypted. RG_EIO
// with the reason, RG_ELIMIT.
int rg__front_new(rg__front_t **front, const rg_wire_options_t *options, const char *endpoint,
                  zsock_t *socket);
void rg__front_destroy(rg__front_t **front); // before the socket

// As bound: tcp://127.0.0.1:* has a port now. Lives as long as the front.
const char *rg__front_endpoint(const rg__front_t *front);

// From any thread.
typedef struct {
    int connections; // that are through the handshake
    int refused;     // since the start: ended by the front for what they did, or for want of a place
} rg__front_counts_t;
rg__front_counts_t rg__front_counts(const rg__front_t *front);

#endif
