#include "services/ctl/translator.h"

#include <stdio.h>
#include <string.h>

#include "common/core/err.h"
#include "common/data/image.h"

enum { IMAGES_MAX = 32 }; // per request: small enough that progress is seen

// One request: where its reply goes.
typedef struct {
    rg_translator_t *translator;
    int n;
    uint8_t *out; // [n,samples,S,S,3]
} request_t;

int rg_translator_capacity(const rg_translator_t *translator, int *images)
{
    const rg_config_t *config = translator->config;
    size_t message = (size_t)config->limits.message_max_mib << 20, held = message / rg_image_bytes(config);
    if (held < (size_t)translator->samples)
        return rg_fail(RG_ELIMIT,
                       "%d samples of an image: a message holds at most %zu (limits.message_max_mib)",
                       translator->samples, held);
    size_t most = held / (size_t)translator->samples;
    *images = most < IMAGES_MAX ? (int)most : IMAGES_MAX;
    return 0;
}

static int translator_take_reply(void *self, const rg_msg_t *reply)
{
    const request_t *request = self;
    rg_translator_t *translator = request->translator;
    const rg_config_t *config = translator->config;
    const Rg__V1__TranslateReply *body = rg_msg_body(reply);
    const uint32_t side = (uint32_t)config->data.img_size,
                   shape[] = {(uint32_t)(request->n * translator->samples), side, side, 3};
    rg_payload_t pixels;
    int err = rg_msg_payload(reply, "pixels", RG__V1__DTYPE__U8, 4, shape, &pixels);
    if (err) return err;
    memcpy(request->out, pixels.data, pixels.size);
    snprintf(translator->stage, sizeof translator->stage, "%s", body->stage);
    translator->generation = body->generation;
    return 0;
}

// Each image is sent with its reference, so one reference is repeated.
static void put_references(rg_msg_t *msg, const rg_translator_t *translator, const uint32_t shape[4])
{
    size_t size = rg_image_bytes(translator->config);
    uint8_t *rows = rg_msg_reserve(msg, "references", RG__V1__DTYPE__U8, 4, shape);
    for (uint32_t i = 0; i < shape[0]; i++) memcpy(rows + i * size, translator->reference, size);
}

static int translator_ask(request_t *request, const rg_edits_t *edits, const uint8_t *sources)
{
    const rg_translator_t *translator = request->translator;
    const uint32_t side = (uint32_t)translator->config->data.img_size,
                   shape[] = {(uint32_t)request->n, side, side, 3};
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_TRANSLATE_REQUEST);
    Rg__V1__TranslateRequest *body = rg_msg_body(msg);
    body->edits = rg_edits_message(edits, translator->config, msg, &body->n_edits);
    body->samples = (uint32_t)translator->samples;
    body->seed = translator->seed;
    body->guidance = translator->guidance;
    rg_msg_copy(msg, "pixels", RG__V1__DTYPE__U8, 4, shape, sources);
    if (translator->reference) put_references(msg, translator, shape);
    return rg_caller_ask(translator->encoder, &msg, RG__V1__ENVELOPE__BODY_TRANSLATE_REPLY,
                         translator_take_reply, request);
}

int rg_translator_run(rg_translator_t *translator, const rg_edits_t *edits, const uint8_t *sources, int n,
                      uint8_t *out)
{
    size_t size = rg_image_bytes(translator->config);
    int capacity = 1, err = rg_translator_capacity(translator, &capacity);
    for (int i = 0; i < n && !err; i += capacity) {
        request_t request = {.translator = translator,
                             .n = n - i < capacity ? n - i : capacity,
                             .out = out + (size_t)i * (size_t)translator->samples * size};
        err = translator_ask(&request, edits, sources + (size_t)i * size);
    }
    return err;
}
