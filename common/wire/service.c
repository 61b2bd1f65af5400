#include <assert.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/core/hash.h"
#include "common/core/log.h"
#include "common/wire/front.h"
#include "common/wire/http.h"
#include "common/wire/readiness.h"
#include "common/wire/socket.h"
#include "common/wire/traffic.h"
#include "common/wire/unread.h"

// One turn of the loop (poll_round)
//
//     zmq_poll: socket, signals, descriptors, links, ZAP handler
//        │
//        ├─► SIGTERM or SIGINT: stop after this round
//        ├─► descriptors that are readable: HTTP, jobs, timers, ...
//        ├─► handshakes (access.c)
//        ├─► links: replies and deadlines
//        └─► requests: parse ─► role of the sender ─► handler of the route
//                                                        ├─► rg_service_reply, now or later
//                                                        └─► an error, which becomes the reply
//
// Everything runs on the loop's thread. Threads of jobs and of ZeroMQ only touch messages, whose reference
// count and unread budget (traffic.c) are atomic.
enum {
    AGAIN_MS = 200,     // after which links repeat a request that was refused as busy
    PATIENCE_BEATS = 5, // of limits.heartbeat_ms: how long a client that reads nothing may delay others
    BATCH = 16,
    LINKS_MAX = 8,
    FDS_MAX = 8,
    FIELDS_MAX = 64,
    LINGER_MS = 1000,
    TICK_MS = 1000,
    HTTP_CONNECTIONS = 16
};

typedef struct {
    int fd;
    void (*fn)(void *self);
    void *self;
} watched_t;

struct rg_service {
    rg_service_spec_t spec; // texts and routes are borrowed
    char *endpoint;         // as bound
    zsock_t *socket;        // ROUTER
    rg__front_t *front;     // of a tcp endpoint, or NULL
    int lock;               // of an ipc path
    int signals;            // signalfd
    int stopping;
    size_t frame_max;
    const struct rg_config *config; // for describe, as in rg_wire_options_t
    void (*describe)(const struct rg_config *config, rg_msg_t *reply);
    double started_ms, tidy_ms; // tidy_ms: when tidy_up is due
    rg_alloc_watch_t memory;
    rg__zap_t *zap; // of an encrypted socket, or NULL
    rg__traffic_t *traffic;
    rg__unread_t *unread;
    rg_http_t *http; // NULL: off
    rg__readiness_t readiness;
    rg_link_t *links[LINKS_MAX];
    watched_t fds[FDS_MAX];
    size_t n_links, n_fds;
};

struct rg_status {
    rg_msg_t *reply;
    Rg__V1__Field *fields[FIELDS_MAX];
    size_t count;
};

static int open_http(rg_service_t *service, const rg_wire_options_t *options);

// ---- life
static int take_signals(rg_service_t *service)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    service->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return service->signals < 0 ? rg_fail_errno(RG_ELIMIT, "cannot make a signalfd") : 0;
}

static int listen_service(rg_service_t *service, const rg_wire_options_t *options)
{
    const char *endpoint = service->spec.endpoint;
    int is_ipc = strncmp(endpoint, "ipc://", 6) == 0;
    int err = is_ipc ? rg__ipc_listen(service->socket, endpoint)
                     : rg__front_new(&service->front, options, endpoint, service->socket);
    if (err) return err;
    service->endpoint = rg_strdup(is_ipc ? endpoint : rg__front_endpoint(service->front));
    return 0;
}

static int open_service(rg_service_t *service, const rg_wire_options_t *options)
{
    const char *endpoint = service->spec.endpoint;
    int err = rg__endpoint_check(options, endpoint);
    if (!err) err = rg__endpoint_claim(endpoint, &service->lock);
    if (!err) err = take_signals(service);
    if (err) return err;
    service->socket = rg__socket_new(ZMQ_ROUTER, options, LINGER_MS);
    if (!service->socket) return rg_fail(RG_ELIMIT, "%s: cannot open a socket", service->spec.name);
    zsock_set_router_mandatory(service->socket, 1);
    if (rg__endpoint_encrypts(options, endpoint)) err = rg__zap_new(&service->zap, options, service->socket);
    if (err) return err;
    return listen_service(service, options);
}

int rg_service_new(rg_service_t **out, const rg_wire_options_t *options, const rg_service_spec_t *spec)
{
    rg_service_t *service = rg_alloc(sizeof *service);
    service->spec = *spec;
    service->lock = service->signals = -1;
    service->config = options->config;
    service->describe = options->describe;
    service->frame_max = (size_t)options->message_max_mib << 20;
    service->started_ms = rg_clock_ms();
    service->traffic = rg__traffic_new(spec);
    service->unread =
        rg__unread_new((size_t)options->unread_mib << 20, PATIENCE_BEATS * options->heartbeat_ms);
    int err = rg__readiness_init(&service->readiness, &service->spec);
    if (!err) err = open_service(service, options);
    if (!err) err = open_http(service, options);
    if (err)
        rg_service_destroy(&service);
    else
        *out = service;
    return err;
}

void rg_service_destroy(rg_service_t **out)
{
    rg_service_t *service = *out;
    if (!service) return;
    rg__readiness_fini(&service->readiness);
    rg__http_destroy(&service->http);
    rg__front_destroy(&service->front);
    zsock_destroy(&service->socket);
    rg__zap_destroy(&service->zap);
    if (service->signals >= 0) close(service->signals);
    rg__endpoint_release(service->spec.endpoint, &service->lock);
    rg__traffic_destroy(&service->traffic);
    rg__unread_destroy(&service->unread);
    free(service->endpoint);
    free(service);
    *out = NULL;
}

const char *rg_service_endpoint(const rg_service_t *service)
{
    return service->endpoint;
}

void rg_service_add_link(rg_service_t *service, rg_link_t *link)
{
    assert(service->n_links < LINKS_MAX);
    service->links[service->n_links++] = link;
}

void rg_service_add_fd(rg_service_t *service, int fd, void (*fn)(void *self), void *self)
{
    assert(service->n_fds < FDS_MAX);
    service->fds[service->n_fds++] = (watched_t){.fd = fd, .fn = fn, .self = self};
}

// ---- replies
// Links send a request again that was refused as busy.
static rg_msg_t *error_reply(int err)
{
    rg_msg_t *reply = rg_msg_error(err, rg_error());
    if (err == RG_EBUSY) ((Rg__V1__Error *)rg_msg_body(reply))->again_ms = AGAIN_MS;
    return reply;
}

// A reply that is too large, or exceeds the budget of unread replies, is replaced by an error.
static int send_reply(rg_service_t *service, const rg_peer_t *peer, rg_msg_t **reply)
{
    int err = rg__unread_add(service->unread, peer, *reply);
    if (!err) err = rg__socket_send(service->socket, peer, *reply, peer->id, service->frame_max);
    if (err != RG_ELIMIT && err != RG_EBUSY) return err;
    rg_msg_destroy(reply);
    *reply = error_reply(err);
    return rg__socket_send(service->socket, peer, *reply, peer->id, service->frame_max);
}

void rg_service_reply(rg_service_t *service, const rg_peer_t *peer, rg_msg_t **reply)
{
    int err = send_reply(service, peer, reply);
    rg__traffic_end(service->traffic, peer, *reply, err);
    if (err)
        rg_log(RG_LOG_WARN, "reply-lost", "request=%llu reason=%s", (unsigned long long)peer->id,
               err == RG_ENOENT ? "peer_gone" : "peer_does_not_read");
    rg_msg_destroy(reply);
}

void rg_service_refuse(rg_service_t *service, const rg_peer_t *peer, int err)
{
    rg_msg_t *reply = error_reply(err);
    rg_service_reply(service, peer, &reply);
}

void rg_status_field(rg_status_t *status, const char *key, const char *fmt, ...)
{
    char value[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(value, sizeof value, fmt, args);
    va_end(args);
    assert(status->count < FIELDS_MAX);
    Rg__V1__Field *field = rg_msg_alloc(status->reply, sizeof *field);
    rg__v1__field__init(field);
    field->key = rg_msg_text(status->reply, "%s", key);
    field->value = rg_msg_text(status->reply, "%s", value);
    status->fields[status->count++] = field;
}

static void add_tcp_fields(const rg_service_t *service, rg_status_t *status)
{
    if (!service->front) return;
    rg__front_counts_t counts = rg__front_counts(service->front);
    rg_status_field(status, "connections", "%d", counts.connections);
    rg_status_field(status, "connections_refused", "%d", counts.refused);
    if (service->zap)
        rg_status_field(status, "access_list_unreadable", "%d", rg__zap_check(service->zap) != 0);
}

static rg_msg_t *make_status(rg_service_t *service)
{
    char detail[RG_SENTENCE_SIZE];
    rg_status_t status = {.reply = rg_msg_new(RG__V1__ENVELOPE__BODY_STATUS_REPLY)};
    Rg__V1__StatusReply *body = rg_msg_body(status.reply);
    body->service = rg_msg_text(status.reply, "%s", service->spec.name);
    body->version = rg_msg_text(status.reply, "%s", RG_VERSION);
    body->pid = (uint32_t)getpid();
    body->state = rg_msg_text(status.reply, "%s", rg__readiness_name(&service->readiness));
    rg__readiness_detail(&service->readiness, detail);
    body->detail = rg_msg_text(status.reply, "%s", detail);
    body->uptime_s = (rg_clock_ms() - service->started_ms) / 1e3;
    if (service->spec.status) service->spec.status(service->spec.self, &status);
    add_tcp_fields(service, &status);
    body->n_fields = status.count;
    body->fields = rg_msg_alloc(status.reply, sizeof status.fields);
    memcpy(body->fields, status.fields, sizeof status.fields);
    return status.reply;
}

static int reply_status(rg_service_t *service, const rg_peer_t *peer, const rg_msg_t *request)
{
    rg_msg_t *reply = make_status(service);
    if (((const Rg__V1__StatusRequest *)rg_msg_body(request))->settings && service->describe)
        service->describe(service->config, reply);
    rg_service_reply(service, peer, &reply);
    return 0;
}

static void refresh_traffic(rg_service_t *service)
{
    rg_msg_t *status = make_status(service);
    rg__traffic_refresh(service->traffic, rg_msg_body(status));
    rg_msg_destroy(&status);
}

static int reply_stats(rg_service_t *service, const rg_peer_t *peer)
{
    refresh_traffic(service);
    rg_msg_t *reply = rg__traffic_report(service->traffic);
    rg_service_reply(service, peer, &reply);
    return 0;
}

// ---- HTTP
static void get_metrics(void *self, rg_http_request_t *request)
{
    rg_service_t *service = self;
    refresh_traffic(service);
    rg_http_reply(request, &(rg_http_reply_t){.status = 200,
                                              .type = "text/plain; version=0.0.4; charset=utf-8",
                                              .text = rg__traffic_text(service->traffic)});
}

// 200 while the service can do its work.
static void get_health(void *self, rg_http_request_t *request)
{
    const rg_service_t *service = self;
    char text[RG__READINESS_TEXT];
    int is_ready = service->readiness.state == RG_SERVICE_READY;
    rg__readiness_text(&service->readiness, text);
    rg_http_reply_text(request, is_ready ? 200 : 503, is_ready ? "ok" : text);
}

// 200 while the loop turns.
static void get_live(void *self, rg_http_request_t *request)
{
    (void)self;
    rg_http_reply_text(request, 200, "ok");
}

static int open_http(rg_service_t *service, const rg_wire_options_t *options)
{
    static const rg_http_route_t routes[] = {{.method = "GET", .path = "/metrics", .handle = get_metrics},
                                             {.method = "GET", .path = "/healthz", .handle = get_health},
                                             {.method = "GET", .path = "/livez", .handle = get_live}};
    static const rg_http_spec_t alone = {.connections = HTTP_CONNECTIONS,
                                         .not_found =
                                             "not found; this server has /metrics, /healthz and /livez"};
    const rg_http_spec_t *spec = service->spec.http ? service->spec.http : &alone;
    if (service->spec.http_port == 0) return 0;
    int err = rg__http_new(&service->http, options->http_address, service->spec.http_port, service->spec.name,
                           spec);
    if (err) return err;
    rg__http_add(service->http, routes, sizeof routes / sizeof *routes, service);
    rg_service_add_fd(service, rg__http_fd(service->http), rg__http_step, service->http);
    return 0;
}

// ---- requests
// Logs requests that are malformed or not allowed.
static void log_bad_request(void)
{
    rg_log(RG_LOG_WARN, "bad-request", "error=\"%s\"", rg_error());
}

static int check_role(const rg__sender_t *sender, enum rg_role needed, const char *request)
{
    if (sender->role <= needed) return 0;
    int err = rg_fail(RG_EACCES, "a %s needs the %s role, and the role of %s is %s", request,
                      rg_role_name(needed), sender->name, rg_role_name(sender->role));
    log_bad_request();
    return err;
}

static const rg_route_t *find_route(const rg_service_t *service, Rg__V1__Envelope__BodyCase kind)
{
    for (size_t i = 0; i < service->spec.n_routes; i++)
        if (service->spec.routes[i].kind == kind) return &service->spec.routes[i];
    return NULL;
}

static int handle_request(rg_service_t *service, const rg_peer_t *peer, const rg__sender_t *sender,
                          const rg_msg_t *request)
{
    Rg__V1__Envelope__BodyCase kind = rg_msg_kind(request);
    const char *name = protobuf_c_message_descriptor_get_field(&rg__v1__envelope__descriptor, kind)->name;
    const rg_route_t *route = find_route(service, kind);
    int is_status = kind == RG__V1__ENVELOPE__BODY_STATUS_REQUEST;
    int is_stats = kind == RG__V1__ENVELOPE__BODY_STATS_REQUEST;
    rg__traffic_begin(service->traffic, peer, kind);
    if (!route && !is_status && !is_stats) return rg_fail(RG_EINVAL, "does not take a %s", name);
    int err = rg__zap_check(service->zap);
    if (err) return err;
    err = check_role(sender, route ? route->role : RG_ROLE_READER, name);
    if (err) return err;
    if (is_status) return reply_status(service, peer, request);
    if (route && !route->early && service->readiness.state != RG_SERVICE_READY)
        err = rg__readiness_check(&service->readiness);
    if (!err) err = rg__unread_check(service->unread, peer);
    if (err) return err;
    return is_stats ? reply_stats(service, peer) : route->handle(service->spec.self, peer, request);
}

static void reject_unreadable(rg_service_t *service)
{
    rg__traffic_unreadable(service->traffic);
    log_bad_request();
}

// Over encrypted tcp a client is its key, over a unix socket its process. Without either, and within this
// process, every connection is a client. The first part, the identity, has no user id; the others do.
static uint64_t find_client(zmq_msg_t *part, rg_peer_t *peer)
{
    const char *key = zmq_msg_gets(part, "User-Id");
    struct ucred process = {0};
    socklen_t size = sizeof process;
    peer->socket = zmq_msg_get(part, ZMQ_SRCFD);
    if (key && *key) return rg_hash(key, strlen(key), 0);
    if (getsockopt(peer->socket, SOL_SOCKET, SO_PEERCRED, &process, &size) == 0 && process.pid > 0 &&
        process.pid != getpid())
        return rg_hash(&process.pid, sizeof process.pid, 0);
    return rg_hash(peer->identity, peer->identity_size, 0);
}

static int read_identity(rg__parts_t *parts, rg_peer_t *peer)
{
    size_t size = zmq_msg_size(&parts->part[0]);
    if (size > sizeof peer->identity)
        return rg_fail(RG_ELIMIT, "an identity of %zu bytes exceeds the limit of %zu", size,
                       sizeof peer->identity);
    memcpy(peer->identity, zmq_msg_data(&parts->part[0]), size);
    peer->identity_size = (unsigned char)size;
    peer->client = find_client(&parts->part[parts->count - 1], peer);
    return 0;
}

static void receive_request(rg_service_t *service, rg__parts_t *parts)
{
    rg_peer_t peer = {0};
    rg_msg_t *request = NULL;
    rg__sender_t sender = rg__zap_sender(service->zap, &parts->part[parts->count - 1]);
    rg__traffic_received(service->traffic, rg__parts_size(parts));
    int unreadable = read_identity(parts, &peer);
    int err = unreadable ? unreadable : rg__parts_parse(&parts, 1, &request, &peer.id);
    if (err)
        reject_unreadable(service);
    else
        err = handle_request(service, &peer, &sender, request);
    int answerable = !unreadable && (request || peer.id);
    if (err && answerable) rg_service_refuse(service, &peer, err);
    rg_msg_destroy(&request);
    rg__parts_destroy(&parts);
}

// ---- the loop
static void look_for_signal(rg_service_t *service)
{
    struct signalfd_siginfo info;
    if (read(service->signals, &info, sizeof info) != sizeof info) return;
    service->stopping = 1;
    rg__readiness_set(&service->readiness, RG_SERVICE_STOPPING, 0);
    rg_log(RG_LOG_INFO, "stopping", "signal=%s", strsignal((int)info.ssi_signo));
}

// Serves a limited number of messages per round, so that no socket starves another.
static void serve_socket(rg_service_t *service)
{
    for (int i = 0; i < BATCH && !service->stopping; i++) {
        rg__parts_t *parts = rg__parts_recv(service->socket);
        if (!parts) return;
        receive_request(service, parts);
        look_for_signal(service);
    }
}

static void serve_links(rg_service_t *service)
{
    for (size_t i = 0; i < service->n_links && !service->stopping; i++) {
        rg__link_dispatch(service->links[i]);
        rg__link_log_waiting(service->links[i]);
        look_for_signal(service);
    }
}

// Links need a turn for their deadlines.
static double links_wait_ms(const rg_service_t *service)
{
    double first = INFINITY;
    for (size_t i = 0; i < service->n_links; i++)
        first = fmin(first, rg__link_deadline_ms(service->links[i]));
    return fmax(first - rg_clock_ms(), 0);
}

// At most a tick: tidy_up is due every tick, also when nothing comes, and so is the lookup of host names.
static long poll_timeout_ms(const rg_service_t *service)
{
    long links = (long)fmin(ceil(links_wait_ms(service)), TICK_MS);
    long readiness = rg__readiness_wait_ms(&service->readiness);
    return readiness >= 0 && readiness < links ? readiness : links;
}

// What is due every second or so: lines about lines that were left out, and memory that a flood has left.
static void tidy_up(rg_service_t *service)
{
    double now = rg_clock_ms();
    if (now < service->tidy_ms) return;
    service->tidy_ms = now + TICK_MS;
    rg_log_settle(now / 1e3);
    rg_alloc_settle(&service->memory);
}

static int poll_round(rg_service_t *service)
{
    zmq_pollitem_t items[3 + FDS_MAX + LINKS_MAX * RG__LINK_ITEMS];
    size_t n = 0, n_fds = service->n_fds;
    items[n++] = (zmq_pollitem_t){.socket = zsock_resolve(service->socket), .events = ZMQ_POLLIN};
    items[n++] = (zmq_pollitem_t){.fd = service->signals, .events = ZMQ_POLLIN};
    for (size_t i = 0; i < n_fds; i++)
        items[n++] = (zmq_pollitem_t){.fd = service->fds[i].fd, .events = ZMQ_POLLIN};
    for (size_t i = 0; i < service->n_links; i++) n += rg__link_items(service->links[i], &items[n]);
    if (service->zap) items[n++] = rg__zap_item(service->zap);
    if (zmq_poll(items, (int)n, poll_timeout_ms(service)) < 0 && zmq_errno() != EINTR)
        return rg_fail(RG_EIO, "%s: cannot poll: %s", service->spec.name, zmq_strerror(zmq_errno()));
    look_for_signal(service);
    if (!service->stopping) rg__readiness_step(&service->readiness);
    for (size_t i = 0; i < n_fds && !service->stopping; i++)
        if (items[2 + i].revents) service->fds[i].fn(service->fds[i].self);
    if (service->zap) rg__zap_serve(service->zap);
    serve_links(service);
    serve_socket(service);
    tidy_up(service);
    return 0;
}

void rg_service_set_state(rg_service_t *service, enum rg_service_state state, int err)
{
    rg__readiness_set(&service->readiness, state, err);
}

void rg_service_stopping(rg_service_t *service, const char *text)
{
    rg__readiness_stopping(&service->readiness, text);
}

void rg_service_progress(rg_service_t *service, uint64_t done, uint64_t total)
{
    atomic_store(&service->readiness.done, done);
    atomic_store(&service->readiness.total, total);
}

int rg_service_run(rg_service_t *service)
{
    rg_log(RG_LOG_INFO, "listening", "endpoint=%s pid=%d", rg_service_endpoint(service), (int)getpid());
    if (service->spec.load)
        rg_service_add_fd(service, rg__readiness_fd(&service->readiness), rg__readiness_finish,
                          &service->readiness);
    int err = rg__readiness_start(&service->readiness);
    while (!service->stopping && !err) err = poll_round(service);
    return err;
}
