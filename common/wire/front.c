#include "common/wire/front.h"

#include <errno.h>
#include <math.h>
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/core/log.h"
#include "common/core/thread.h"
#include "common/wire/zmtp.h"

// A connection and its stages
//
//     HELLO       peer ──► front                 the front sends the greeting, and collects the peer's greeting
//        │                                       and first command: 1,097 bytes at most
//     HANDSHAKE   peer ◄──► front ◄──► ZeroMQ    the front repeats these bytes to ZeroMQ and lets one more small
//        │                                       command pass, until ZeroMQ says READY
//     OPEN        peer ◄══► front ◄══► ZeroMQ    all bytes pass; the front follows the sizes of frames
//
// A peer without a key gets as far as HANDSHAKE. There it costs a session of ZeroMQ and the bytes of two
// small commands, for RG__HANDSHAKE_MS, and there are at most `unknown_max` such peers: another one takes
// the place of the oldest, first of those of its own address if that has half of the places.
//
// A frame that has begun reserves its size from the budget of bytes in receipt until it is complete. If the
// budget is used up, frames wait before their first byte; a peer then only sees that tcp takes nothing more.
// A frame has to come at a least rate, which is higher while others wait.
//
// ZeroMQ listens at a unix socket without a file, and takes only connections of this process.
enum { OUTSIDE, INSIDE };                  // the peer, ZeroMQ
enum { AT_LISTENER = -2, AT_WAKE = -1 };   // numbers of other descriptors in epoll; AT_LISTENER and below
enum { CHUNK = 1 << 16, SMALL = 1 << 16 }; // bytes read at once; frames up to SMALL reserve nothing
enum { UNKNOWN_MAX = 256, OWN_FILES = 256, FILES_MAX = 1 << 20 };
enum { EVENTS = 64, ACCEPTS = 64, TICK_MS = 250, BACKLOG = 1024, FRAME_EXTRA = 64, BUDGET_FRAMES = 4 };
enum { GRACE_MS = 10000, RATE = 1024, GRACE_WAITING_MS = 1000, RATE_WAITING = 8192 }; // rates in bytes per ms

enum stage { VACANT, HELLO, HANDSHAKE, OPEN };

// Bytes on their way from one side to the other.
typedef struct {
    unsigned char *data;      // [end]; NULL: none. On the heap, or the scratch of the front for a moment
    size_t sent, passed, end; // up to `passed` they may be sent, what follows has to wait
    size_t seen;              // of the peer: up to here frames are known
} bytes_t;

typedef struct {
    enum stage stage;
    int fd[2];
    uint32_t events[2];   // that epoll watches
    bytes_t bytes[2];     // by the side that they come from
    rg__zmtp_t stream[2]; // the same
    size_t skip;          // bytes of ZeroMQ's greeting, which the front has sent already
    double since_ms;      // it was accepted; later: the current frame began; INFINITY: no frame is in receipt
    double waits_ms;      // since when the current frame waits for the budget; 0: it does not
    uint64_t reserved;    // for the current frame
    const char *fault;    // why it has to end; "": the peer has hung up; NULL: it goes on
    char address[INET6_ADDRSTRLEN];
} peer_t;

struct rg__front {
    int is_curve;
    uint64_t frame_max, budget, receipt; // receipt: reserved by all frames
    int limit, unknown_max;              // peers that are through the handshake; that are not
    int n_open, n_unknown, n_waiting;
    peer_t *peers; // [limit + unknown_max]
    int epoll, wake;
    int resting; // no descriptor was left: accept again after a tick
    double ticked_ms;
    rg__listeners_t listeners;
    struct sockaddr_un inside;
    socklen_t inside_size;
    rg_worker_t *worker;
    atomic_int connections, refused;
    unsigned char scratch[CHUNK];
};

// ---- the end of a connection
static int slots(const rg__front_t *front)
{
    return front->limit + front->unknown_max;
}

static void log_drop(rg__front_t *front, const char *address, const char *reason)
{
    atomic_fetch_add(&front->refused, 1);
    rg_log(RG_LOG_WARN, "connection-refused", "address=%s reason=\"%s\"", address, reason);
}

static void release_frame_budget(rg__front_t *front, peer_t *peer)
{
    front->receipt -= peer->reserved;
    peer->reserved = 0;
    if (peer->waits_ms > 0) front->n_waiting--;
    peer->waits_ms = 0;
    peer->since_ms = INFINITY;
}

// A child that was forked may hold copies of the descriptors: shutdown ends the connection nevertheless.
static void drop_peer(rg__front_t *front, peer_t *peer)
{
    if (*peer->fault) log_drop(front, peer->address, peer->fault);
    if (peer->stage == OPEN)
        atomic_store(&front->connections, --front->n_open);
    else
        front->n_unknown--;
    release_frame_budget(front, peer);
    for (int side = 0; side < 2; side++) {
        free(peer->bytes[side].data);
        if (peer->fd[side] < 0) continue;
        shutdown(peer->fd[side], SHUT_RDWR);
        close(peer->fd[side]);
    }
    *peer = (peer_t){.fd = {-1, -1}};
}

// ---- frames
static int budget_allows(const rg__front_t *front, uint64_t size)
{
    return front->receipt == 0 || front->receipt + size <= front->budget;
}

static void reserve(rg__front_t *front, peer_t *peer)
{
    if (peer->waits_ms > 0) front->n_waiting--;
    peer->waits_ms = 0;
    peer->since_ms = rg_clock_ms();
    peer->reserved = peer->stream[OUTSIDE].size > SMALL ? peer->stream[OUTSIDE].size : 0;
    front->receipt += peer->reserved;
}

static void begin_frame(rg__front_t *front, peer_t *peer)
{
    const rg__zmtp_t *stream = &peer->stream[OUTSIDE];
    unsigned commands = front->is_curve ? 2 : 1;
    if (peer->stage == HANDSHAKE) {
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

static void open_peer(rg__front_t *front, peer_t *peer)
{
    peer->stage = OPEN;
    peer->since_ms = INFINITY;
    front->n_unknown--;
    atomic_store(&front->connections, ++front->n_open);
    if (front->n_open > front->limit) peer->fault = "limits.connections is reached";
}

// Lets bytes of the peer pass as long as frames may come in.
static void pass_outside(rg__front_t *front, peer_t *peer)
{
    bytes_t *bytes = &peer->bytes[OUTSIDE];
    const unsigned char *at = bytes->data + bytes->seen;
    size_t left = bytes->end - bytes->seen;
    while (!peer->fault && peer->waits_ms == 0) {
        enum rg__zmtp_event event = rg__zmtp_next(&peer->stream[OUTSIDE], &at, &left);
        if (event == RG__ZMTP_MORE) break;
        if (event == RG__ZMTP_BEGIN)
            begin_frame(front, peer);
        else if (peer->stage == OPEN)
            release_frame_budget(front, peer);
        else if (!front->is_curve)
            open_peer(front, peer);
    }
    bytes->seen = bytes->end - left;
    // ZeroMQ takes memory for a frame when it has the whole header.
    bytes->passed = peer->waits_ms > 0 ? bytes->seen - 1 : bytes->seen;
}

// Lets all bytes of ZeroMQ pass. With CURVE its second command says whether the key is allowed.
static void pass_inside(rg__front_t *front, peer_t *peer)
{
    bytes_t *bytes = &peer->bytes[INSIDE];
    size_t left = bytes->end, skipped = left < peer->skip ? left : peer->skip;
    const unsigned char *at = bytes->data + skipped;
    peer->skip -= skipped;
    left -= skipped;
    bytes->sent = skipped;
    bytes->passed = bytes->end;
    while (peer->stage == HANDSHAKE) {
        enum rg__zmtp_event event = rg__zmtp_next(&peer->stream[INSIDE], &at, &left);
        if (event == RG__ZMTP_MORE) break;
        if (event == RG__ZMTP_END && front->is_curve && rg__zmtp_is_named(&peer->stream[INSIDE], "READY"))
            open_peer(front, peer);
        if (event == RG__ZMTP_END && rg__zmtp_is_named(&peer->stream[INSIDE], "ERROR"))
            log_drop(front, peer->address, "the key is not allowed");
    }
}

// ---- bytes
static int watch_peer(rg__front_t *front, peer_t *peer, int side, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.u64 = (uint64_t)(peer - front->peers) * 2 + side};
    peer->events[side] = events;
    return epoll_ctl(front->epoll, EPOLL_CTL_ADD, peer->fd[side], &event);
}

static void connect_inside(rg__front_t *front, peer_t *peer)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    peer->fd[INSIDE] = fd;
    if (fd < 0 || connect(fd, (struct sockaddr *)&front->inside, front->inside_size) != 0 ||
        watch_peer(front, peer, INSIDE, EPOLLIN) != 0)
        peer->fault = "too many handshakes at once";
    peer->stage = HANDSHAKE;
    peer->skip = RG__ZMTP_GREETING;
    peer->bytes[OUTSIDE].seen = RG__ZMTP_GREETING;
}

static void pass_bytes(rg__front_t *front, peer_t *peer, int from)
{
    const bytes_t *bytes = &peer->bytes[from];
    if (peer->stage == HELLO) {
        int is_hello = rg__zmtp_hello(front->is_curve, bytes->data, bytes->end);
        if (is_hello < 0) peer->fault = "not a peer with the same security.keys";
        if (is_hello <= 0) return;
        connect_inside(front, peer);
    }
    if (from == OUTSIDE)
        pass_outside(front, peer);
    else
        pass_inside(front, peer);
}

static int would_block(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static void send_passed(peer_t *peer, int from)
{
    bytes_t *bytes = &peer->bytes[from];
    while (!peer->fault && bytes->sent < bytes->passed) {
        ssize_t n = send(peer->fd[!from], bytes->data + bytes->sent, bytes->passed - bytes->sent,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && would_block()) return;
        if (n < 0)
            peer->fault = "";
        else
            bytes->sent += (size_t)n;
    }
}

// Keeps on the heap what could not be sent.
static void keep_rest(rg__front_t *front, bytes_t *bytes)
{
    size_t rest = bytes->end - bytes->sent;
    unsigned char *old = bytes->data;
    if (rest > 0 && old != front->scratch) return;
    if (rest > 0) {
        bytes->data = memcpy(rg_alloc(rest), old + bytes->sent, rest);
        size_t sent = bytes->sent;
        *bytes = (bytes_t){bytes->data, 0, bytes->passed - sent, rest,
                           bytes->seen > sent ? bytes->seen - sent : 0};
    } else {
        *bytes = (bytes_t){0};
        if (old != front->scratch) free(old);
    }
}

static void move_bytes(rg__front_t *front, peer_t *peer, int from)
{
    pass_bytes(front, peer, from);
    if (peer->stage != HELLO) {
        send_passed(peer, from);
        keep_rest(front, &peer->bytes[from]);
    }
}

// Reads once. A peer that is not through the handshake has a small buffer.
static void read_side(rg__front_t *front, peer_t *peer, int from)
{
    bytes_t *bytes = &peer->bytes[from];
    size_t capacity = peer->stage == OPEN ? CHUNK : RG__ZMTP_HELLO_MAX;
    if (peer->stage != HELLO && bytes->end > 0) return; // the other side takes nothing more
    if (!bytes->data) bytes->data = peer->stage == HELLO ? rg_alloc(capacity) : front->scratch;
    ssize_t n = recv(peer->fd[from], bytes->data + bytes->end, capacity - bytes->end, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && !would_block())) peer->fault = "";
    if (n > 0) bytes->end += (size_t)n;
    if (n > 0)
        move_bytes(front, peer, from);
    else if (peer->stage != HELLO)
        keep_rest(front, bytes);
}

static void change_watch(rg__front_t *front, peer_t *peer, int side)
{
    const bytes_t *in = &peer->bytes[side], *out = &peer->bytes[!side];
    uint32_t events = out->sent < out->passed ? EPOLLOUT : 0;
    if (peer->stage == HELLO || in->end == 0) events |= EPOLLIN;
    if (peer->fd[side] < 0 || events == peer->events[side]) return;
    struct epoll_event event = {.events = events, .data.u64 = (uint64_t)(peer - front->peers) * 2 + side};
    peer->events[side] = events;
    epoll_ctl(front->epoll, EPOLL_CTL_MOD, peer->fd[side], &event);
}

static void settle(rg__front_t *front, peer_t *peer)
{
    for (int side = 0; side < 2 && !peer->fault; side++) change_watch(front, peer, side);
    if (peer->fault) drop_peer(front, peer);
}

static void serve_peer(rg__front_t *front, peer_t *peer, int side, uint32_t events)
{
    if (peer->stage == VACANT) return; // it ended earlier in this turn
    int is_broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
    if (events & EPOLLOUT) {
        send_passed(peer, !side);
        keep_rest(front, &peer->bytes[!side]);
    }
    if (is_broken && !(peer->events[side] & EPOLLIN))
        peer->fault = "";
    else if (!peer->fault && events & (EPOLLIN | EPOLLERR | EPOLLHUP))
        read_side(front, peer, side);
    settle(front, peer);
}

// ---- waiting
// Frames begin in the order in which they came.
static void resume_waiting(rg__front_t *front)
{
    while (front->n_waiting > 0) {
        peer_t *first = NULL;
        for (peer_t *peer = front->peers; peer < front->peers + slots(front); peer++)
            if (peer->waits_ms > 0 && (!first || peer->waits_ms < first->waits_ms)) first = peer;
        if (!budget_allows(front, first->stream[OUTSIDE].size)) return;
        reserve(front, first);
        move_bytes(front, first, OUTSIDE);
        settle(front, first);
    }
}

static int is_late(const rg__front_t *front, const peer_t *peer, double now_ms)
{
    double spent_ms = now_ms - peer->since_ms, size = (double)peer->stream[OUTSIDE].size;
    if (peer->stage != OPEN) return spent_ms > RG__HANDSHAKE_MS;
    if (front->n_waiting > 0 && peer->reserved > 0 && spent_ms > GRACE_WAITING_MS + size / RATE_WAITING)
        return 1;
    return spent_ms > GRACE_MS + size / RATE;
}

// A frame is not late while ZeroMQ, which waits for the service, takes nothing.
static void check_times(rg__front_t *front, double now_ms)
{
    double tick_ms = now_ms - front->ticked_ms;
    for (peer_t *peer = front->peers; peer < front->peers + slots(front); peer++) {
        if (peer->stage == VACANT) continue;
        if (peer->stage == OPEN && peer->bytes[OUTSIDE].sent < peer->bytes[OUTSIDE].passed)
            peer->since_ms += tick_ms;
        if (!is_late(front, peer, now_ms)) continue;
        peer->fault = peer->stage == OPEN ? "a frame comes too slowly" : "the handshake takes too long";
        drop_peer(front, peer);
    }
}

// ---- accepting
// While no descriptor is left, connections wait in the kernel until the next tick.
static void rest_listeners(rg__front_t *front, int resting)
{
    if (resting == front->resting) return;
    front->resting = resting;
    for (int i = 0; i < front->listeners.count; i++) {
        struct epoll_event event = {.events = resting ? 0 : EPOLLIN, .data.u64 = (uint64_t)(AT_LISTENER - i)};
        epoll_ctl(front->epoll, EPOLL_CTL_MOD, front->listeners.fd[i], &event);
    }
}

static void set_tcp(int fd)
{
    const int on = 1, idle = RG__KEEPALIVE_S, count = 3;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

// Makes place for a peer of this address that is not known yet.
static void make_place(rg__front_t *front, const char *address)
{
    peer_t *oldest = NULL, *own = NULL;
    int n_own = 0;
    for (peer_t *peer = front->peers; peer < front->peers + slots(front); peer++) {
        if (peer->stage != HELLO && peer->stage != HANDSHAKE) continue;
        int is_own = strcmp(peer->address, address) == 0;
        n_own += is_own;
        if (!oldest || peer->since_ms < oldest->since_ms) oldest = peer;
        if (is_own && (!own || peer->since_ms < own->since_ms)) own = peer;
    }
    peer_t *victim = n_own >= front->unknown_max / 2          ? own
                     : front->n_unknown == front->unknown_max ? oldest
                                                              : NULL;
    if (!victim) return;
    victim->fault = "too many handshakes at once";
    drop_peer(front, victim);
}

static void welcome(rg__front_t *front, int fd, const char *address)
{
    unsigned char greeting[RG__ZMTP_GREETING];
    peer_t *peer = front->peers;
    make_place(front, address);
    while (peer->stage != VACANT) peer++;
    *peer = (peer_t){.stage = HELLO, .fd = {fd, -1}, .since_ms = rg_clock_ms()};
    snprintf(peer->address, sizeof peer->address, "%s", address);
    front->n_unknown++;
    set_tcp(fd);
    rg__zmtp_greet(front->is_curve, greeting);
    if (send(fd, greeting, sizeof greeting, MSG_NOSIGNAL | MSG_DONTWAIT) != sizeof greeting ||
        watch_peer(front, peer, OUTSIDE, EPOLLIN) != 0)
        peer->fault = "";
    settle(front, peer);
}

static void accept_peers(rg__front_t *front, int listener)
{
    for (int i = 0; i < ACCEPTS && !front->resting; i++) {
        struct sockaddr_storage from;
        socklen_t size = sizeof from;
        char address[INET6_ADDRSTRLEN] = "";
        int fd = accept4(listener, (struct sockaddr *)&from, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
            rest_listeners(front, 1);
        if (fd < 0) return;
        getnameinfo((struct sockaddr *)&from, size, address, sizeof address, NULL, 0, NI_NUMERICHOST);
        if (front->n_open < front->limit) {
            welcome(front, fd, address);
        } else {
            log_drop(front, address, "limits.connections is reached");
            close(fd);
        }
    }
}

// ---- the thread
static void tick(rg__front_t *front)
{
    double now_ms = rg_clock_ms();
    check_times(front, now_ms);
    rest_listeners(front, 0);
    front->ticked_ms = now_ms;
}

static int turn(rg__front_t *front)
{
    struct epoll_event events[EVENTS];
    int is_busy = front->n_open + front->n_unknown > 0 || front->resting;
    int n = epoll_wait(front->epoll, events, EVENTS, is_busy ? TICK_MS : -1);
    if (n < 0 && errno != EINTR) return rg_fail_errno(RG_EIO, "cannot wait for connections");
    for (int i = 0; i < n; i++)
        if ((int64_t)events[i].data.u64 >= 0)
            serve_peer(front, &front->peers[events[i].data.u64 / 2], (int)(events[i].data.u64 % 2),
                       events[i].events);
    if (rg_clock_ms() - front->ticked_ms >= TICK_MS) tick(front);
    resume_waiting(front);
    // Last, so that no event of this turn meets a new peer in an old place.
    for (int i = 0; i < n; i++)
        if ((int64_t)events[i].data.u64 <= AT_LISTENER)
            accept_peers(front, front->listeners.fd[AT_LISTENER - (int64_t)events[i].data.u64]);
    return 0;
}

static int run_front(void *self, const atomic_int *stop)
{
    rg__front_t *front = self;
    int err = 0;
    while (!err && !atomic_load(stop)) err = turn(front);
    if (err) rg_log(RG_LOG_ERROR, "front-ended", "error=\"%s\"", rg_error());
    return err;
}

// ---- life
// Binds the socket of ZeroMQ to a random name of the abstract space, where a filter keeps out other
// processes.
static int bind_inside(rg__front_t *front, zsock_t *socket)
{
    uint64_t random[2];
    char endpoint[64];
    pid_t self = getpid();
    void *handle = zsock_resolve(socket);
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return rg_fail_errno(RG_EIO, "cannot draw random bytes");
    snprintf(endpoint, sizeof endpoint, "ipc://@rg-%016llx%016llx", (unsigned long long)random[0],
             (unsigned long long)random[1]);
    front->inside.sun_family = AF_UNIX;
    size_t length = strlen(endpoint + 7);
    memcpy(front->inside.sun_path + 1, endpoint + 7, length);
    front->inside_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
    zsock_set_backlog(socket, BACKLOG);
    if (zmq_setsockopt(handle, ZMQ_IPC_FILTER_PID, &self, sizeof self) != 0 ||
        zmq_bind(handle, endpoint) != 0)
        return rg_fail(RG_EIO, "cannot listen for the front: %s", zmq_strerror(zmq_errno()));
    return 0;
}

static int watch_listener(rg__front_t *front, int64_t number, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)number};
    return epoll_ctl(front->epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? 0
                                                                   : rg_fail_errno(RG_ELIMIT, "cannot watch");
}

static int open_front(rg__front_t *front, const char *endpoint, zsock_t *socket)
{
    front->epoll = epoll_create1(EPOLL_CLOEXEC);
    front->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (front->epoll < 0 || front->wake < 0) return rg_fail_errno(RG_ELIMIT, "%s: cannot listen", endpoint);
    int err = rg__tcp_listen(endpoint, &front->listeners);
    if (!err) err = bind_inside(front, socket);
    if (!err) err = watch_listener(front, AT_WAKE, front->wake);
    for (int i = 0; i < front->listeners.count && !err; i++)
        err = watch_listener(front, AT_LISTENER - i, front->listeners.fd[i]);
    if (!err) err = rg_worker_new(&front->worker);
    return err ? err : rg_worker_start(front->worker, run_front, front);
}

// Each peer needs three descriptors: one outside, and two of the pair inside.
static void plan_places(rg__front_t *front, int connections)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    int most = files.rlim_cur < FILES_MAX ? (int)files.rlim_cur : FILES_MAX;
    int places = most > 2 * OWN_FILES ? (most - OWN_FILES) / 3 : most / 6;
    front->unknown_max = places / 4 < UNKNOWN_MAX ? places / 4 : UNKNOWN_MAX;
    front->limit = places - front->unknown_max < connections ? places - front->unknown_max : connections;
}

int rg__front_new(rg__front_t **out, const rg_wire_options_t *options, const char *endpoint, zsock_t *socket)
{
    rg__front_t *front = rg_alloc(sizeof *front);
    front->is_curve = rg__endpoint_encrypts(options, endpoint);
    front->frame_max = (uint64_t)options->message_max_mib << 20;
    front->budget = BUDGET_FRAMES * front->frame_max;
    plan_places(front, options->connections);
    front->peers = rg_alloc((size_t)slots(front) * sizeof *front->peers);
    front->epoll = front->wake = -1;
    int err = open_front(front, endpoint, socket);
    if (err)
        rg__front_destroy(&front);
    else
        *out = front;
    return err;
}

void rg__front_destroy(rg__front_t **out)
{
    rg__front_t *front = *out;
    if (!front) return;
    if (front->worker) {
        rg_worker_stop(front->worker);
        eventfd_write(front->wake, 1);
        rg_worker_destroy(&front->worker);
    }
    for (peer_t *peer = front->peers; peer < front->peers + slots(front); peer++) {
        peer->fault = "";
        if (peer->stage != VACANT) drop_peer(front, peer);
    }
    rg__tcp_close(&front->listeners);
    if (front->epoll >= 0) close(front->epoll);
    if (front->wake >= 0) close(front->wake);
    free(front->peers);
    free(front);
    *out = NULL;
}

const char *rg__front_endpoint(const rg__front_t *front)
{
    return front->listeners.endpoint;
}

rg__front_counts_t rg__front_counts(const rg__front_t *front)
{
    return (rg__front_counts_t){atomic_load(&front->connections), atomic_load(&front->refused)};
}
