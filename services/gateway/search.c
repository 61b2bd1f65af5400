// POST /search: the image is embedded with the wanted attributes, and the embedding is searched.
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/wire/edits.h"
#include "common/wire/json.h"
#include "services/gateway/http_api.h"
#include "services/gateway/request_image.h"

enum { TRIES = 8 };

typedef struct {
    rg_gateway_t *gateway;
    rg_http_request_t *request;
    rg_request_image_t image;
    rg_edits_t edits;
    uint64_t k;
    int annotation; // Rg__V1__Annotation
    const char *prefix;
    int tries;
} search_t;

static void end(search_t *search)
{
    rg_request_image_fini(&search->image);
    free(search);
}

static void fail(search_t *search, int err)
{
    rg_reply_fail(search->request, err);
    end(search);
}

// ---- the search
static json_t *result_json(const Rg__V1__SearchReply *body)
{
    json_t *list = json_array();
    for (size_t i = 0; i < body->n_neighbours; i++) {
        json_t *neighbour = rg_json_neighbour(body->neighbours[i], (int)i + 1);
        if (neighbour) json_array_append_new(list, neighbour);
    }
    return json_pack("{s:I, s:I, s:o}", "generation", (json_int_t)body->generation, "images",
                     (json_int_t)body->images, "neighbours", list);
}

static void embed(search_t *search);

// If the set switches to another model between the two questions, both are asked again, of several encoders
// in turn: those that have not followed yet are few, and not for long.
static void take_neighbours(void *self, int err, const rg_msg_t *reply)
{
    search_t *search = self;
    if (err == RG_EMODEL && ++search->tries < TRIES) {
        embed(search);
        return;
    }
    if (err) {
        fail(search, err);
        return;
    }
    rg_reply_json(search->request, result_json(rg_msg_body(reply)));
    end(search);
}

static Rg__V1__Filter *make_filter(const search_t *search, rg_msg_t *request)
{
    Rg__V1__Filter *filter = rg_msg_array(request, &rg__v1__filter__descriptor, 1)[0];
    filter->annotation = (Rg__V1__Annotation)search->annotation;
    if (search->prefix) filter->name_prefix = rg_msg_text(request, "%s", search->prefix);
    return filter;
}

static int ask_neighbours(search_t *search, const char *model, const rg_payload_t *embedding)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_SEARCH_REQUEST);
    Rg__V1__SearchRequest *body = rg_msg_body(request);
    body->model = rg_msg_text(request, "%s", model);
    body->k = (uint32_t)search->k;
    if (search->prefix || search->annotation) body->filter = make_filter(search, request);
    rg_msg_copy(request, "queries", RG__V1__DTYPE__F32, 2, embedding->shape, embedding->data);
    rg_msg_copy(request, "exclude", RG__V1__DTYPE__U8, 2, (uint32_t[]){1, RG_ID_SIZE}, search->image.id);
    return rg_backend_ask(search->gateway->backend, "retrieval", &request,
                          RG__V1__ENVELOPE__BODY_SEARCH_REPLY, take_neighbours, search);
}

// ---- the embedding
static void take_embedding(void *self, int err, const rg_msg_t *reply)
{
    search_t *search = self;
    rg_payload_t embedding;
    if (err == RG_ENOENT) err = rg_fail(RG_EMODEL, "%s", rg_error()); // none is trained
    if (!err && rg_msg_payload(reply, "embeddings", RG__V1__DTYPE__F32, 2, (uint32_t[]){1, 0}, &embedding))
        err = rg_fail(RG_EIO, "encoder: %s", rg_error());
    if (!err)
        err = ask_neighbours(search, ((const Rg__V1__EmbedReply *)rg_msg_body(reply))->model, &embedding);
    if (err) fail(search, err);
}

static void embed(search_t *search)
{
    const rg_config_t *config = &search->gateway->config;
    const uint32_t side = (uint32_t)config->data.img_size;
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_EMBED_REQUEST);
    Rg__V1__EmbedRequest *body = rg_msg_body(request);
    body->edits = rg_edits_message(&search->edits, config, request, &body->n_edits);
    rg_msg_copy(request, "pixels", RG__V1__DTYPE__U8, 4, (uint32_t[]){1, side, side, 3},
                search->image.pixels);
    int err = rg_backend_ask(search->gateway->backend, "encoder", &request,
                             RG__V1__ENVELOPE__BODY_EMBED_REPLY, take_embedding, search);
    if (err) fail(search, err);
}

static void take_image(void *self, int err)
{
    if (err)
        fail(self, err);
    else
        embed(self);
}

// ---- the request
static int read_parameters(search_t *search)
{
    static const char *const annotations[] = {"any", "annotated", "unannotated", NULL}; // as the enum
    const rg_http_request_t *request = search->request;
    const rg_config_t *config = &search->gateway->config;
    const char *attributes = rg_http_query(request, "attributes");
    rg_edits_init(&search->edits);
    search->prefix = rg_http_query(request, "name_prefix");
    int err = attributes && *attributes ? rg_edits_parse(&search->edits, config, attributes) : 0;
    if (!err)
        err = rg_param_number("k", rg_http_query(request, "k"), 1, (uint64_t)config->retrieval.k_max, 10,
                              &search->k);
    if (!err)
        err = rg_param_choice("annotation", rg_http_query(request, "annotation"), annotations,
                              &search->annotation);
    if (!err && search->prefix && *search->prefix) err = rg_param_text("name_prefix", search->prefix);
    return err;
}

void rg_post_search(void *self, rg_http_request_t *request)
{
    search_t *search = rg_alloc(sizeof *search);
    *search = (search_t){.gateway = self, .request = request};
    search->image =
        (rg_request_image_t){.gateway = self, .request = request, .fn = take_image, .self = search};
    int err = read_parameters(search);
    if (!err) err = rg_request_image_load(&search->image);
    if (err) fail(search, err);
}
