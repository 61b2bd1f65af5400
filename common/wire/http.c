#include "common/wire/http.h"

#include <assert.h>
#include <limits.h>
#include <microhttpd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/wire/http_connections.h"
#include "common/wire/http_head.h"

// The life of a request
//
//     head there ──► admit ──► route found ──► body arrives ──► the route's handler ──► rg_http_reply, now or later
//                     │            │              │                                        │
//                     └────────────┴── refused ───┴────────────────────────────────────────┴──► response queued
//
// libmicrohttpd calls handle_request for each of these steps, all in rg__http_step on the loop's thread. A
// handler that does not answer at once leaves the connection suspended; rg_http_reply resumes it.
//
// libmicrohttpd ends a connection that is silent for IDLE_S. It has no deadline for a whole head, and above
// its limit of connections it stops listening, so clients that send a byte now and then could keep everyone
// else out. http_connections.h adds deadlines and decides who makes room for a new connection. The limit of
// the daemon is higher, for connections that are cut and not closed yet.
//
// The loop watches one epoll descriptor. It holds the daemon's own epoll descriptor and a timer, because the
// daemon also wants turns without any event: when connections time out, are resumed, or when it may listen
// again.
enum { IDLE_S = 10, ROUTE_SETS = 2, CHUNK = 1 << 14, ALLOW_SIZE = 64 };

// Connections beyond those of the requests that may be in work: for health, metrics, and refusals.
enum { RESERVE = 16 };

// Routes with the self of their handlers.
typedef struct {
    const rg_http_route_t *routes;
    size_t n;
    void *self;
} route_set_t;

struct rg_http {
    struct MHD_Daemon *daemon;
    int fd;    // epoll: of the daemon's own epoll and the timer
    int timer; // of the next turn that the daemon wants without an event of its sockets
    rg_http_spec_t spec;
    route_set_t sets[ROUTE_SETS];
    size_t n_sets;
    rg__http_connections_t connections;
    LIST_HEAD(, rg_http_request) requests; // all that are not completed
    unsigned waiting;                      // of them, for the service's answer
    size_t memory;                         // bytes of their bodies and answers
};

// ---- turns
// Zero would disarm the timer, so an immediate turn comes after a nanosecond.
static void set_timer(rg_http_t *http, unsigned long long ms)
{
    const struct timespec when = {.tv_sec = (time_t)(ms / 1000),
                                  .tv_nsec = ms ? (long)(ms % 1000) * 1000000 : 1};
    timerfd_settime(http->timer, 0, &(struct itimerspec){.it_value = when}, NULL);
}

// Gives the daemon a turn, which it does not ask for when a suspended connection is resumed.
static void wake_daemon(rg_http_t *http)
{
    set_timer(http, 0);
}

// For a turn when the daemon wants one, at the latest at the next deadline. Also makes an expired timer
// unreadable.
static void plan_turn(rg_http_t *http)
{
    MHD_UNSIGNED_LONG_LONG ms;
    double deadline = rg__http_connections_cut_late(&http->connections, rg_clock_ms());
    if (MHD_get_timeout(http->daemon, &ms) == MHD_YES)
        set_timer(http, deadline >= 0 && deadline < (double)ms ? (unsigned long long)deadline + 1 : ms);
    else if (deadline >= 0)
        set_timer(http, (unsigned long long)deadline + 1);
    else
        timerfd_settime(http->timer, 0, &(struct itimerspec){0}, NULL);
}

static unsigned count_connections(const rg_http_t *http)
{
    return MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections;
}

// With all connections taken the daemon stops listening. It listens again in the turn after one of them
// ended, for which no event comes, so a turn that ended connections is followed by another.
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

struct rg_http_request {
    rg_http_t *http;
    LIST_ENTRY(rg_http_request) entry;
    struct MHD_Connection *connection;
    rg__http_connection_t *client;
    const char *method, *path, *parameter;
    const rg_http_route_t *route;  // NULL: none has this path and method
    const route_set_t *set;        // of the route
    char allow[ALLOW_SIZE];        // methods that this path has
    unsigned char *body;           // [capacity + 1]
    size_t size, capacity;         // bytes that came, bytes there is memory for
    size_t swallowed;              // bytes that were not kept
    unsigned refused;              // the status of a body that is not kept, or 0
    size_t counted;                // of http->memory
    struct MHD_Response *response; // to be queued
    unsigned status;
    int replied, waiting; // waiting: the connection is suspended
    int malformed;        // the connection ends with the reply
};

// ---- reading a request
const char *rg_http_method(const rg_http_request_t *request)
{
    return request->method;
}

const char *rg_http_path(const rg_http_request_t *request)
{
    return request->path;
}

const char *rg_http_parameter(const rg_http_request_t *request)
{
    return request->parameter;
}

const char *rg_http_query(const rg_http_request_t *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *rg_http_header(const rg_http_request_t *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const unsigned char *rg_http_body(const rg_http_request_t *request, size_t *size)
{
    *size = request->size;
    return request->body;
}

unsigned char *rg_http_take_body(rg_http_request_t *request, size_t *size)
{
    unsigned char *body = request->body;
    *size = request->size;
    request->body = NULL;
    return body;
}

// ---- answers
static void count_memory(rg_http_request_t *request, size_t bytes)
{
    request->counted += bytes;
    request->http->memory += bytes;
}

static struct MHD_Response *make_response(rg_http_request_t *request, const rg_http_reply_t *reply)
{
    void *taken = reply->text ? reply->text : reply->bytes;
    size_t size = reply->text ? strlen(reply->text) : reply->size;
    if (!taken && reply->fd) return MHD_create_response_from_fd64(size, reply->fd);
    if (!taken) return MHD_create_response_from_buffer(size, (void *)reply->data, MHD_RESPMEM_PERSISTENT);
    count_memory(request, size);
    struct MHD_Response *response = MHD_create_response_from_buffer(size, taken, MHD_RESPMEM_MUST_FREE);
    if (!response) free(taken);
    return response;
}

static void add_headers(const rg_http_request_t *request, const rg_http_reply_t *reply)
{
    struct MHD_Response *response = request->response;
    if (reply->type) MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->type);
    for (const rg_http_header_t *common = request->http->spec.headers; common && common->name; common++)
        MHD_add_response_header(response, common->name, common->value);
    for (int i = 0; i < RG_HTTP_HEADERS && reply->headers[i].name; i++)
        MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value);
    if (request->malformed) MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    if (reply->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, request->allow);
    if (reply->status == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    if (reply->status == MHD_HTTP_SERVICE_UNAVAILABLE)
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
}

void rg_http_reply(rg_http_request_t *request, const rg_http_reply_t *reply)
{
    assert(!request->replied);
    request->replied = 1;
    request->status = reply->status;
    request->response = make_response(request, reply);
    if (request->response) add_headers(request, reply);
    if (!request->waiting) return;
    request->waiting = 0;
    request->http->waiting--;
    MHD_resume_connection(request->connection); // handle_request is called again
    wake_daemon(request->http);
}

void rg_http_reply_text(rg_http_request_t *request, unsigned status, const char *sentence)
{
    rg_http_reply(request, &(rg_http_reply_t){.status = status,
                                              .type = "text/plain; charset=utf-8",
                                              .text = rg_format("%s\n", sentence)});
}

static void http_refuse(rg_http_request_t *request, unsigned status, const char *sentence)
{
    const rg_http_spec_t *spec = &request->http->spec;
    if (spec->refuse)
        spec->refuse(spec->self, request, status, sentence);
    else
        rg_http_reply_text(request, status, sentence);
}

// Without memory for a response the connection ends.
static enum MHD_Result queue_response(rg_http_request_t *request)
{
    if (!request->response) return MHD_NO;
    rg__http_connection_enter(request->client, RG__HTTP_ANSWER, rg_clock_ms());
    enum MHD_Result queued = MHD_queue_response(request->connection, request->status, request->response);
    MHD_destroy_response(request->response);
    request->response = NULL;
    return queued;
}

// Answers the suspended requests; the daemon cannot be stopped before.
static void refuse_waiting(rg_http_t *http)
{
    rg_http_request_t *request;
    LIST_FOREACH(request, &http->requests, entry)
    if (request->waiting) http_refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, "the service is stopping");
}

// ---- the head of a request
static int matches_route(const rg_http_route_t *route, const char *path, const char **parameter)
{
    size_t n = strlen(route->path) - 1;
    *parameter = NULL;
    if (route->path[n] != '*') return strcmp(path, route->path) == 0;
    if (strncmp(path, route->path, n) != 0 || !path[n]) return 0;
    *parameter = path + n;
    return 1;
}

static void add_allowed(rg_http_request_t *request, const char *method)
{
    size_t n = strlen(request->allow);
    snprintf(request->allow + n, ALLOW_SIZE - n, "%s%s", n ? ", " : "", method);
}

static void find_route(rg_http_request_t *request)
{
    const rg_http_t *http = request->http;
    const char *method =
                   strcmp(request->method, MHD_HTTP_METHOD_HEAD) == 0 ? MHD_HTTP_METHOD_GET : request->method,
               *parameter;
    for (size_t i = 0; i < http->n_sets; i++)
        for (size_t j = 0; j < http->sets[i].n; j++) {
            const rg_http_route_t *route = &http->sets[i].routes[j];
            if (!matches_route(route, request->path, &parameter)) continue;
            add_allowed(request, route->method);
            if (request->route || strcmp(route->method, method) != 0) continue;
            request->route = route;
            request->parameter = parameter;
            request->set = &http->sets[i];
        }
}

static void refuse_route(rg_http_request_t *request)
{
    char sentence[ALLOW_SIZE + 32];
    snprintf(sentence, sizeof sentence, "only %s is answered", request->allow);
    if (*request->allow)
        http_refuse(request, MHD_HTTP_METHOD_NOT_ALLOWED, sentence);
    else
        http_refuse(request, MHD_HTTP_NOT_FOUND, request->http->spec.not_found);
}

// The Content-Length, whose syntax the daemon has checked; 0: none, though a body may still follow.
static unsigned long long announced_size(const rg_http_request_t *request)
{
    const char *length = rg_http_header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return length ? strtoull(length, NULL, 10) : 0;
}

static int has_body(const rg_http_request_t *request)
{
    return announced_size(request) > 0 || rg_http_header(request, MHD_HTTP_HEADER_TRANSFER_ENCODING);
}

static void refuse_size(rg_http_request_t *request)
{
    char sentence[128];
    const char *key = request->route->body_key;
    snprintf(sentence, sizeof sentence, "a body may have %zu bytes%s%s%s", request->route->body_max,
             key ? " (" : "", key ? key : "", key ? ")" : "");
    http_refuse(request, MHD_HTTP_CONTENT_TOO_LARGE, sentence);
}

// The next try of the client may succeed.
static void refuse_memory(rg_http_request_t *request)
{
    rg__http_connections_cut_slow_body(&request->http->connections, rg_clock_ms());
    http_refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE,
                "the bodies of other requests take all memory; try again later");
}

static void check_body(rg_http_request_t *request)
{
    unsigned long long size = announced_size(request);
    if (!has_body(request)) return;
    if (request->route->body_max == 0)
        http_refuse(request, MHD_HTTP_BAD_REQUEST, "this request takes no body");
    else if (size > request->route->body_max)
        refuse_size(request);
    else if (request->http->memory + size > request->http->spec.memory)
        refuse_memory(request);
    else
        count_memory(request, request->capacity = (size_t)size);
}

static void take_head(rg_http_request_t *request)
{
    const rg_http_spec_t *spec = &request->http->spec;
    const char *fault = rg__http_head_fault(request->connection);
    if (fault) {
        request->malformed = 1;
        http_refuse(request, MHD_HTTP_BAD_REQUEST, fault);
        return;
    }
    if (spec->admit && !spec->admit(spec->self, request)) return;
    find_route(request);
    if (request->route)
        check_body(request);
    else
        refuse_route(request);
}

// ---- the body
static void drop_body(rg_http_request_t *request, unsigned status)
{
    free(request->body);
    request->body = NULL;
    request->size = 0;
    request->refused = status;
}

// Grows the memory of a body of unknown size to at least `size` bytes. 0: too much memory is in use.
static int grow_body(rg_http_request_t *request, size_t size)
{
    if (size <= request->capacity) return 1;
    size_t capacity = 2 * size > CHUNK ? 2 * size : CHUNK, max = request->route->body_max;
    if (capacity > max) capacity = max;
    size_t more = capacity - request->capacity;
    if (request->http->memory + more > request->http->spec.memory) return 0;
    count_memory(request, more);
    request->capacity = capacity;
    request->body = rg_realloc(request->body, capacity + 1);
    return 1;
}

static void append_body(rg_http_request_t *request, const char *data, size_t size)
{
    if (!request->body) request->body = rg_realloc(NULL, request->capacity + 1);
    memcpy(request->body + request->size, data, size);
    request->size += size;
    request->body[request->size] = 0;
}

static enum MHD_Result take_body(rg_http_request_t *request, const char *data, size_t size)
{
    const size_t max = request->route->body_max;
    if (!request->refused && request->size + size > max)
        drop_body(request, MHD_HTTP_CONTENT_TOO_LARGE);
    else if (!request->refused && !grow_body(request, request->size + size))
        drop_body(request, MHD_HTTP_SERVICE_UNAVAILABLE);
    if (!request->refused)
        append_body(request, data, size);
    else
        request->swallowed += size;
    return request->swallowed > max ? MHD_NO : MHD_YES;
}

// ---- the life of a request
// Requests in work leave connections for health and metrics, which are answered at once.
static int is_overloaded(const rg_http_request_t *request)
{
    const rg_http_t *http = request->http;
    return request->set == &http->sets[0] && http->waiting >= http->spec.connections;
}

static void handle_whole(rg_http_request_t *request)
{
    rg__http_connection_enter(request->client, RG__HTTP_WORK, rg_clock_ms());
    if (request->refused == MHD_HTTP_CONTENT_TOO_LARGE)
        refuse_size(request);
    else if (request->refused)
        refuse_memory(request);
    else if (is_overloaded(request))
        http_refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, "too many requests are in work; try again later");
    else
        request->route->handle(request->set->self, request);
    if (request->replied) return;
    request->waiting = 1;
    request->http->waiting++;
    MHD_suspend_connection(request->connection);
}

static rg_http_request_t *begin_request(rg_http_t *http, struct MHD_Connection *connection,
                                        const char *method, const char *path)
{
    rg_http_request_t *request = rg_alloc(sizeof *request);
    rg__http_connection_t *client =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    *request = (rg_http_request_t){
        .http = http, .connection = connection, .client = client, .method = method, .path = path};
    rg__http_connection_enter(client, RG__HTTP_BODY, rg_clock_ms());
    LIST_INSERT_HEAD(&http->requests, request, entry);
    return request;
}

// The daemon calls this when the head of a request is there (*context is NULL), for each piece of its body
// (*size is not 0), at its end, and again when a suspended connection is resumed. A request that is
// malformed, or has a body and is answered after its head alone, ends the connection; the body is not read.
static enum MHD_Result handle_request(void *http, struct MHD_Connection *connection, const char *path,
                                      const char *method, const char *version, const char *data, size_t *size,
                                      void **context)
{
    rg_http_request_t *request = *context;
    (void)version;
    if (!request) {
        *context = request = begin_request(http, connection, method, path);
        take_head(request);
        int ends = request->replied && (request->malformed || has_body(request));
        return ends ? queue_response(request) : MHD_YES;
    }
    if (*size) {
        enum MHD_Result taken = take_body(request, data, *size);
        *size = 0;
        return taken;
    }
    if (!request->replied) handle_whole(request);
    return request->replied ? queue_response(request) : MHD_YES;
}

static void complete_request(void *self, struct MHD_Connection *connection, void **context,
                             enum MHD_RequestTerminationCode why)
{
    rg_http_t *http = self;
    rg_http_request_t *request = *context;
    (void)connection, (void)why;
    if (!request) return;
    rg__http_connection_enter(request->client, RG__HTTP_HEAD, rg_clock_ms());
    http->memory -= request->counted;
    LIST_REMOVE(request, entry);
    if (request->response) MHD_destroy_response(request->response);
    free(request->body);
    free(request);
    *context = NULL;
}

static void track_connection(void *self, struct MHD_Connection *connection, void **context,
                             enum MHD_ConnectionNotificationCode what)
{
    rg_http_t *http = self;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        rg__http_connection_close(&http->connections, (rg__http_connection_t **)context);
        return;
    }
    int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    const struct sockaddr *client =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
    *context = rg__http_connection_open(&http->connections, fd, client, rg_clock_ms());
}

// ---- life
static int watch_fd(int epoll, int fd)
{
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN});
}

// For the daemon: unescapes text in place.
static size_t unescape_text(void *self, struct MHD_Connection *connection, char *text)
{
    (void)self, (void)connection;
    return rg_http_unescape(text);
}

// Takes the socket.
static int start_daemon(rg_http_t *http, int socket)
{
    rg__http_connections_init(&http->connections, http->spec.connections + RESERVE);
    http->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, handle_request,
                                    http, MHD_OPTION_LISTEN_SOCKET, socket, MHD_OPTION_CONNECTION_LIMIT,
                                    http->connections.max + RG__HTTP_BACKLOG, MHD_OPTION_CONNECTION_TIMEOUT,
                                    (unsigned)IDLE_S, MHD_OPTION_NOTIFY_CONNECTION, track_connection, http,
                                    MHD_OPTION_NOTIFY_COMPLETED, complete_request, http,
                                    MHD_OPTION_URI_LOG_CALLBACK, rg__http_head_cut, NULL,
                                    MHD_OPTION_UNESCAPE_CALLBACK, unescape_text, NULL, MHD_OPTION_END);
    if (!http->daemon) {
        close(socket);
        return rg_fail(RG_ELIMIT, "cannot start the HTTP daemon");
    }
    http->fd = epoll_create1(EPOLL_CLOEXEC);
    http->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (watch_fd(http->fd, http->timer) != 0 || watch_fd(http->fd, info->epoll_fd) != 0)
        return rg_fail_errno(RG_ELIMIT, "cannot watch the HTTP daemon");
    return 0;
}

void rg__http_add(rg_http_t *http, const rg_http_route_t *routes, size_t n_routes, void *self)
{
    assert(http->n_sets < ROUTE_SETS);
    http->sets[http->n_sets++] = (route_set_t){routes, n_routes, self};
}

int rg__http_new(rg_http_t **out, const char *address, int port, const char *service,
                 const rg_http_spec_t *spec)
{
    int socket = -1, err = rg__http_listen(&socket, address, port, service);
    if (err) return err;
    rg_http_t *http = rg_alloc(sizeof *http);
    *http = (rg_http_t){.fd = -1, .timer = -1, .spec = *spec};
    rg__http_add(http, spec->routes, spec->n_routes, spec->self);
    err = start_daemon(http, socket);
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
        refuse_waiting(http);
        MHD_run(http->daemon);
        MHD_stop_daemon(http->daemon); // and the listening socket
    }
    if (http->timer >= 0) close(http->timer);
    if (http->fd >= 0) close(http->fd);
    free(http);
    *out = NULL;
}
