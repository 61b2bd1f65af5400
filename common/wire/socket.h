// Sockets and endpoints underneath link.c and service.c. Nobody else includes this.
#ifndef RG_WIRE_SOCKET_H
#define RG_WIRE_SOCKET_H

#include <czmq.h>

#include "common/core/config.h"
#include "common/wire/wire.h"

// ------------------------------------------------------------------ socket.c
// A socket with every limit of the config set.
zsock_t *rg__socket_new(int type, const rg_config_t *config, int linger_ms);

// Sends msg (borrowed; payloads by reference) to peer (NULL: a DEALER's only one) under this id. Never
// blocks. RG_EBUSY: the queue is full or gone, nothing was sent; RG_ENOENT: no such peer; RG_ELIMIT: a frame
// is too large.
int rg__socket_send(zsock_t *socket, const rg_peer_t *peer, rg_msg_t *msg, uint64_t id, size_t frame_max);

// One multipart message as it came, at most RG_MSG_PAYLOADS_MAX + 2 frames of it.
typedef struct {
    size_t count;
    int cut; // there were more
    zmq_msg_t part[RG_MSG_PAYLOADS_MAX + 2];
} rg__parts_t;

rg__parts_t *rg__parts_recv(zsock_t *socket); // NULL: nothing there
void rg__parts_destroy(rg__parts_t **parts);

// Parses the parts from `first` on; the message takes *parts over. On failure they stay the caller's, and *id
// is the request id or 0 if that could not be read.
int rg__parts_parse(rg__parts_t **parts, size_t first, rg_msg_t **msg, uint64_t *id);

double rg__now_ms(void); // monotonic

// ------------------------------------------------------------------ endpoint.c
// ipc with a path that fits a socket address, or tcp on loopback or anywhere if the config says insecure.
// RG_ECONFIG.
int rg__endpoint_check(const rg_config_t *config, const char *endpoint);

// What makes an ipc path ours alone: its folder, and a lock on PATH.lock for as long as *lock is open (-1:
// none needed). ZeroMQ itself would take the path from a living process. RG_EIO naming that process.
int rg__endpoint_claim(const char *endpoint, int *lock);

// Removes the ipc path and ends the claim.
void rg__endpoint_release(const char *endpoint, int *lock);

// ------------------------------------------------------------------ link.c, for the service loop
enum { RG__LINK_ITEMS = 2 };
void rg__link_items(rg_link_t *link, zmq_pollitem_t items[RG__LINK_ITEMS]);
int rg__link_dispatch(rg_link_t *link);     // handles what has come; how many callbacks ran
void rg__link_log_waiting(rg_link_t *link); // says so, now and then, while an answer is overdue

#endif
