// POST /search: the encoder finds real images with the content of an image and the wanted attributes.
//
//   request -> load the image -> FindRequest to the encoder, which asks the retrieval service -> reply
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/wire/json.h"
#include "services/gateway/http_api.h"
#include "services/gateway/request_image.h"

typedef struct {
    rg_gateway_t *gateway;
    rg_http_request_t *request;
    rg_request_image_t image;
    uint64_t k;
    int annotation; // Rg__V1__Annotation
    const char *prefix;
    uint64_t from_ms, until_ms; // time of addition; 0: no bound
} search_t;

static void search_end(search_t *search)
{
    rg_request_image_fini(&search->image);
    free(search);
}

static void search_fail(search_t *search, int err)
{
    rg_api_reply_fail(search->request, err);
    search_end(search);
}

// ---- the search
static int search_has_condition(const search_t *search)
{
    return search->prefix || search->annotation || search->from_ms || search->until_ms;
}

static void search_take_reply(void *self, int err, const rg_msg_t *reply)
{
    search_t *search = self;
    if (err == RG_ENOENT) err = rg_fail(RG_EMODEL, "%s", rg_error()); // no retrieval net is trained yet
    if (err) {
        search_fail(search, err);
        return;
    }
    rg_api_reply_json(search->request, rg_json_search(rg_msg_body(reply), search_has_condition(search)));
    search_end(search);
}

static Rg__V1__Filter *search_filter(const search_t *search, rg_msg_t *request)
{
    Rg__V1__Filter *filter = rg_msg_array(request, &rg__v1__filter__descriptor, 1)[0];
    filter->annotation = (Rg__V1__Annotation)search->annotation;
    filter->added_from_ms = search->from_ms;
    filter->added_until_ms = search->until_ms;
    if (search->prefix) filter->name_prefix = rg_msg_text(request, "%s", search->prefix);
    return filter;
}

static int search_ask(search_t *search)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_FIND_REQUEST);
    Rg__V1__FindRequest *body = rg_msg_body(request);
    body->edits = rg_request_image_put(&search->image, request, &body->n_edits);
    body->search = rg_msg_array(request, &rg__v1__search_request__descriptor, 1)[0];
    body->search->k = (uint32_t)search->k;
    if (search_has_condition(search)) body->search->filter = search_filter(search, request);
    rg_msg_copy(request, "exclude", RG__V1__DTYPE__U8, 2, (uint32_t[]){1, RG_ID_SIZE}, search->image.id);
    return rg_upstream_ask(search->gateway->upstream, "encoder", &request,
                           RG__V1__ENVELOPE__BODY_SEARCH_REPLY, search_take_reply, search);
}

static void search_take_image(void *self, int err)
{
    if (!err) err = search_ask(self);
    if (err) search_fail(self, err);
}

// ---- the request
static int search_parse(search_t *search)
{
    static const char *const annotations[] = {"any", "annotated", "unannotated", NULL}; // as the enum
    const rg_http_request_t *request = search->request;
    const rg_config_t *config = &search->gateway->config;
    search->prefix = rg_http_query(request, "name_prefix");
    if (search->prefix && !*search->prefix) search->prefix = NULL;
    int err = rg_api_param_number("k", rg_http_query(request, "k"), 1, (uint64_t)config->retrieval.k_max, 10,
                                  &search->k);
    if (!err)
        err = rg_api_param_choice("annotation", rg_http_query(request, "annotation"), annotations,
                                  &search->annotation);
    if (!err && search->prefix) err = rg_api_param_text("name_prefix", search->prefix);
    if (!err) err = rg_api_param_time("added_after", rg_http_query(request, "added_after"), &search->from_ms);
    if (!err)
        err = rg_api_param_time("added_before", rg_http_query(request, "added_before"), &search->until_ms);
    return err;
}

void rg_gateway_post_search(void *self, rg_http_request_t *request)
{
    search_t *search = rg_alloc(sizeof *search);
    *search = (search_t){.gateway = self, .request = request};
    search->image =
        (rg_request_image_t){.gateway = self, .request = request, .fn = search_take_image, .self = search};
    int err = search_parse(search);
    if (!err) err = rg_request_image_load(&search->image);
    if (err) search_fail(search, err);
}
