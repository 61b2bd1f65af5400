#include "tests/unit/wire/fixture.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/test.h"

static void reply_batch(server_t *server, const rg_peer_t *peer, uint64_t index, uint32_t images)
{
    rg_msg_t *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_BATCH_REPLY);
    ((Rg__V1__BatchReply *)rg_msg_body(reply))->index = index;
    float *pixels = rg_msg_reserve(reply, "pixels", RG__V1__DTYPE__F32, 2, (uint32_t[]){images, 1000});
    for (uint32_t i = 0; i < images * 1000; i++) pixels[i] = (float)(index + i);
    rg_service_reply(server->service, peer, &reply);
}

static int on_batch(void *self, const rg_peer_t *peer, const rg_msg_t *request)
{
    server_t *server = self;
    const Rg__V1__BatchRequest *body = rg_msg_body(request);
    server->seen[server->n_seen++ % SEEN_MAX] = body->index;
    if (body->index == POISON) {
        pthread_kill(pthread_self(), SIGTERM); // before it takes the next request
    } else if (body->index == HANG_UP && server->n_hung_up++ < 3) {
        shutdown(peer->socket, SHUT_RDWR);
    } else if (body->index % 2) {
        reply_batch(server, peer, body->index, body->images);
    } else {
        server->kept_index[server->n_kept] = body->index;
        server->kept[server->n_kept++] = *peer;
    }
    sem_post(&server->came);
    return 0;
}

static int on_embed(void *self, const rg_peer_t *peer, const rg_msg_t *request)
{
    (void)self, (void)peer, (void)request;
    return rg_fail(RG_EMODEL, "no model is loaded");
}

static int on_model(void *self, const rg_peer_t *peer, const rg_msg_t *request)
{
    server_t *server = self;
    (void)peer, (void)request;
    if (server->stop) atomic_store(server->stop, 1);
    sem_post(&server->came);
    return 0;
}

static int on_train(void *self, const rg_peer_t *peer, const rg_msg_t *request)
{
    server_t *server = self;
    (void)request;
    rg_msg_t *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_TRAIN_REPLY);
    uint32_t size = ((uint32_t)server->options->message_max_mib << 20) + 1;
    rg_msg_reserve(reply, "huge", RG__V1__DTYPE__U8, 1, &size);
    rg_service_reply(server->service, peer, &reply);
    return 0;
}

static void on_wake(void *self)
{
    server_t *server = self;
    uint64_t count;
    if (read(server->wake, &count, sizeof count) != sizeof count) return;
    for (int i = 0; i < server->n_kept; i++) reply_batch(server, &server->kept[i], server->kept_index[i], 1);
    server->n_kept = 0;
}

static void on_status(void *self, rg_status_t *status)
{
    server_t *server = self;
    rg_status_field(status, "seen", "%d", server->n_seen);
    rg_status_field(status, "mood", "%s", "fine");
}

static void *serve(void *argument)
{
    static const rg_route_t routes[] = {
        {RG__V1__ENVELOPE__BODY_BATCH_REQUEST, on_batch, RG_ROLE_WRITER},
        {RG__V1__ENVELOPE__BODY_EMBED_REQUEST, on_embed, RG_ROLE_READER},
        {RG__V1__ENVELOPE__BODY_MODEL_REQUEST, on_model, RG_ROLE_ADMIN},
        {RG__V1__ENVELOPE__BODY_TRAIN_REQUEST, on_train, RG_ROLE_ADMIN},
    };
    server_t *server = argument;
    rg_service_spec_t spec = {.name = server->name ? server->name : "fixture",
                              .endpoint = server->endpoint,
                              .routes = routes,
                              .n_routes = sizeof routes / sizeof *routes,
                              .status = on_status,
                              .http_port = server->http_port,
                              .http = server->http,
                              .load = server->load,
                              .self = server};
    int err = rg_service_new(&server->service, server->options, &spec);
    rg_failure_keep(&server->failure, err);
    if (!err) {
        snprintf(server->bound, sizeof server->bound, "%s", rg_service_endpoint(server->service));
        rg_service_add_fd(server->service, server->wake, on_wake, server);
    }
    sem_post(&server->ready);
    if (err) return NULL;
    server->run_err = rg_service_run(server->service);
    rg_service_destroy(&server->service);
    return NULL;
}

int server_start(server_t *server, const rg_wire_options_t *options, const char *endpoint)
{
    *server = (server_t){.options = options,
                         .endpoint = endpoint,
                         .name = server->name,
                         .http = server->http,
                         .http_port = server->http_port,
                         .load = server->load,
                         .stop = server->stop};
    server->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    sem_init(&server->ready, 0, 0);
    sem_init(&server->came, 0, 0);
    if (pthread_create(&server->thread, NULL, serve, server) != 0) abort();
    sem_wait(&server->ready);
    if (server->failure.err) {
        pthread_join(server->thread, NULL);
        close(server->wake);
        return rg_failure_raise(&server->failure);
    }
    server->running = 1;
    return 0;
}

void server_stop(server_t *server)
{
    server->running = 0;
    pthread_kill(server->thread, SIGTERM);
    pthread_join(server->thread, NULL);
    close(server->wake);
}

void server_release_kept(server_t *server)
{
    uint64_t one = 1;
    if (write(server->wake, &one, sizeof one) != sizeof one) abort();
}

rg_msg_t *batch_request(uint64_t index, uint32_t images)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_BATCH_REQUEST);
    Rg__V1__BatchRequest *body = rg_msg_body(request);
    body->stream = rg_msg_text(request, "stage1");
    body->index = index;
    body->images = images;
    return request;
}

int fixture_make(void **state)
{
    fixture_t *f = calloc(1, sizeof *f);
    *state = f;
    if (folder_make(&f->folder) != 0) return -1;
    f->options = wire_options;
    snprintf(f->endpoint, sizeof f->endpoint, "ipc://%s/s.ipc", (char *)f->folder);
    return 0;
}

int fixture_drop(void **state)
{
    fixture_t *f = *state;
    rg_link_destroy(&f->link);
    if (f->server.running) server_stop(&f->server);
    int failed = folder_remove(&f->folder);
    free(f);
    return failed;
}

void fixture_start(fixture_t *f)
{
    assert_ok(server_start(&f->server, &f->options, f->endpoint));
}
