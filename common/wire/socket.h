// ZeroMQ sockets and endpoints underneath links and services. Only files of this folder include this.
#ifndef RG_WIRE_SOCKET_H
#define RG_WIRE_SOCKET_H

#include <czmq.h>
#include <sys/socket.h>

#include "common/wire/wire.h"

// ---- sockets (socket.c)
enum { RG__HANDSHAKE_MS = 5000, RG__KEEPALIVE_S = 20 }; // keepalive notices a peer whose machine is gone

// A socket with every limit of the options set.
zsock_t *rg__socket_new(int type, const rg_wire_options_t *options, int linger_ms);

// Sends msg (borrowed; payloads by reference) with this id to peer (NULL: the only peer of a DEALER). Never
// blocks. RG_EBUSY: the queue is full or gone and nothing was sent; RG_ENOENT: no such peer; RG_ELIMIT: a
// frame is too large.
int rg__socket_send(zsock_t *socket, const rg_peer_t *peer, rg_msg_t *msg, uint64_t id, size_t frame_max);

// One multipart message as received, at most RG_MSG_PAYLOADS_MAX + 2 frames of it.
typedef struct {
    size_t count;
    int cut; // there were more
    zmq_msg_t part[RG_MSG_PAYLOADS_MAX + 2];
} rg__parts_t;

rg__parts_t *rg__parts_recv(zsock_t *socket); // NULL: no message is there
void rg__parts_destroy(rg__parts_t **parts);
size_t rg__parts_size(const rg__parts_t *parts); // bytes of all of them

// Parses the parts from `first` on. The message takes *parts. After a failure the parts stay the caller's,
// and *id is the request id, or 0 if even that cannot be read.
int rg__parts_parse(rg__parts_t **parts, size_t first, rg_msg_t **msg, uint64_t *id);

// ---- endpoints (socket.c)
// RG_ECONFIG unless endpoint is ipc with a path that fits into a socket address, or tcp that is on loopback,
// encrypted or allowed by options->insecure.
int rg__endpoint_check(const rg_wire_options_t *options, const char *endpoint);

// 1 if connections to this endpoint are encrypted: tcp, when there are keys.
int rg__endpoint_encrypts(const rg_wire_options_t *options, const char *endpoint);

// Reserves an ipc path for this process: makes its folder and holds a lock on PATH.lock while *lock is open
// (-1: none needed). Without the lock ZeroMQ would take the path from a living process. RG_EIO naming that
// process.
int rg__endpoint_claim(const char *endpoint, int *lock);

// Writes "tcp://10.0.0.3:9100" or "tcp://[fd00::3]:9100".
enum { RG__ENDPOINT_SIZE = 96 };
void rg__endpoint_numeric(const struct sockaddr *address, socklen_t size, int port,
                          char out[RG__ENDPOINT_SIZE]);

// Binds the socket to an ipc endpoint. RG_EIO with the reason.
int rg__ipc_listen(zsock_t *socket, const char *endpoint);

// Listens at a tcp endpoint. A name or "*" stands for addresses of both families. Begins zeroed. RG_EIO
// with the reason.
enum { RG__LISTENERS_MAX = 8 };
typedef struct {
    int fd[RG__LISTENERS_MAX], count; // non-blocking
    char endpoint[RG__ENDPOINT_SIZE]; // the last one as bound
} rg__listeners_t;
int rg__tcp_listen(const char *endpoint, rg__listeners_t *listeners);
// Options of an accepted connection: no delay of small messages, and probes that notice a machine that is gone.
void rg__tcp_tune(int fd);
void rg__tcp_close(rg__listeners_t *listeners);

// Removes the ipc path and ends the claim.
void rg__endpoint_release(const char *endpoint, int *lock);

// ---- CURVE and the ZAP handler (access.c)
// Makes a socket a CURVE client with the key pair of options->identity. The errors of rg_keypair_read.
int rg__curve_client(const rg_wire_options_t *options, zsock_t *socket);

// The ZAP handler of an encrypted service (RFC 27): admits the keys of the access list. It has no thread. The
// service loop polls its item and calls serve, so a handshake waits for at most one handler, as a status
// request does. ZeroMQ has one place for a handler per process, so one service per process can be encrypted.
typedef struct rg__zap rg__zap_t;

// Also makes the socket a CURVE server; call it before the socket is bound. The errors of rg_keypair_read and
// rg_access_list_read; RG_EBUSY: the place is taken.
int rg__zap_new(rg__zap_t **zap, const rg_wire_options_t *options, zsock_t *socket);
void rg__zap_destroy(rg__zap_t **zap); // after the socket

zmq_pollitem_t rg__zap_item(rg__zap_t *zap);
void rg__zap_serve(rg__zap_t *zap); // answers handshakes; logs the keys that it refuses

// 0 if the access list is in force; zap may be NULL. RG_EBUSY if its file cannot be read: no key is allowed
// until it can be, and it is tried again.
int rg__zap_check(rg__zap_t *zap);

// The sender of this part of a message, by the current access list. zap NULL: the socket is not encrypted (a
// unix socket, loopback, or options->insecure), and every sender is an admin. name lives until the next call.
typedef struct {
    enum rg_role role;
    const char *name;
} rg__sender_t;
rg__sender_t rg__zap_sender(rg__zap_t *zap, zmq_msg_t *part);

// ---- links in the service loop (link.c)
enum { RG__LINK_ITEMS = 33 };                                                 // at most
size_t rg__link_items(rg_link_t *link, zmq_pollitem_t items[RG__LINK_ITEMS]); // gives the number of items
int rg__link_dispatch(rg_link_t *link);             // handles what has come; gives the number of callbacks
double rg__link_deadline_ms(const rg_link_t *link); // the earliest deadline, on rg_clock_ms; or INFINITY
void rg__link_log_waiting(rg_link_t *link); // logs now and then while replies are outstanding for long

#endif
