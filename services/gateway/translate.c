// POST /translate: the encoder translates; a job writes its samples as PNG.
//
//   request -> load the image -> TranslateRequest to the encoder -> job: PNG and JSON -> reply
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/data/image.h"
#include "common/wire/json.h"
#include "services/gateway/http_api.h"
#include "services/gateway/request_image.h"

typedef struct {
    rg_gateway_t *gateway;
    rg_http_request_t *request;
    rg_request_image_t image;
    uint64_t samples, seed;
    int guidance; // Rg__V1__Guidance
    rg_msg_t *reply;
    rg_payload_t pixels; // of the reply: [samples,S,S,3]
    char *text;          // the answer
} translation_t;

static void translation_end(translation_t *translation)
{
    rg_request_image_fini(&translation->image);
    rg_msg_destroy(&translation->reply);
    free(translation->text);
    free(translation);
}

static void translation_fail(translation_t *translation, int err)
{
    rg_api_reply_fail(translation->request, err);
    translation_end(translation);
}

// ---- the answer
static char *to_base64(const uint8_t *bytes, size_t size)
{
    size_t size_max = sodium_base64_ENCODED_LEN(size, sodium_base64_VARIANT_ORIGINAL);
    char *text = rg_alloc(size_max);
    return sodium_bin2base64(text, size_max, bytes, size, sodium_base64_VARIANT_ORIGINAL);
}

// Pixels [S,S,3] as base64 of a PNG, a new reference.
static int png_json(const rg_config_t *config, const void *pixels, json_t **out)
{
    uint8_t *png;
    size_t size;
    const int side = config->data.img_size;
    const rg_image_t image = {side, side, (uint8_t *)pixels};
    int err = rg_image_encode_png(&image, &png, &size);
    if (err) return rg_fail(RG_EIO, "%s", rg_error());
    char *text = to_base64(png, size);
    *out = json_string_nocheck(text);
    free(text);
    free(png);
    return 0;
}

// The neighbours that guided sample i: every sample has the same number of them.
static json_t *guides_json(const translation_t *translation, size_t i)
{
    const Rg__V1__TranslateReply *body = rg_msg_body(translation->reply);
    const size_t k = body->n_neighbours / translation->samples;
    return rg_json_neighbours(body->neighbours + i * k, k);
}

static int samples_json(const translation_t *translation, json_t *samples)
{
    const rg_config_t *config = &translation->gateway->config;
    int err = 0;
    for (size_t i = 0; i < translation->samples && !err; i++) {
        json_t *png;
        err = png_json(config, (const uint8_t *)translation->pixels.data + i * rg_image_bytes(config), &png);
        if (!err)
            json_array_append_new(
                samples, json_pack("{s:o, s:o}", "png", png, "neighbours", guides_json(translation, i)));
    }
    return err;
}

// On the job's thread.
static int translation_write(void *self)
{
    translation_t *translation = self;
    const Rg__V1__TranslateReply *body = rg_msg_body(translation->reply);
    json_t *source, *samples = json_array();
    json_t *whole = json_pack("{s:o, s:I, s:o}", "stage", rg_json_text(body->stage), "generation",
                              (json_int_t)body->generation, "samples", samples);
    int err = png_json(&translation->gateway->config, translation->image.pixels, &source);
    if (!err) err = json_object_set_new(whole, "source", source);
    if (!err) err = samples_json(translation, samples);
    if (err)
        json_decref(whole);
    else
        translation->text = rg_api_reply_write(whole);
    return err;
}

static void translation_send(void *self, int err)
{
    translation_t *translation = self;
    if (err) {
        translation_fail(translation, err);
        return;
    }
    rg_api_reply_text(translation->request, translation->text);
    translation->text = NULL;
    translation_end(translation);
}

// ---- the translation
static void translation_take_reply(void *self, int err, const rg_msg_t *reply)
{
    translation_t *translation = self;
    const uint32_t side = (uint32_t)translation->gateway->config.data.img_size,
                   shape[] = {(uint32_t)translation->samples, side, side, 3};
    if (err == RG_ENOENT) err = rg_fail(RG_EMODEL, "%s", rg_error()); // no stage is trained yet
    if (!err && rg_msg_payload(reply, "pixels", RG__V1__DTYPE__U8, 4, shape, &translation->pixels))
        err = rg_fail(RG_EIO, "encoder: %s", rg_error());
    if (!err) {
        translation->reply = rg_msg_retain(reply);
        err = rg_jobs_add_task(translation->gateway->jobs, translation_write, translation_send, translation);
    }
    if (err) translation_fail(translation, err);
}

static int translation_ask(translation_t *translation)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_TRANSLATE_REQUEST);
    Rg__V1__TranslateRequest *body = rg_msg_body(request);
    body->edits = rg_request_image_put(&translation->image, request, &body->n_edits);
    body->samples = (uint32_t)translation->samples;
    body->seed = translation->seed;
    body->guidance = (Rg__V1__Guidance)translation->guidance;
    return rg_upstream_ask(translation->gateway->upstream, "encoder", &request,
                           RG__V1__ENVELOPE__BODY_TRANSLATE_REPLY, translation_take_reply, translation);
}

static void translation_take_image(void *self, int err)
{
    if (!err) err = translation_ask(self);
    if (err) translation_fail(self, err);
}

// ---- the request
static int translation_parse(translation_t *translation)
{
    static const char *const guidances[] = {"retrieved", "none", NULL}; // as the enum
    const rg_http_request_t *request = translation->request;
    int err = rg_api_param_number("samples", rg_http_query(request, "samples"), 1, RG_GATEWAY_SAMPLES, 1,
                                  &translation->samples);
    if (!err)
        err =
            rg_api_param_number("seed", rg_http_query(request, "seed"), 0, INT64_MAX, 1, &translation->seed);
    if (!err)
        err = rg_api_param_choice("guidance", rg_http_query(request, "guidance"), guidances,
                                  &translation->guidance);
    return err;
}

void rg_gateway_post_translate(void *self, rg_http_request_t *request)
{
    translation_t *translation = rg_alloc(sizeof *translation);
    *translation = (translation_t){.gateway = self, .request = request};
    translation->image = (rg_request_image_t){
        .gateway = self, .request = request, .fn = translation_take_image, .self = translation};
    int err = translation_parse(translation);
    if (!err) err = rg_request_image_load(&translation->image);
    if (err) translation_fail(translation, err);
}
