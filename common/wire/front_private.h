// Inside the front: what front.c (accepting, the thread) and front_peers.c (connections) share.
#ifndef RG_WIRE_FRONT_PRIVATE_H
#define RG_WIRE_FRONT_PRIVATE_H

#include <netinet/in.h>
#include <sys/un.h>

#include "common/core/thread.h"
#include "common/wire/front.h"
#include "common/wire/relay.h"
#include "common/wire/zmtp.h"

enum { RG__OUTSIDE, RG__INSIDE }; // the peer, ZeroMQ

// front_peers.c shows how they follow each other.
enum rg__stage { RG__VACANT, RG__HELLO, RG__HANDSHAKE, RG__OPEN, RG__LEAVING };

typedef struct {
    enum rg__stage stage;
    int fd[2];
    uint32_t events[2];     // that epoll watches
    rg__transit_t bytes[2]; // by the side that they come from
    rg__zmtp_t stream[2];   // the same
    size_t skip;            // bytes of ZeroMQ's greeting, which the front has sent already
    double since_ms;   // it was accepted; later: the current frame began; INFINITY: no frame is in receipt
    double waits_ms;   // since when the current frame waits for the budget; 0: it does not
    uint64_t reserved; // for the current frame
    const char *fault; // why it has to end; "": the peer has hung up; NULL: it goes on
    char address[INET6_ADDRSTRLEN];
} rg__peer_t;

struct rg__front {
    int is_curve;
    uint64_t frame_max, budget, receipt; // receipt: reserved by all frames
    int limit, unknown_max;              // peers that are through the handshake; that are not
    int n_open, n_unknown, n_waiting;
    rg__peer_t *peers; // [limit + unknown_max]
    int epoll, wake;
    int resting; // no descriptor was left: accept again after a tick
    double ticked_ms;
    rg__listeners_t listeners;
    struct sockaddr_un inside;
    socklen_t inside_size;
    rg_worker_t *worker;
    atomic_int connections, refused;
    rg__relay_t relay;
};

int rg__front_places(const rg__front_t *front); // for peers

// Logs and counts a connection that is refused.
void rg__front_refuse(rg__front_t *front, const char *address, const char *reason);

// Has epoll watch one side of a peer. Not 0: it cannot.
int rg__peer_watch(rg__front_t *front, rg__peer_t *peer, int side, uint32_t events);

// Handles what epoll tells about one side.
void rg__peer_serve(rg__front_t *front, rg__peer_t *peer, int side, uint32_t events);

// After a change: watches what the peer waits for now, or drops it if it has a fault.
void rg__peer_settle(rg__front_t *front, rg__peer_t *peer);

// Ends a connection that has a fault; frees a place at once.
void rg__peer_drop(rg__front_t *front, rg__peer_t *peer);
void rg__peer_vacate(rg__front_t *front, rg__peer_t *peer);

// Begins frames that have waited for the budget, in the order in which they came.
void rg__peers_resume(rg__front_t *front);

// Drops peers that are late. To be called several times per second.
void rg__peers_check_times(rg__front_t *front, double now_ms);

#endif
