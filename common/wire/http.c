#include "common/wire/http.h"

#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"

enum { CONNECTIONS_MAX = 16, IDLE_S = 10, BACKLOG = 64 };

struct rg__http {
    struct MHD_Daemon *daemon;
    int fd;    // epoll: of the daemon's own epoll and the timer
    int timer; // when the daemon wants its next turn, whatever its sockets do
    rg__metrics_fn *metrics;
    void *self;
};

// ------------------------------------------------------------------ requests
// Takes text over.
static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
                              char *text)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    if (!response) {
        free(text);
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET");
    enum MHD_Result queued = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result say(struct MHD_Connection *connection, unsigned status, const char *sentence)
{
    return answer(connection, status, "text/plain; charset=utf-8", rg_format("%s\n", sentence));
}

static int has_body(struct MHD_Connection *connection)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH) ||
           MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING);
}

static enum MHD_Result handle_get(rg__http_t *http, struct MHD_Connection *connection, const char *path)
{
    if (strcmp(path, "/healthz") == 0) return say(connection, MHD_HTTP_OK, "ok");
    if (strcmp(path, "/metrics") == 0)
        return answer(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8",
                      http->metrics(http->self));
    return say(connection, MHD_HTTP_NOT_FOUND, "there are /metrics and /healthz");
}

// Called when the head of a request is there, and again at its end, with what is kept in *context. An answer
// to the head alone ends the connection: what comes after it is not read.
static enum MHD_Result handle(void *self, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *body, size_t *body_size,
                              void **context)
{
    (void)version, (void)body, (void)body_size;
    if (*context) return handle_get(self, connection, path);
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0)
        return say(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET is answered");
    if (has_body(connection)) return say(connection, MHD_HTTP_BAD_REQUEST, "a request takes no body");
    *context = self;
    return MHD_YES;
}

// ------------------------------------------------------------------ turns
// Zero would disarm the timer: an immediate turn comes a nanosecond from now.
static void set_timer(rg__http_t *http)
{
    MHD_UNSIGNED_LONG_LONG ms;
    struct itimerspec when = {0};
    if (MHD_get_timeout(http->daemon, &ms) == MHD_YES) {
        when.it_value.tv_sec = (time_t)(ms / 1000);
        when.it_value.tv_nsec = ms ? (long)(ms % 1000) * 1000000 : 1;
    }
    timerfd_settime(http->timer, 0, &when, NULL);
}

static unsigned count_connections(const rg__http_t *http)
{
    return MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections;
}

// When all connections are taken the daemon stops listening, and listens again in the turn after one ended,
// which no event would bring about.
void rg__http_step(void *self)
{
    rg__http_t *http = self;
    for (unsigned before = UINT_MAX, now = count_connections(http); now < before;) {
        before = now;
        MHD_run(http->daemon);
        now = count_connections(http);
    }
    set_timer(http); // which also makes an expired timer unreadable
}

int rg__http_fd(const rg__http_t *http)
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

// The daemon takes the socket over.
static int start(rg__http_t *http, int socket)
{
    http->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, handle, http, MHD_OPTION_LISTEN_SOCKET,
                                    socket, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
                                    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_END);
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

int rg__http_new(rg__http_t **out, const rg_config_t *config, const char *service, rg__metrics_fn *metrics,
                 void *self)
{
    int port = rg_config_http_port(config, service), socket = -1;
    *out = NULL;
    if (port == 0) return 0;
    int err = open_socket(config->http.address, service, port, &socket);
    if (err) return err;
    rg__http_t *http = rg_alloc(sizeof *http);
    *http = (rg__http_t){.fd = -1, .timer = -1, .metrics = metrics, .self = self};
    err = start(http, socket);
    if (err)
        rg__http_destroy(&http);
    else
        *out = http;
    return err;
}

void rg__http_destroy(rg__http_t **out)
{
    rg__http_t *http = *out;
    if (!http) return;
    if (http->daemon) MHD_stop_daemon(http->daemon); // and the listening socket
    if (http->timer >= 0) close(http->timer);
    if (http->fd >= 0) close(http->fd);
    free(http);
    *out = NULL;
}
