// A fake of every service, chosen by the name of the program (rg-trainer, ...). It makes its answers up, so
// the commands of rg-ctl are tested without any training.
//
//   ingest     a file that begins with BAD is refused, DUP is a duplicate, FAIL fails the whole request;
//              others are added
//   train      the first process of a run never answers for stage2; the test kills it
//   find       k neighbours, the last of them missing; their names begin with the name prefix of the filter,
//              and the set is empty if that is EMPTY
//   translate  the negative of the pixels
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/data/image.h"
#include "common/wire/service_main.h"

enum { FILES_MAX = 64, BUSY_MAX = 3, BYTES_MAX = 8 << 20 };

typedef struct {
    rg_config_t config;
    rg_service_t *service;
    int first_life;
    int busy; // requests that were told so
    const char *stage;
    uint64_t generation;
} fake_t;

static void send(fake_t *fake, const rg_peer_t *peer, rg_msg_t *reply)
{
    rg_service_reply(fake->service, peer, &reply);
}

static int decide(fake_t *fake, const Rg__V1__Item *item, const rg_payload_t *jpeg, Rg__V1__Outcome *outcome,
                  rg_msg_t *reply)
{
    outcome->name = rg_msg_text(reply, "%s", item->name);
    outcome->reason = "";
    outcome->fate = RG__V1__FATE__ADDED;
    if (jpeg->size >= 4 && memcmp(jpeg->data, "BUSY", 4) == 0 && fake->busy++ < BUSY_MAX)
        return rg_fail(RG_EBUSY, "try again later");
    if (jpeg->size >= 5 && memcmp(jpeg->data, "CRASH", 5) == 0) raise(SIGKILL);
    if (jpeg->size >= 4 && memcmp(jpeg->data, "FAIL", 4) == 0) return rg_fail(RG_EFULL, "the store is full");
    if (jpeg->size >= 3 && memcmp(jpeg->data, "DUP", 3) == 0) outcome->fate = RG__V1__FATE__DUPLICATE;
    if (jpeg->size >= 3 && memcmp(jpeg->data, "BAD", 3) == 0) {
        outcome->fate = RG__V1__FATE__REFUSED;
        outcome->reason = rg_msg_text(reply, "not a JPEG");
    }
    return 0;
}

static int ingest(void *self, const rg_peer_t *peer, const rg_msg_t *request)
{
    fake_t *fake = self;
    const Rg__V1__IngestRequest *body = rg_msg_body(request);
    rg_msg_t *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_INGEST_REPLY);
    Rg__V1__IngestReply *answer = rg_msg_body(reply);
    size_t bytes = 0;
    int err = body->n_items > FILES_MAX ? rg_fail(RG_ELIMIT, "%zu files in one request", body->n_items)
              : !body->asked_us         ? rg_fail(RG_EINVAL, "the request does not say when it was made")
                                        : 0;
    answer->outcomes = (Rg__V1__Outcome **)rg_msg_array(reply, &rg__v1__outcome__descriptor, body->n_items);
    answer->n_outcomes = body->n_items;
    answer->generation = ++fake->generation;
    for (size_t i = 0; i < body->n_items && !err; i++) {
        char name[24];
        rg_payload_t jpeg;
        snprintf(name, sizeof name, "%zu", i);
        err = rg_msg_payload(request, name, RG__V1__DTYPE__U8, 1, NULL, &jpeg);
        if (!err) err = decide(fake, body->items[i], &jpeg, answer->outcomes[i], reply);
        bytes += err ? 0 : jpeg.size;
    }
    if (!err && bytes > BYTES_MAX && body->n_items > 1)
        err = rg_fail(RG_ELIMIT, "%zu bytes in one request", bytes);
    if (err)
        rg_msg_destroy(&reply);
    else
        send(fake, peer, reply);
    return err;
}

static int train(void *self, const rg_peer_t *peer, const rg_msg_t *request)
{
    fake_t *fake = self;
    const Rg__V1__TrainRequest *body = rg_msg_body(request);
    fake->stage = strcmp(body->stage, "stage2") == 0 ? "stage2" : "other";
    if (fake->first_life && strcmp(body->stage, "stage2") == 0) return 0;
    rg_msg_t *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_TRAIN_REPLY);
    Rg__V1__TrainReply *answer = rg_msg_body(reply);
    answer->checkpoint = rg_msg_text(reply, "%s/%s.safetensors", fake->config.run, body->stage);
    answer->iteration = 7;
    answer->report =
        rg_msg_text(reply, "{\"restarted\":%s,\"loss\":{\"recon\":0.25}}", body->restart ? "true" : "false");
    send(fake, peer, reply);
    return 0;
}

static int evaluate(void *self, const rg_peer_t *peer, const rg_msg_t *request)
{
    const Rg__V1__EvaluateRequest *body = rg_msg_body(request);
    rg_msg_t *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_EVALUATE_REPLY);
    ((Rg__V1__EvaluateReply *)rg_msg_body(reply))->report = rg_msg_text(
        reply,
        "{\"stage\":\"%s\",\"iteration\":7,\"iterations\":9,\"weights\":\"w1\",\"extractor\":\"net-%080d\","
        "\"split\":\"test\",\"images\":19962,\"img_size\":128,\"k\":10,\"outputs\":10,\"sources\":100,"
        "\"seed\":1,"
        "\"frechet_latent\":-1.2345e-05,\"frechet_reference\":21.5,\"frechet_floor\":5.25,"
        "\"wanted_accuracy_latent\":0.75,\"ceiling_accuracy\":0.875,\"wanted_accuracy_latent_random\":0.125,"
        "\"images_latent.Male\":123456,\"wanted_accuracy_latent.Male\":0.5,\"ceiling_accuracy.Male\":0.25,"
        "\"frechet_floor.A_name_longer_than_the_column\":1234567.5,"
        "\"p10.trained.attributes\":0.9,\"p10.trained.found\":0.3,\"reconstruction_l1_255\":10.5}",
        body->stage, 0);
    send(self, peer, reply);
    return 0;
}

static int load(void *self, const rg_peer_t *peer, const rg_msg_t *request)
{
    fake_t *fake = self;
    const Rg__V1__LoadRequest *asked = rg_msg_body(request);
    if (strcmp(asked->checkpoint, "busy") == 0 && fake->busy++ < BUSY_MAX)
        return rg_fail(RG_EBUSY, "another checkpoint is being loaded");
    rg_msg_t *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_LOAD_REPLY);
    Rg__V1__LoadReply *answer = rg_msg_body(reply);
    answer->model = "m1";
    answer->stage = "stage3";
    answer->iteration = 7;
    send(self, peer, reply);
    return 0;
}

static void put_neighbour(rg_msg_t *reply, Rg__V1__Neighbour *neighbour, const char *prefix, size_t i,
                          int side)
{
    char payload[24];
    uint8_t id[RG_ID_SIZE] = {(uint8_t)i}, *jpeg;
    size_t size;
    rg_image_t image;
    neighbour->name = rg_msg_text(reply, "%sneighbour%zu.jpg", prefix, i);
    neighbour->dist_l2sq = (float)i;
    neighbour->generation = 3;
    rg_msg_bytes(reply, &neighbour->id, id, sizeof id);
    rg_image_init(&image, side, side);
    rg_jpeg_encode(&image, 90, &jpeg, &size);
    snprintf(payload, sizeof payload, "%zu", i);
    rg_msg_copy(reply, payload, RG__V1__DTYPE__U8, 1, (uint32_t[]){(uint32_t)size}, jpeg);
    free(jpeg);
    rg_image_fini(&image);
}

static int find(void *self, const rg_peer_t *peer, const rg_msg_t *request)
{
    fake_t *fake = self;
    const Rg__V1__FindRequest *asked = rg_msg_body(request);
    const Rg__V1__SearchRequest *body = asked->search;
    uint32_t side = (uint32_t)fake->config.data.img_size;
    rg_payload_t pixels, exclude;
    int err =
        rg_msg_payload(request, "pixels", RG__V1__DTYPE__U8, 4, (uint32_t[]){1, side, side, 3}, &pixels);
    if (!err)
        err = rg_msg_payload(request, "exclude", RG__V1__DTYPE__U8, 2, (uint32_t[]){1, RG_ID_SIZE}, &exclude);
    if (!err && asked->n_edits != 3)
        err = rg_fail(RG_EINVAL, "%zu edits", asked->n_edits); // one hair colour set
    if (!err && !body) err = rg_fail(RG_EINVAL, "no search");
    if (err) return err;
    rg_msg_t *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_SEARCH_REPLY);
    Rg__V1__SearchReply *answer = rg_msg_body(reply);
    answer->neighbours = (Rg__V1__Neighbour **)rg_msg_array(reply, &rg__v1__neighbour__descriptor, body->k);
    answer->n_neighbours = body->k;
    const char *prefix = body->filter ? body->filter->name_prefix : "";
    answer->images = strcmp(prefix, "EMPTY") == 0 ? 0 : body->k - 1;
    for (size_t i = 0; i < answer->images; i++)
        put_neighbour(reply, answer->neighbours[i], prefix, i, fake->config.data.img_size);
    send(fake, peer, reply);
    return 0;
}

static int translate(void *self, const rg_peer_t *peer, const rg_msg_t *request)
{
    fake_t *fake = self;
    const Rg__V1__TranslateRequest *body = rg_msg_body(request);
    uint32_t side = (uint32_t)fake->config.data.img_size;
    rg_payload_t pixels;
    int err =
        rg_msg_payload(request, "pixels", RG__V1__DTYPE__U8, 4, (uint32_t[]){0, side, side, 3}, &pixels);
    if (err) return err;
    rg_msg_t *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_TRANSLATE_REPLY);
    size_t image = pixels.size / pixels.shape[0];
    uint8_t *out = rg_msg_reserve(reply, "pixels", RG__V1__DTYPE__U8, 4,
                                  (uint32_t[]){pixels.shape[0] * body->samples, side, side, 3});
    for (size_t i = 0; i < pixels.size * body->samples; i++)
        out[i] = 255 - ((const uint8_t *)pixels.data)[i / image / body->samples * image + i % image];
    Rg__V1__TranslateReply *answer = rg_msg_body(reply);
    answer->stage = "stage1";
    answer->generation = body->guidance == RG__V1__GUIDANCE__NONE ? 0 : 6;
    send(fake, peer, reply);
    return 0;
}

static void status(void *self, rg_status_t *status)
{
    const fake_t *fake = self;
    rg_status_field(status, "state", "idle");
    rg_status_field(status, "stage", "%s", fake->stage);
    rg_status_field(status, "iteration", "3");
    rg_status_field(status, "iterations", "7");
    rg_status_field(status, "loss.recon", "0.25");
    rg_status_field(status, "error", "\x1b[31m\xe9");
}

int main(int argc, char **argv)
{
    static const rg_route_t routes[] = {
        {RG__V1__ENVELOPE__BODY_INGEST_REQUEST, ingest, RG_ROLE_WRITER},
        {RG__V1__ENVELOPE__BODY_TRAIN_REQUEST, train, RG_ROLE_ADMIN},
        {RG__V1__ENVELOPE__BODY_EVALUATE_REQUEST, evaluate, RG_ROLE_ADMIN},
        {RG__V1__ENVELOPE__BODY_LOAD_REQUEST, load, RG_ROLE_ADMIN},
        {RG__V1__ENVELOPE__BODY_FIND_REQUEST, find, RG_ROLE_READER},
        {RG__V1__ENVELOPE__BODY_TRANSLATE_REQUEST, translate, RG_ROLE_READER},
    };
    static fake_t fake = {.stage = "none"};
    const char *slash = strrchr(argv[0], '/'), *name = (slash ? slash + 1 : argv[0]) + strlen("rg-");
    char mark[RG_PATH_SIZE];
    rg_main_init(argc, argv, name, "A fake service that makes its answers up.", &fake.config);
    const char *endpoints[] = {fake.config.endpoints.loader, fake.config.endpoints.encoder,
                               fake.config.endpoints.retrieval, fake.config.endpoints.trainer,
                               fake.config.endpoints.evaluator};
    static const char *const names[] = {"loader", "encoder", "retrieval", "trainer", "evaluator"};
    rg_service_spec_t spec = {.name = name,
                              .http_port = rg_config_http_port(&fake.config, name),
                              .routes = routes,
                              .n_routes = sizeof routes / sizeof *routes,
                              .status = status,
                              .self = &fake};
    for (int i = 0; i < 5; i++)
        if (strcmp(name, names[i]) == 0) spec.endpoint = endpoints[i];
    rg_config_path(&fake.config, name, mark);
    fake.first_life = !rg_exists(mark);
    int err = rg_file_write(mark, "", 0);
    const rg_wire_options_t wire = rg_wire_options(&fake.config);
    if (!err) err = rg_service_new(&fake.service, &wire, &spec);
    if (!err) err = rg_service_run(fake.service);
    rg_service_destroy(&fake.service);
    return err ? rg_main_fail(err) : 0;
}
