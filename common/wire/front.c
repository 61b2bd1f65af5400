// The front of a service: accepts connections, and its thread serves them (front_peers.c).
//
// ZeroMQ listens at a unix socket without a file, and takes only connections of this process.
#include "common/wire/front_private.h"

#include <errno.h>
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/core/log.h"

enum { AT_LISTENER = -2, AT_WAKE = -1 }; // numbers of other descriptors in epoll; AT_LISTENER and below
enum { UNKNOWN_MAX = 256, OWN_FILES = 256, FILES_MAX = 1 << 20 };
enum { EVENTS = 64, ACCEPTS = 64, TICK_MS = 250, BACKLOG = 1024, BUDGET_FRAMES = 4 };

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

// Makes place for a peer of this address that is not known yet.
static void make_place(rg__front_t *front, const char *address)
{
    rg__peer_t *oldest = NULL, *own = NULL;
    int n_own = 0;
    for (rg__peer_t *peer = front->peers; peer < front->peers + rg__front_places(front); peer++) {
        if (peer->stage != RG__HELLO && peer->stage != RG__HANDSHAKE) continue;
        int is_own = strcmp(peer->address, address) == 0;
        n_own += is_own;
        if (!oldest || peer->since_ms < oldest->since_ms) oldest = peer;
        if (is_own && (!own || peer->since_ms < own->since_ms)) own = peer;
    }
    rg__peer_t *victim = n_own >= front->unknown_max / 2          ? own
                         : front->n_unknown == front->unknown_max ? oldest
                                                                  : NULL;
    if (!victim) return;
    victim->fault = "too many handshakes at once";
    rg__peer_drop(front, victim);
}

static void welcome(rg__front_t *front, int fd, const char *address)
{
    unsigned char greeting[RG__ZMTP_GREETING];
    rg__peer_t *peer = front->peers;
    make_place(front, address);
    while (peer->stage != RG__VACANT) peer++;
    *peer = (rg__peer_t){.stage = RG__HELLO, .fd = {fd, -1}, .since_ms = rg_clock_ms()};
    snprintf(peer->address, sizeof peer->address, "%s", address);
    front->n_unknown++;
    rg__tcp_tune(fd);
    rg__zmtp_greet(front->is_curve, greeting);
    if (send(fd, greeting, sizeof greeting, MSG_NOSIGNAL | MSG_DONTWAIT) != sizeof greeting ||
        rg__peer_watch(front, peer, RG__OUTSIDE, EPOLLIN) != 0)
        peer->fault = "";
    rg__peer_settle(front, peer);
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
            rg__front_refuse(front, address, "limits.connections is reached");
            close(fd);
        }
    }
}

// ---- the thread
static void tick(rg__front_t *front)
{
    double now_ms = rg_clock_ms();
    rg__peers_check_times(front, now_ms);
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
            rg__peer_serve(front, &front->peers[events[i].data.u64 / 2], (int)(events[i].data.u64 % 2),
                           events[i].events);
    if (rg_clock_ms() - front->ticked_ms >= TICK_MS) tick(front);
    rg__peers_resume(front);
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
    int err = rg__relay_init(&front->relay);
    if (!err) err = rg__tcp_listen(endpoint, &front->listeners);
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
    front->peers = rg_alloc((size_t)rg__front_places(front) * sizeof *front->peers);
    front->epoll = front->wake = front->relay.pipe[0] = front->relay.pipe[1] = -1;
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
    for (rg__peer_t *peer = front->peers; peer < front->peers + rg__front_places(front); peer++)
        if (peer->stage != RG__VACANT) rg__peer_vacate(front, peer);
    rg__tcp_close(&front->listeners);
    rg__relay_fini(&front->relay);
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
