#include "tests/unit/wire/fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/core/err.h"

static void reply_batch(fixture_t *fixture, const rg_peer_t *peer, uint64_t index, uint32_t images)
{
    rg_msg_t *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_BATCH_REPLY);
    ((Rg__V1__BatchReply *)rg_msg_body(reply))->index = index;
    float *pixels = rg_msg_reserve(reply, "pixels", RG__V1__DTYPE__F32, 2, (uint32_t[]){images, 1000});
    for (uint32_t i = 0; i < images * 1000; i++) pixels[i] = (float)(index + i);
    rg_service_reply(fixture->service, peer, &reply);
}

static int on_batch(void *self, const rg_peer_t *peer, const rg_msg_t *request)
{
    fixture_t *fixture = self;
    const Rg__V1__BatchRequest *body = rg_msg_body(request);
    fixture->seen[fixture->n_seen++ % SEEN_MAX] = body->index;
    if (body->index % 2) {
        reply_batch(fixture, peer, body->index, body->images);
    } else {
        fixture->kept_index[fixture->n_kept] = body->index;
        fixture->kept[fixture->n_kept++] = *peer;
    }
    sem_post(&fixture->came);
    return 0;
}

static int on_embed(void *self, const rg_peer_t *peer, const rg_msg_t *request)
{
    (void)self, (void)peer, (void)request;
    return rg_fail(RG_EMODEL, "no model is loaded");
}

static int on_model(void *self, const rg_peer_t *peer, const rg_msg_t *request)
{
    fixture_t *fixture = self;
    (void)peer, (void)request;
    if (fixture->stop) atomic_store(fixture->stop, 1);
    sem_post(&fixture->came);
    return 0;
}

static int on_train(void *self, const rg_peer_t *peer, const rg_msg_t *request)
{
    fixture_t *fixture = self;
    (void)request;
    rg_msg_t *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_TRAIN_REPLY);
    uint32_t size = ((uint32_t)fixture->options->message_max_mib << 20) + 1;
    rg_msg_reserve(reply, "huge", RG__V1__DTYPE__U8, 1, &size);
    rg_service_reply(fixture->service, peer, &reply);
    return 0;
}

static void on_wake(void *self)
{
    fixture_t *fixture = self;
    uint64_t count;
    if (read(fixture->wake, &count, sizeof count) != sizeof count) return;
    for (int i = 0; i < fixture->n_kept; i++)
        reply_batch(fixture, &fixture->kept[i], fixture->kept_index[i], 1);
    fixture->n_kept = 0;
}

static void on_status(void *self, rg_status_t *status)
{
    fixture_t *fixture = self;
    rg_status_field(status, "seen", "%d", fixture->n_seen);
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
    fixture_t *fixture = argument;
    rg_service_spec_t spec = {.name = fixture->name ? fixture->name : "fixture",
                              .endpoint = fixture->endpoint,
                              .routes = routes,
                              .n_routes = sizeof routes / sizeof *routes,
                              .status = on_status,
                              .http_port = fixture->http_port,
                              .http = fixture->http,
                              .self = fixture};
    fixture->err = rg_service_new(&fixture->service, fixture->options, &spec);
    snprintf(fixture->sentence, sizeof fixture->sentence, "%s", rg_error());
    if (!fixture->err) {
        snprintf(fixture->bound, sizeof fixture->bound, "%s", rg_service_endpoint(fixture->service));
        rg_service_add_fd(fixture->service, fixture->wake, on_wake, fixture);
    }
    sem_post(&fixture->ready);
    if (fixture->err) return NULL;
    fixture->run_err = rg_service_run(fixture->service);
    rg_service_destroy(&fixture->service);
    return NULL;
}

int fixture_start(fixture_t *fixture, const rg_wire_options_t *options, const char *endpoint)
{
    atomic_int *stop = fixture->stop;
    const char *name = fixture->name;
    const rg_http_spec_t *http = fixture->http;
    const int http_port = fixture->http_port;
    memset(fixture, 0, sizeof *fixture);
    fixture->name = name;
    fixture->http = http;
    fixture->http_port = http_port;
    fixture->options = options;
    fixture->endpoint = endpoint;
    fixture->stop = stop;
    fixture->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    sem_init(&fixture->ready, 0, 0);
    sem_init(&fixture->came, 0, 0);
    if (pthread_create(&fixture->thread, NULL, serve, fixture) != 0) abort();
    sem_wait(&fixture->ready);
    if (fixture->err) {
        pthread_join(fixture->thread, NULL);
        close(fixture->wake);
        return rg_fail(fixture->err, "%s", fixture->sentence);
    }
    return 0;
}

void fixture_stop(fixture_t *fixture)
{
    pthread_kill(fixture->thread, SIGTERM);
    pthread_join(fixture->thread, NULL);
    close(fixture->wake);
}

void fixture_release_kept(fixture_t *fixture)
{
    uint64_t one = 1;
    if (write(fixture->wake, &one, sizeof one) != sizeof one) abort();
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
