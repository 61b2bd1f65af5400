// /images: lists the retrieval set, sends thumbnails, adds images.
//
// An added image goes from the HTTP body to the loader without a copy. The loader replies when the
// retrieval service has stored the image durably.
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/core/hash.h"
#include "common/data/format.h"
#include "common/wire/json.h"
#include "services/gateway/gateway.h"
#include "services/gateway/http_api.h"
#include "services/gateway/request_image.h"

enum { LIMIT = 100, LIMIT_MAX = 1000 };

// ---- the list
static void images_take_list(void *self, int err, const rg_msg_t *reply)
{
    if (err) {
        rg_api_reply_fail(self, err);
        return;
    }
    const Rg__V1__ListReply *body = rg_msg_body(reply);
    json_t *images = json_array();
    for (size_t i = 0; i < body->n_images; i++) {
        json_t *image = rg_json_image(body->images[i]);
        if (image) json_array_append_new(images, image);
    }
    rg_api_reply_json(self, json_pack("{s:I, s:o}", "next", (json_int_t)body->next, "images", images));
}

void rg_gateway_get_images(void *self, rg_http_request_t *request)
{
    rg_gateway_t *gateway = self;
    uint64_t from, limit, most = (uint64_t)gateway->config.retrieval.batch_max;
    int err = rg_api_param_number("from", rg_http_query(request, "from"), 0, UINT64_MAX, 0, &from);
    if (!err)
        err = rg_api_param_number("limit", rg_http_query(request, "limit"), 1, LIMIT_MAX, LIMIT, &limit);
    if (!err) {
        rg_msg_t *list = rg_msg_new(RG__V1__ENVELOPE__BODY_LIST_REQUEST);
        Rg__V1__ListRequest *body = rg_msg_body(list);
        body->from = from;
        body->limit = (uint32_t)(limit < most ? limit : most);
        err = rg_upstream_ask(gateway->upstream, "retrieval", &list, RG__V1__ENVELOPE__BODY_LIST_REPLY,
                              images_take_list, request);
    }
    if (err) rg_api_reply_fail(request, err);
}

// ---- one image
static void images_take_thumbnail(void *self, int err, const rg_msg_t *reply)
{
    rg_payload_t jpeg;
    if (!err) err = rg_upstream_thumbnail(reply, &jpeg);
    if (err) {
        rg_api_reply_fail(self, err);
        return;
    }
    void *bytes = rg_alloc(jpeg.size + 1);
    memcpy(bytes, jpeg.data, jpeg.size);
    rg_http_reply(self,
                  &(rg_http_reply_t){.status = 200,
                                     .type = rg_image_format_mime(rg_image_format(jpeg.data, jpeg.size)),
                                     .bytes = bytes,
                                     .size = jpeg.size,
                                     .headers = {{"Cache-Control", "private, max-age=31536000, immutable"}}});
}

void rg_gateway_get_image(void *self, rg_http_request_t *request)
{
    const rg_gateway_t *gateway = self;
    uint8_t id[RG_ID_SIZE];
    int err = rg_api_param_id("id", rg_http_parameter(request), id);
    if (!err) err = rg_upstream_get_image(gateway->upstream, id, images_take_thumbnail, request);
    if (err) rg_api_reply_fail(request, err);
}

// ---- adding an image
static const char *fate_name(Rg__V1__Fate fate)
{
    if (fate == RG__V1__FATE__ADDED) return "added";
    return fate == RG__V1__FATE__DUPLICATE ? "duplicate" : "refused";
}

// The loader's reason without the name that it begins with.
static const char *outcome_reason(const Rg__V1__Outcome *outcome)
{
    size_t n = strlen(outcome->name);
    int named = strncmp(outcome->reason, outcome->name, n) == 0 && strncmp(outcome->reason + n, ": ", 2) == 0;
    return outcome->reason + (named ? n + 2 : 0);
}

static json_t *outcome_json(const Rg__V1__Outcome *outcome, uint64_t generation)
{
    char hex[2 * RG_ID_SIZE + 1] = "";
    if (outcome->id.len == RG_ID_SIZE) rg_id_hex(outcome->id.data, hex);
    json_t *object = json_pack("{s:o, s:s, s:s}", "name", rg_json_text(outcome->name), "id", hex, "fate",
                               fate_name(outcome->fate));
    if (outcome->fate == RG__V1__FATE__ADDED || outcome->fate == RG__V1__FATE__DUPLICATE)
        json_object_set_new(object, "generation", json_integer((json_int_t)generation));
    else
        json_object_set_new(object, "reason", rg_json_text(outcome_reason(outcome)));
    return object;
}

static void images_take_outcome(void *self, int err, const rg_msg_t *reply)
{
    const Rg__V1__IngestReply *body = err ? NULL : rg_msg_body(reply);
    if (body && body->n_outcomes != 1)
        err = rg_fail(RG_EIO, "loader: expected one outcome, got %zu", body->n_outcomes);
    if (err)
        rg_api_reply_fail(self, err);
    else
        rg_api_reply_json(self, outcome_json(body->outcomes[0], body->generation));
}

static void free_jpeg(void *data, void *hint)
{
    (void)hint;
    free(data);
}

void rg_gateway_post_image(void *self, rg_http_request_t *request)
{
    const rg_gateway_t *gateway = self;
    const char *name = rg_http_query(request, "name");
    size_t size;
    int err = rg_api_param_text("name", name);
    if (!err) err = rg_request_image_check_body(request);
    if (!err) {
        rg_msg_t *ingest = rg_msg_new(RG__V1__ENVELOPE__BODY_INGEST_REQUEST);
        Rg__V1__IngestRequest *body = rg_msg_body(ingest);
        body->items = (Rg__V1__Item **)rg_msg_array(ingest, &rg__v1__item__descriptor, body->n_items = 1);
        body->items[0]->name = rg_msg_text(ingest, "%s", name);
        body->asked_us = rg_clock_wall_us();
        unsigned char *jpeg = rg_http_take_body(request, &size);
        rg_msg_attach(ingest, "0", RG__V1__DTYPE__U8, 1, (uint32_t[]){(uint32_t)size}, jpeg, free_jpeg, NULL);
        err = rg_upstream_ask(gateway->upstream, "loader", &ingest, RG__V1__ENVELOPE__BODY_INGEST_REPLY,
                              images_take_outcome, request);
    }
    if (err) rg_api_reply_fail(request, err);
}
