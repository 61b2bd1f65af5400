
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/wire/http_private.h"

enum { IDLE_S = 10, BACKLOG = 64 };

// ------------------------------------------------------------------ turns
// Zero would disarm the timer: an immediate turn comes a nanosecond from now.
static void set_timer(rg_http_t *http, unsigned long long ms)
{
    const struct timespec when = {.tv_sec = (time_t)(ms / 1000),
                                  .tv_nsec = ms ? (long)(ms % 1000) * 1000000 : 1};
    timerfd_settime(http->timer, 0, &(struct itimerspec){.it_value = when}, NULL);
}

// The daemon does not count a connection that goes on among what wants a turn.
void rg__http_wake(rg_http_t *http)
{
    set_timer(http, 0);
}

// Also makes an expired timer unreadable.
static void plan_turn(rg_http_t *http)
{
    MHD_UNSIGNED_LONG_LONG ms;
    if (MHD_get_timeout(http->daemon, &ms) == MHD_YES)
        set_timer(http, ms);
    else
        timerfd_settime(http->timer, 0, &(struct itimerspec){0}, NULL);
}

static unsigned count_connections(const rg_http_t *http)
{
    return MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections;
}

// When all connections are taken the daemon stops listening, and listens again in the turn after one ended,
// which no event would bring about.
void rg__http_step(void *self)
{
    rg_http_t *http = self;
    for (unsigned before = UINT_MAX, now = count_connections(http); now < before;) {
        before = now;
        MHD_run(http->daemon);
        now = count_connections(http);
    }
    plan_turn(http);
}

int rg__http_fd(const rg_http_t *http)
{
    return http->fd;
}

// ------------------------------------------------------------------ life
// A listening socket, or -1 with errno set.
static int listen_on(const struct addrinfo *where)
{
    int fd = socket(where->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(fd, where->ai_addr, where->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0) return fd;
    int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

static int open_socket(const char *address, const char *service, int port, int *fd)
{
    char text[8];
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM}, *where;
    snprintf(text, sizeof text, "%d", port);
    int failed = getaddrinfo(address, text, &hints, &where);
    if (failed)
        return rg_fail(RG_ECONFIG, "http.address: '%s' is no address: %s", address, gai_strerror(failed));
    *fd = listen_on(where);
    int err =
        *fd < 0 ? rg_fail_errno(RG_EIO, "http.%s: cannot listen on %s port %d", service, address, port) : 0;
    freeaddrinfo(where);
    return err;
}

static int watch(int epoll, int fd)
{
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN});
}

// Text that is unescaped in place.
static size_t unescape(void *self, struct MHD_Connection *connection, char *text)
{
    (void)self, (void)connection;
    return rg__http_unescape(text);
}

// The daemon takes the socket over.
static int start(rg_http_t *http, int socket)
{
    http->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, rg__http_handle,
                                    http, MHD_OPTION_LISTEN_SOCKET, socket, MHD_OPTION_CONNECTION_LIMIT,
                                    http->spec.connections, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
                                    MHD_OPTION_NOTIFY_COMPLETED, rg__http_complete, http,
                                    MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL, MHD_OPTION_END);
    if (!http->daemon) {
        close(socket);
        return rg_fail(RG_ELIMIT, "cannot start the HTTP daemon");
    }
    http->fd = epoll_create1(EPOLL_CLOEXEC);
    http->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (watch(http->fd, http->timer) != 0 || watch(http->fd, info->epoll_fd) != 0)
        return rg_fail_errno(RG_ELIMIT, "cannot watch the HTTP daemon");
    return 0;
}

void rg__http_add(rg_http_t *http, const rg_http_route_t *routes, size_t n_routes, void *self)
{
    assert(http->n_sets < RG__HTTP_SETS);
    http->sets[http->n_sets++] = (rg__http_set_t){routes, n_routes, self};
}

int rg__http_new(rg_http_t **out, const char *address, int port, const char *service,
                 const rg_http_spec_t *spec)
{
    int socket = -1, err = open_socket(address, service, port, &socket);
    if (err) return err;
    rg_http_t *http = rg_alloc(sizeof *http);
    *http = (rg_http_t){.fd = -1, .timer = -1, .spec = *spec};
    rg__http_add(http, spec->routes, spec->n_routes, spec->self);
    err = start(http, socket);
    if (err)
        rg__http_destroy(&http);
    else
        *out = http;
    return err;
}

void rg__http_destroy(rg_http_t **out)
{
    rg_http_t *http = *out;
    if (!http) return;
    if (http->daemon) {
        rg__http_refuse_waiting(http);
        MHD_run(http->daemon);
        MHD_stop_daemon(http->daemon); // and the listening socket
    }
    if (http->timer >= 0) close(http->timer);
    if (http->fd >= 0) close(http->fd);
    free(http);
    *out = NULL;
}
