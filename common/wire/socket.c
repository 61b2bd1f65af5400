#include "common/wire/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/endpoint.h"
#include "common/core/err.h"
#include "common/core/file.h"

// Sockets with all limits set, messages of several frames, and endpoints.
//
// Frames of a message are sent without a copy: ZeroMQ gets a pointer into the payload and a reference to the
// message, and calls release_frame when the frame has left. Frames that are received are not copied either:
// the message keeps the zmq_msg_t parts that it points into.
//
// A connection that breaks is tried again soon, then less and less often: most often the service is being
// started again, which takes a tenth of a second.
enum { RECONNECT_MS = 10, RECONNECT_MAX_MS = 250 };

// CZMQ must not handle signals: the service loop does.
static void leave_signals_alone(void)
{
    zsys_handler_set(NULL);
}

// Only links send pings; a ping tells the service how long to wait for the next one. A service must not send
// pings: libzmq 4.3.4 aborts the process when it pings a peer that filled its queue and hung up. For the same
// reason the receive queue of a link has no limit; it holds at most the replies that the link asked for.
static void set_heartbeat(zsock_t *socket, const rg_wire_options_t *options)
{
    int patience = 3 * options->heartbeat_ms;
    zsock_set_rcvhwm(socket, 0);
    zsock_set_heartbeat_ivl(socket, options->heartbeat_ms);
    zsock_set_heartbeat_timeout(socket, patience);
    zsock_set_heartbeat_ttl(socket, patience);
}

zsock_t *rg__socket_new(int type, const rg_wire_options_t *options, int linger_ms)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, leave_signals_alone);
    zsock_t *socket = zsock_new(type);
    if (!socket) return NULL;
    zsock_set_linger(socket, linger_ms);
    zsock_set_maxmsgsize(socket, options->message_max_mib * (1 << 20));
    zsock_set_sndhwm(socket, options->queue);
    zsock_set_rcvhwm(socket, options->queue);
    zsock_set_handshake_ivl(socket, RG__HANDSHAKE_MS);
    zsock_set_reconnect_ivl(socket, RECONNECT_MS);
    zsock_set_reconnect_ivl_max(socket, RECONNECT_MAX_MS);
    zsock_set_tcp_keepalive(socket, 1); // notices a peer whose machine is gone
    zsock_set_tcp_keepalive_idle(socket, RG__KEEPALIVE_S);
    zsock_set_tcp_keepalive_intvl(socket, RG__KEEPALIVE_S);
    zsock_set_tcp_keepalive_cnt(socket, 3);
    if (type == ZMQ_DEALER) set_heartbeat(socket, options);
    return socket;
}

// ---- sending
static void release_frame(void *data, void *hint)
{
    (void)data;
    rg_msg_t *msg = hint;
    rg_msg_destroy(&msg);
}

// What else is to be called when an envelope has left.
typedef struct {
    rg_free_fn *release;
    void *hint;
} end_t;

static void release_envelope(void *data, void *hint)
{
    end_t *end = hint;
    free(data);
    if (end) end->release(NULL, end->hint);
    free(end);
}

// A message ends with its last frame. The others wait for the payloads, which refer to the message.
static end_t *take_end(rg_msg_t *msg, int more)
{
    void *hint;
    rg_free_fn *release = more ? NULL : rg__msg_take_end(msg, &hint);
    if (!release) return NULL;
    end_t *end = rg_alloc(sizeof *end);
    *end = (end_t){release, hint};
    return end;
}

// Sends one frame; releases it after a failure, too.
static int send_frame(void *handle, const rg_frame_t *frame, int more, zmq_free_fn *release, void *hint)
{
    zmq_msg_t part;
    if (zmq_msg_init_data(&part, (void *)frame->data, frame->size, release, hint) != 0)
        abort(); // out of memory
    if (zmq_msg_send(&part, handle, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) >= 0) return 0;
    int err = zmq_errno() == EHOSTUNREACH ? RG_ENOENT : RG_EBUSY;
    zmq_msg_close(&part);
    return err;
}

static int check_sizes(const rg_msg_t *msg, size_t envelope, size_t frame_max)
{
    rg_frame_t frame;
    if (envelope > frame_max)
        return rg_fail(RG_ELIMIT, "an envelope of %zu bytes exceeds limits.message_max_mib", envelope);
    for (size_t i = 0; rg_msg_frame(msg, i, &frame); i++)
        if (frame.size > frame_max)
            return rg_fail(RG_ELIMIT, "a payload of %zu bytes exceeds limits.message_max_mib", frame.size);
    return 0;
}

int rg__socket_send(zsock_t *socket, const rg_peer_t *peer, rg_msg_t *msg, uint64_t id, size_t frame_max)
{
    void *handle = zsock_resolve(socket);
    unsigned char *bytes;
    rg_frame_t envelope, frame, next;
    int err = rg_msg_pack(msg, id, &bytes, &envelope.size);
    if (err) return err;
    envelope.data = bytes;
    err = check_sizes(msg, envelope.size, frame_max);
    if (!err && peer && zmq_send(handle, peer->identity, peer->identity_size, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
        err = zmq_errno() == EHOSTUNREACH ? RG_ENOENT : RG_EBUSY;
    if (err) {
        free(bytes);
        return err;
    }
    int more = rg_msg_frame(msg, 0, &frame);
    err = send_frame(handle, &envelope, more, release_envelope, take_end(msg, more));
    if (err && !peer) return err;
    // After the first frame all others must follow: if the connection breaks meanwhile, ZeroMQ drops them.
    for (size_t i = 1; more; i++, frame = next) {
        more = rg_msg_frame(msg, i, &next);
        int failed = send_frame(handle, &frame, more, release_frame, rg_msg_retain(msg));
        if (failed) err = failed;
    }
    return err;
}

// ---- receiving
rg__parts_t *rg__parts_recv(zsock_t *socket)
{
    void *handle = zsock_resolve(socket);
    zmq_msg_t part;
    zmq_msg_init(&part);
    if (zmq_msg_recv(&part, handle, ZMQ_DONTWAIT) < 0) return NULL;
    rg__parts_t *parts = rg_alloc(sizeof *parts);
    for (int more = 1; more;) {
        more = zmq_msg_more(&part);
        if (parts->count < sizeof parts->part / sizeof *parts->part) {
            zmq_msg_init(&parts->part[parts->count]);
            zmq_msg_move(&parts->part[parts->count++], &part);
        } else {
            parts->cut = 1;
        }
        if (more && zmq_msg_recv(&part, handle, ZMQ_DONTWAIT) < 0) more = 0;
    }
    zmq_msg_close(&part);
    return parts;
}

void rg__parts_destroy(rg__parts_t **out)
{
    rg__parts_t *parts = *out;
    if (!parts) return;
    for (size_t i = 0; i < parts->count; i++) zmq_msg_close(&parts->part[i]);
    free(parts);
    *out = NULL;
}

size_t rg__parts_size(const rg__parts_t *parts)
{
    size_t size = 0;
    for (size_t i = 0; i < parts->count; i++) size += zmq_msg_size((zmq_msg_t *)&parts->part[i]);
    return size;
}

static void release_parts(void *data, void *hint)
{
    (void)data;
    rg__parts_t *parts = hint;
    rg__parts_destroy(&parts);
}

int rg__parts_parse(rg__parts_t **parts, size_t first, rg_msg_t **msg, uint64_t *id)
{
    rg__parts_t *p = *parts;
    rg_frame_t frames[RG_MSG_PAYLOADS_MAX + 2];
    size_t count = 0;
    *id = 0;
    for (size_t i = first; i < p->count; i++)
        frames[count++] = (rg_frame_t){.data = zmq_msg_data(&p->part[i]), .size = zmq_msg_size(&p->part[i])};
    int err = p->cut ? rg_fail(RG_ELIMIT, "more than %d payloads", RG_MSG_PAYLOADS_MAX)
                     : rg_msg_parse(msg, frames, count, release_parts, p);
    if (err) {
        if (count > 0) rg_msg_peek_id(&frames[0], id);
        return err;
    }
    *id = rg_msg_id(*msg);
    *parts = NULL;
    return 0;
}

// ---- endpoints
static const char *ipc_path(const char *endpoint)
{
    return strncmp(endpoint, "ipc://", 6) == 0 ? endpoint + 6 : NULL;
}

int rg__endpoint_check(const rg_wire_options_t *options, const char *endpoint)
{
    rg_endpoint_t parsed;
    const size_t longest = sizeof((struct sockaddr_un *)0)->sun_path - 1;
    int err = rg_endpoint_parse(endpoint, &parsed);
    if (err) return err;
    if (parsed.path && strlen(parsed.path) > longest)
        return rg_fail(
            RG_ECONFIG,
            "%s: a path of %zu characters is too long for a socket (%zu at most): set a shorter `run`, "
            "or endpoints.SERVICE",
            endpoint, strlen(parsed.path), longest);
    if (parsed.path) return 0;
    if (!rg_endpoint_is_loopback(&parsed) && !rg__endpoint_encrypts(options, endpoint) && !options->insecure)
        return rg_fail(RG_ECONFIG,
                       "%s: beyond loopback this socket is open to everyone; security.keys guards it (rg-ctl "
                       "keys), endpoints.insecure: true accepts that",
                       endpoint);
    return 0;
}

int rg__endpoint_encrypts(const rg_wire_options_t *options, const char *endpoint)
{
    return *options->keys && !ipc_path(endpoint);
}

// Names the process that wrote its id into the lock file.
static int fail_in_use(const char *endpoint, int fd)
{
    char pid[16] = "";
    ssize_t size = pread(fd, pid, sizeof pid - 1, 0);
    pid[size > 0 ? strspn(pid, "0123456789") : 0] = 0;
    return rg_fail(RG_EIO, "%s: already in use by process %s", endpoint, *pid ? pid : "unknown");
}

static int take_lock(const char *endpoint, const char *path, int *lock)
{
    char *name = rg_format("%s.lock", path);
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600), err = 0;
    if (fd < 0)
        err = rg_fail_errno(RG_EIO, "%s: cannot open", name);
    else if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        err = fail_in_use(endpoint, fd);
    else if (ftruncate(fd, 0) != 0 || dprintf(fd, "%d\n", (int)getpid()) < 0)
        err = rg_fail_errno(RG_EIO, "%s: cannot write", name);
    free(name);
    if (err && fd >= 0) close(fd);
    if (!err) *lock = fd;
    return err;
}

int rg__endpoint_claim(const char *endpoint, int *lock)
{
    const char *path = ipc_path(endpoint);
    struct stat info;
    *lock = -1;
    if (!path) return 0;
    int err = rg_mkdirs_for(path);
    if (err) return err;
    if (lstat(path, &info) == 0 && !S_ISSOCK(info.st_mode))
        return rg_fail(RG_EIO, "%s: the path exists and is not a socket", endpoint);
    return take_lock(endpoint, path, lock);
}

// The lock file stays: after an unlink two processes could lock two files of the same name.
void rg__endpoint_release(const char *endpoint, int *lock)
{
    if (*lock < 0) return;
    unlink(ipc_path(endpoint));
    close(*lock);
    *lock = -1;
}

// ---- listening

// A file system without sockets (exFAT, some network and shared folders) refuses them in several ways.
static int fail_to_listen(const char *endpoint, int error)
{
    if (ipc_path(endpoint) && (error == EPERM || error == EOPNOTSUPP || error == EINVAL))
        return rg_fail(
            RG_EIO,
            "%s: the file system of this path cannot hold sockets (exFAT cannot, for example): set `run` "
            "to a path on another disk, or endpoints.SERVICE to tcp://127.0.0.1:PORT",
            endpoint);
    return rg_fail(RG_EIO, "%s: cannot listen: %s", endpoint, zmq_strerror(error));
}

int rg__ipc_listen(zsock_t *socket, const char *endpoint)
{
    return zmq_bind(zsock_resolve(socket), endpoint) == 0 ? 0 : fail_to_listen(endpoint, zmq_errno());
}

static int system_has_ipv6(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) close(fd);
    return fd >= 0;
}

void rg__endpoint_numeric(const struct sockaddr *address, socklen_t size, int port,
                          char out[RG__ENDPOINT_SIZE])
{
    char host[NI_MAXHOST] = "";
    getnameinfo(address, size, host, sizeof host, NULL, 0, NI_NUMERICHOST);
    snprintf(out, RG__ENDPOINT_SIZE, address->sa_family == AF_INET6 ? "tcp://[%.64s]:%d" : "tcp://%.64s:%d",
             host, port);
}

// Listens at one address, with the port of the endpoint or, if that is 0, with any.
static int listen_at(rg__listeners_t *listeners, const struct addrinfo *at)
{
    const int on = 1, off = 0;
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (at->ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;
    if (bind(fd, at->ai_addr, at->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0 ||
        getsockname(fd, (struct sockaddr *)&bound, &size) != 0) {
        int error = errno;
        close(fd);
        return error;
    }
    int port = ntohs(at->ai_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                               : ((struct sockaddr_in *)&bound)->sin_port);
    listeners->fd[listeners->count++] = fd;
    rg__endpoint_numeric((struct sockaddr *)&bound, size, port, listeners->endpoint);
    return 0;
}

// Listens at all addresses of a name: localhost is 127.0.0.1 and ::1. One of them is enough. A socket of
// all IPv6 addresses also takes IPv4.
int rg__tcp_listen(const char *endpoint, rg__listeners_t *listeners)
{
    rg_endpoint_t parsed;
    char port[16];
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE},
                    *list;
    int err = rg_endpoint_parse(endpoint, &parsed), error = 0;
    if (err) return err;
    int is_any = strcmp(parsed.host, "*") == 0;
    if (is_any) hints.ai_family = system_has_ipv6() ? AF_INET6 : AF_INET;
    snprintf(port, sizeof port, "%d", parsed.port);
    int unknown = getaddrinfo(is_any ? NULL : parsed.host, port, &hints, &list);
    if (unknown) return rg_fail(RG_EIO, "%s: cannot listen: %s", endpoint, gai_strerror(unknown));
    for (const struct addrinfo *at = list; at && listeners->count < RG__LISTENERS_MAX; at = at->ai_next) {
        int failed = listen_at(listeners, at);
        if (failed) error = failed;
        if (parsed.port == 0 && !failed) break;
    }
    freeaddrinfo(list);
    return listeners->count > 0 ? 0 : fail_to_listen(endpoint, error);
}

void rg__tcp_tune(int fd)
{
    const int on = 1, idle = RG__KEEPALIVE_S, count = 3;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

void rg__tcp_close(rg__listeners_t *listeners)
{
    while (listeners->count > 0) close(listeners->fd[--listeners->count]);
}
