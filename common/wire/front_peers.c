// The connections of a front.
//
// Stages of a connection
//
//     HELLO       peer ──► front                 the front sends the greeting, and collects the peer's greeting
//        │                                       and first command: 1,097 bytes at most
//     HANDSHAKE   peer ◄──► front ◄──► ZeroMQ    the front repeats these bytes to ZeroMQ and lets one more small
//        │                                       command pass, until ZeroMQ says READY
//     OPEN        peer ◄══► front ◄══► ZeroMQ    all bytes pass; the front follows the sizes of frames
//     LEAVING               front ◄──► ZeroMQ    the peer is gone; ZeroMQ reads what came, and hangs up
//
// If both directions end while ZeroMQ does not read, because the queue of the service is full, libzmq 4.3.4
// aborts the process at a ping among the bytes that it holds. So the front ends only the direction to it.
//
// A peer without a key gets as far as HANDSHAKE. There it costs a session of ZeroMQ and the bytes of two
// small commands, for RG__HANDSHAKE_MS, and there are at most `unknown_max` such peers: another one takes
// the place of the oldest, first of those of its own address if that has half of the places.
//
// A frame that has begun reserves its size from the budget of bytes in receipt until it is complete. If the
// budget is used up, frames wait before their first byte; a peer then only sees that tcp takes nothing more.
// A frame has to come at a least rate, which is higher while others wait.
//
// The body of a large frame goes to ZeroMQ without a copy (relay.h), as soon as its header has passed.
#include "common/wire/front_private.h"

#include <math.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/log.h"

enum { SMALL = 1 << 16, FRAME_EXTRA = 64 }; // SMALL: frames up to this size reserve nothing
enum { GRACE_MS = 10000, RATE = 1024, GRACE_WAITING_MS = 1000, RATE_WAITING = 8192 }; // rates in bytes per ms

// ---- the end of a connection
int rg__front_places(const rg__front_t *front)
{
    return front->limit + front->unknown_max;
}

void rg__front_refuse(rg__front_t *front, const char *address, const char *reason)
{
    atomic_fetch_add(&front->refused, 1);
    rg_log(RG_LOG_WARN, "connection-refused", "address=%s reason=\"%s\"", address, reason);
}

static void release_frame_budget(rg__front_t *front, rg__peer_t *peer)
{
    front->receipt -= peer->reserved;
    peer->reserved = 0;
    if (peer->waits_ms > 0) front->n_waiting--;
    peer->waits_ms = 0;
    peer->since_ms = INFINITY;
}

// A child that was forked may hold copies of the descriptors: shutdown ends the connection nevertheless.
static void close_side(rg__peer_t *peer, int side)
{
    free(peer->bytes[side].data);
    peer->bytes[side] = (rg__transit_t){0};
    if (peer->fd[side] < 0) return;
    shutdown(peer->fd[side], SHUT_RDWR);
    close(peer->fd[side]);
    peer->fd[side] = -1;
}

void rg__peer_vacate(rg__front_t *front, rg__peer_t *peer)
{
    if (peer->stage >= RG__OPEN)
        atomic_store(&front->connections, --front->n_open);
    else
        front->n_unknown--;
    for (int side = 0; side < 2; side++) close_side(peer, side);
    *peer = (rg__peer_t){.fd = {-1, -1}};
}

static void leave(rg__front_t *front, rg__peer_t *peer)
{
    struct epoll_event event = {.events = EPOLLIN,
                                .data.u64 = (uint64_t)(peer - front->peers) * 2 + RG__INSIDE};
    close_side(peer, RG__OUTSIDE);
    free(peer->bytes[RG__INSIDE].data);
    shutdown(peer->fd[RG__INSIDE], SHUT_WR);
    epoll_ctl(front->epoll, EPOLL_CTL_MOD, peer->fd[RG__INSIDE], &event);
    *peer = (rg__peer_t){.stage = RG__LEAVING, .fd = {-1, peer->fd[RG__INSIDE]}, .since_ms = INFINITY};
}

void rg__peer_drop(rg__front_t *front, rg__peer_t *peer)
{
    if (*peer->fault) rg__front_refuse(front, peer->address, peer->fault);
    release_frame_budget(front, peer);
    (peer->stage == RG__OPEN ? leave : rg__peer_vacate)(front, peer);
}

// ---- frames
static int budget_allows(const rg__front_t *front, uint64_t size)
{
    return front->receipt == 0 || front->receipt + size <= front->budget;
}

static void reserve(rg__front_t *front, rg__peer_t *peer)
{
    if (peer->waits_ms > 0) front->n_waiting--;
    peer->waits_ms = 0;
    peer->since_ms = rg_clock_ms();
    peer->reserved = peer->stream[RG__OUTSIDE].size > SMALL ? peer->stream[RG__OUTSIDE].size : 0;
    front->receipt += peer->reserved;
}

static void begin_frame(rg__front_t *front, rg__peer_t *peer)
{
    const rg__zmtp_t *stream = &peer->stream[RG__OUTSIDE];
    unsigned commands = front->is_curve ? 2 : 1;
    if (peer->stage == RG__HANDSHAKE) {
        if (!rg__zmtp_is_command(stream) || stream->size > RG__ZMTP_COMMAND_MAX || stream->count > commands)
            peer->fault = "not a handshake";
    } else if (stream->size > front->frame_max + FRAME_EXTRA) {
        peer->fault = "a frame exceeds limits.message_max_mib";
    } else if (stream->size > SMALL && (front->n_waiting > 0 || !budget_allows(front, stream->size))) {
        peer->waits_ms = rg_clock_ms();
        front->n_waiting++;
    } else {
        reserve(front, peer);
    }
}

static void open_peer(rg__front_t *front, rg__peer_t *peer)
{
    peer->stage = RG__OPEN;
    peer->since_ms = INFINITY;
    front->n_unknown--;
    atomic_store(&front->connections, ++front->n_open);
    if (front->n_open > front->limit) peer->fault = "limits.connections is reached";
}

// Lets bytes of the peer pass as long as frames may come in.
static void pass_outside(rg__front_t *front, rg__peer_t *peer)
{
    rg__transit_t *bytes = &peer->bytes[RG__OUTSIDE];
    const unsigned char *at = bytes->data + bytes->seen;
    size_t left = bytes->end - bytes->seen;
    while (!peer->fault && peer->waits_ms == 0) {
        enum rg__zmtp_event event = rg__zmtp_next(&peer->stream[RG__OUTSIDE], &at, &left);
        if (event == RG__ZMTP_MORE) break;
        if (event == RG__ZMTP_BEGIN)
            begin_frame(front, peer);
        else if (peer->stage == RG__OPEN)
            release_frame_budget(front, peer);
        else if (!front->is_curve)
            open_peer(front, peer);
    }
    bytes->seen = bytes->end - left;
    // ZeroMQ takes memory for a frame when it has the whole header.
    bytes->passed = peer->waits_ms > 0 ? bytes->seen - 1 : bytes->seen;
}

// Lets all bytes of ZeroMQ pass. With CURVE its second command says whether the key is allowed.
static void pass_inside(rg__front_t *front, rg__peer_t *peer)
{
    rg__transit_t *bytes = &peer->bytes[RG__INSIDE];
    size_t left = bytes->end, skipped = left < peer->skip ? left : peer->skip;
    const unsigned char *at = bytes->data + skipped;
    peer->skip -= skipped;
    left -= skipped;
    bytes->sent = skipped;
    bytes->passed = bytes->end;
    while (peer->stage == RG__HANDSHAKE) {
        enum rg__zmtp_event event = rg__zmtp_next(&peer->stream[RG__INSIDE], &at, &left);
        if (event == RG__ZMTP_MORE) break;
        if (event == RG__ZMTP_END && front->is_curve && rg__zmtp_is_named(&peer->stream[RG__INSIDE], "READY"))
            open_peer(front, peer);
        if (event == RG__ZMTP_END && rg__zmtp_is_named(&peer->stream[RG__INSIDE], "ERROR"))
            rg__front_refuse(front, peer->address, "the key is not allowed");
    }
}

// ---- bytes
int rg__peer_watch(rg__front_t *front, rg__peer_t *peer, int side, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.u64 = (uint64_t)(peer - front->peers) * 2 + side};
    peer->events[side] = events;
    return epoll_ctl(front->epoll, EPOLL_CTL_ADD, peer->fd[side], &event);
}

static void connect_inside(rg__front_t *front, rg__peer_t *peer)
{
    const int buffer = RG__RELAY_BUFFER;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    peer->fd[RG__INSIDE] = fd;
    if (fd < 0 || connect(fd, (struct sockaddr *)&front->inside, front->inside_size) != 0 ||
        rg__peer_watch(front, peer, RG__INSIDE, EPOLLIN) != 0)
        peer->fault = "too many handshakes at once";
    peer->stage = RG__HANDSHAKE;
    peer->skip = RG__ZMTP_GREETING;
    peer->bytes[RG__OUTSIDE].seen = RG__ZMTP_GREETING;
}

static void pass_bytes(rg__front_t *front, rg__peer_t *peer, int from)
{
    const rg__transit_t *bytes = &peer->bytes[from];
    if (peer->stage == RG__HELLO) {
        int is_hello = rg__zmtp_hello(front->is_curve, bytes->data, bytes->end);
        if (is_hello < 0) peer->fault = "not a peer with the same security.keys";
        if (is_hello <= 0) return;
        connect_inside(front, peer);
    }
    if (from == RG__OUTSIDE)
        pass_outside(front, peer);
    else
        pass_inside(front, peer);
}

// Sends what has passed.
static void send_bytes(rg__front_t *front, rg__peer_t *peer, int from)
{
    rg__transit_t *bytes = &peer->bytes[from];
    if (!peer->fault && rg__relay_send(bytes, peer->fd[!from]) != 0) peer->fault = "";
    rg__relay_keep(&front->relay, bytes);
}

static void move_bytes(rg__front_t *front, rg__peer_t *peer, int from)
{
    pass_bytes(front, peer, from);
    if (peer->stage != RG__HELLO) send_bytes(front, peer, from);
}

// Reads once. A peer that is not through the handshake has a small buffer.
static void copy_side(rg__front_t *front, rg__peer_t *peer, int from)
{
    rg__transit_t *bytes = &peer->bytes[from];
    size_t capacity = peer->stage == RG__OPEN ? RG__RELAY_CHUNK : RG__ZMTP_HELLO_MAX;
    if (peer->stage == RG__HELLO && !bytes->data) bytes->data = rg_alloc(capacity);
    long n = rg__relay_read(&front->relay, bytes, peer->fd[from], capacity);
    if (n < 0) peer->fault = "";
    if (n > 0)
        move_bytes(front, peer, from);
    else if (peer->stage != RG__HELLO)
        rg__relay_keep(&front->relay, bytes);
}

// Bytes that need not be looked at: the body of a large frame that has begun, but for its end.
static uint64_t unseen_bytes(const rg__peer_t *peer)
{
    const rg__zmtp_t *stream = &peer->stream[RG__OUTSIDE];
    return peer->stage == RG__OPEN && stream->in_body && stream->left > SMALL ? stream->left - SMALL : 0;
}

static void splice_body(rg__front_t *front, rg__peer_t *peer, uint64_t most)
{
    long n = rg__relay_splice(&front->relay, &peer->bytes[RG__OUTSIDE], peer->fd[RG__OUTSIDE],
                              peer->fd[RG__INSIDE], most);
    if (n < 0) peer->fault = "";
    if (n > 0) rg__zmtp_skip(&peer->stream[RG__OUTSIDE], (uint64_t)n);
}

static void read_side(rg__front_t *front, rg__peer_t *peer, int from)
{
    uint64_t unseen = from == RG__OUTSIDE ? unseen_bytes(peer) : 0;
    if (peer->stage != RG__HELLO && peer->bytes[from].end > 0) return; // the other side takes nothing more
    if (unseen > 0)
        splice_body(front, peer, unseen);
    else
        copy_side(front, peer, from);
}

static void change_watch(rg__front_t *front, rg__peer_t *peer, int side)
{
    const rg__transit_t *in = &peer->bytes[side], *out = &peer->bytes[!side];
    uint32_t events = out->sent < out->passed ? EPOLLOUT : 0;
    if (peer->stage == RG__HELLO || in->end == 0) events |= EPOLLIN;
    if (peer->fd[side] < 0 || events == peer->events[side]) return;
    struct epoll_event event = {.events = events, .data.u64 = (uint64_t)(peer - front->peers) * 2 + side};
    peer->events[side] = events;
    epoll_ctl(front->epoll, EPOLL_CTL_MOD, peer->fd[side], &event);
}

void rg__peer_settle(rg__front_t *front, rg__peer_t *peer)
{
    for (int side = 0; side < 2 && !peer->fault; side++) change_watch(front, peer, side);
    if (peer->fault) rg__peer_drop(front, peer);
}

void rg__peer_serve(rg__front_t *front, rg__peer_t *peer, int side, uint32_t events)
{
    if (peer->stage == RG__VACANT) return; // it ended earlier in this turn
    if (peer->stage == RG__LEAVING) {
        if (side == RG__INSIDE && rg__relay_discard(&front->relay, peer->fd[RG__INSIDE]) != 0)
            rg__peer_vacate(front, peer);
        return;
    }
    int is_broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
    if (events & EPOLLOUT) send_bytes(front, peer, !side);
    if (is_broken && !(peer->events[side] & EPOLLIN))
        peer->fault = "";
    else if (!peer->fault && events & (EPOLLIN | EPOLLERR | EPOLLHUP))
        read_side(front, peer, side);
    rg__peer_settle(front, peer);
}

// ---- waiting
// Frames begin in the order in which they came.
void rg__peers_resume(rg__front_t *front)
{
    while (front->n_waiting > 0) {
        rg__peer_t *first = NULL;
        for (rg__peer_t *peer = front->peers; peer < front->peers + rg__front_places(front); peer++)
            if (peer->waits_ms > 0 && (!first || peer->waits_ms < first->waits_ms)) first = peer;
        if (!budget_allows(front, first->stream[RG__OUTSIDE].size)) return;
        reserve(front, first);
        move_bytes(front, first, RG__OUTSIDE);
        rg__peer_settle(front, first);
    }
}

static int is_late(const rg__front_t *front, const rg__peer_t *peer, double now_ms)
{
    double spent_ms = now_ms - peer->since_ms, size = (double)peer->stream[RG__OUTSIDE].size;
    if (peer->stage != RG__OPEN) return spent_ms > RG__HANDSHAKE_MS;
    if (front->n_waiting > 0 && peer->reserved > 0 && spent_ms > GRACE_WAITING_MS + size / RATE_WAITING)
        return 1;
    return spent_ms > GRACE_MS + size / RATE;
}

// A frame is not late while ZeroMQ, which waits for the service, takes nothing.
void rg__peers_check_times(rg__front_t *front, double now_ms)
{
    double tick_ms = now_ms - front->ticked_ms;
    for (rg__peer_t *peer = front->peers; peer < front->peers + rg__front_places(front); peer++) {
        if (peer->stage == RG__VACANT || peer->stage == RG__LEAVING) continue;
        if (peer->stage == RG__OPEN && peer->bytes[RG__OUTSIDE].sent < peer->bytes[RG__OUTSIDE].passed)
            peer->since_ms += tick_ms;
        if (!is_late(front, peer, now_ms)) continue;
        peer->fault = peer->stage == RG__OPEN ? "a frame comes too slowly" : "the handshake takes too long";
        rg__peer_drop(front, peer);
    }
}
