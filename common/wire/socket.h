// Sockets and endpoints underneath link.c and service.c. Nobody else includes this.
#ifndef RG_WIRE_SOCKET_H
#define RG_WIRE_SOCKET_H

#include <czmq.h>

#include "common/wire/wire.h"

// ------------------------------------------------------------------ socket.c
// A socket with every limit of the config set.
zsock_t *rg__socket_new(int type, const rg_wire_options_t *options, int linger_ms);

// Sends msg (borrowed; payloads by reference) to peer (NULL: a DEALER's only one) under this id. Never
// blocks. RG_EBUSY: the queue is full or gone, nothing was sent; RG_ENOENT: no such peer; RG_ELIMIT: a
// frame is too large.
int rg__socket_send(zsock_t *socket, const rg_peer_t *peer, rg_msg_t *msg, uint64_t id, size_t frame_max);

// One multipart message as it came, at most RG_MSG_PAYLOADS_MAX + 2 frames of it.
typedef struct {
    size_t count;
    int cut; // there were more
    zmq_msg_t part[RG_MSG_PAYLOADS_MAX + 2];
} rg__parts_t;

rg__parts_t *rg__parts_recv(zsock_t *socket); // NULL: nothing there
void rg__parts_destroy(rg__parts_t **parts);
size_t rg__parts_size(const rg__parts_t *parts); // bytes of all of them

// Parses the parts from `first` on; the message takes *parts over. On failure they stay the caller's, and
// *id is the request id or 0 if that could not be read.
int rg__parts_parse(rg__parts_t **parts, size_t first, rg_msg_t **msg, uint64_t *id);

// ------------------------------------------------------------------ endpoint.c
// ipc with a path that fits a socket address, or tcp on loopback, or anywhere with keys or if the config
// says insecure. RG_ECONFIG.
int rg__endpoint_check(const rg_wire_options_t *options, const char *endpoint);

// 1: connections are encrypted there, which is all of tcp once there are keys.
int rg__endpoint_encrypts(const rg_wire_options_t *options, const char *endpoint);

// What makes an ipc path ours alone: its folder, and a lock on PATH.lock for as long as *lock is open (-1:
// none needed). ZeroMQ itself would take the path from a living process. RG_EIO naming that process.
int rg__endpoint_claim(const char *endpoint, int *lock);

// Removes the ipc path and ends the claim.
void rg__endpoint_release(const char *endpoint, int *lock);

// ------------------------------------------------------------------ guard.c
// Makes a socket the asking side of CURVE, with the keys of security.identity. The errors of rg_curve_read.
int rg__guard_show(const rg_wire_options_t *options, zsock_t *socket);

// The answering side: the door keeper of an encrypted socket (ZAP, RFC 27). It has no thread: the service
// loop polls its item and lets it serve, so a handshake waits, as a status request does, for at most one
// handler. ZeroMQ has one place for it per process, so one service per process can be encrypted.
typedef struct rg__guard rg__guard_t;

// Before the socket is bound. The errors of rg_curve_read and rg_allow_read; RG_EBUSY: the place is taken.
int rg__guard_new(rg__guard_t **guard, const rg_wire_options_t *options, zsock_t *socket);
void rg__guard_destroy(rg__guard_t **guard); // after the socket

zmq_pollitem_t rg__guard_item(rg__guard_t *guard);
void rg__guard_serve(rg__guard_t *guard); // lets in whose key is allowed, refuses and logs the others

// Who sent this part of a message, by the allow list of this moment. Without a guard (NULL) it came over a
// unix socket or unencrypted loopback, which the machine guards, or where endpoints.insecure trusts
// everybody: an admin. name lives until the next call.
typedef struct {
    enum rg_role role;
    const char *name;
} rg__sender_t;
rg__sender_t rg__guard_sender(rg__guard_t *guard, zmq_msg_t *part);

// ------------------------------------------------------------------ link.c, for the service loop
enum { RG__LINK_ITEMS = 33 };                                                 // at most
size_t rg__link_items(rg_link_t *link, zmq_pollitem_t items[RG__LINK_ITEMS]); // how many it has now
int rg__link_dispatch(rg_link_t *link);             // handles what has come; how many callbacks ran
double rg__link_deadline_ms(const rg_link_t *link); // of the most urgent request, on rg_clock_ms; or INFINITY
void rg__link_log_waiting(rg_link_t *link); // logs now and then while replies are outstanding for long

#endif
