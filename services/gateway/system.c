// The handlers of the page, /session, /system and /status, and rg_gateway_admit, which checks every request
// before its body is read.
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/report/chart.h"
#include "services/gateway/gateway.h"
#include "services/gateway/http_api.h"

void rg_gateway_get_page(void *self, rg_http_request_t *request)
{
    const rg_gateway_t *gateway = self;
    const rg_page_file_t *file = rg_page_find(&gateway->page, rg_http_path(request));
    int known = rg_page_known(rg_http_header(request, "If-None-Match"), file->etag);
    rg_http_reply(request,
                  &(rg_http_reply_t){.status = known ? 304 : 200,
                                     .type = file->type,
                                     .data = file->source->data,
                                     .size = known ? 0 : (size_t)(file->source->stop - file->source->data),
                                     .headers = {{"ETag", file->etag}, {"Cache-Control", "no-cache"}}});
}

// ---- access
static const struct {
    unsigned status;
    const char *sentence;
} refusals[] = {
    [RG_ACCESS_TOKEN] = {401, "send the token of this gateway, as a bearer or in the cookie of a session"},
    [RG_ACCESS_HOST] = {403, "this is not a name of this machine: use localhost, or send the token"},
    [RG_ACCESS_ORIGIN] = {403, "the request comes from a page of another origin"},
};

static void log_wrong_token(void)
{
    rg_log(RG_LOG_WARN, "wrong-token", "status=%u", refusals[RG_ACCESS_TOKEN].status);
}

static enum rg_access_verdict check_access(const rg_gateway_t *gateway, const rg_http_request_t *request,
                                           const char *path, rg_access_request_t *head)
{
    *head = (rg_access_request_t){.method = rg_http_method(request),
                                  .path = path,
                                  .host = rg_http_header(request, "Host"),
                                  .origin = rg_http_header(request, "Origin"),
                                  .fetch_site = rg_http_header(request, "Sec-Fetch-Site"),
                                  .authorization = rg_http_header(request, "Authorization"),
                                  .cookie = rg_http_header(request, "Cookie")};
    return rg_http_access_check(&gateway->access, head);
}

int rg_gateway_admit(void *self, rg_http_request_t *request)
{
    rg_gateway_t *gateway = self;
    rg_access_request_t head;
    enum rg_access_verdict verdict = check_access(gateway, request, rg_http_path(request), &head);
    if (verdict == RG_ACCESS_ALLOWED) return 1;
    if (verdict == RG_ACCESS_TOKEN && rg_http_access_has_credentials(&head)) log_wrong_token();
    rg_api_reply_refuse(self, request, refusals[verdict].status, refusals[verdict].sentence);
    return 0;
}

// Sets the cookie only if the client sent the token.
static void open_session(const rg_gateway_t *gateway, rg_http_request_t *request, int has_token)
{
    char *cookie = rg_format(RG_TOKEN_COOKIE "=%s; HttpOnly; SameSite=Strict; Path=/", gateway->access.token);
    rg_http_reply(request, &(rg_http_reply_t){.status = 204,
                                              .headers = {{"Cache-Control", "no-store"},
                                                          {has_token ? "Set-Cookie" : NULL, cookie}}});
    free(cookie);
}

// The body is the token, with or without a line end.
void rg_gateway_post_session(void *self, rg_http_request_t *request)
{
    rg_gateway_t *gateway = self;
    rg_access_request_t head;
    size_t size;
    const char *body = (const char *)rg_http_body(request, &size);
    while (size > 0 && strchr(" \r\n", body[size - 1])) size--;
    int has_token = body && rg_http_access_is_token(&gateway->access, body, size);
    if (has_token || check_access(gateway, request, "/api/v1/system", &head) == RG_ACCESS_ALLOWED) {
        open_session(gateway, request, has_token);
        return;
    }
    log_wrong_token();
    rg_api_reply_refuse(self, request, 401, "this is not the token of this gateway");
}

// ---- the system
void rg_gateway_get_status(void *self, rg_http_request_t *request)
{
    rg_gateway_t *gateway = self;
    rg_status_cache_get(gateway->status, request);
}

static json_t *names_json(const rg_names_t *names)
{
    json_t *list = json_array();
    for (int i = 0; i < names->count; i++) json_array_append_new(list, json_string(names->name[i]));
    return list;
}

static json_t *families_json(const rg_chart_family_t *family)
{
    json_t *list = json_array();
    for (; family->title; family++) {
        json_t *keys = json_array();
        for (int i = 0; i < RG_CHART_KEYS && family->key[i]; i++)
            json_array_append_new(keys, json_string(family->key[i]));
        json_array_append_new(list, json_pack("{s:s, s:o, s:b}", "title", family->title, "keys", keys, "rate",
                                              family->is_rate));
    }
    return list;
}

void rg_gateway_get_system(void *self, rg_http_request_t *request)
{
    const rg_gateway_t *gateway = self;
    const rg_config_t *config = &gateway->config;
    json_t *limits = json_pack(
        "{s:I, s:i, s:i, s:i}", "image_bytes", (json_int_t)config->limits.image_max_mib << 20, "image_side",
        config->limits.image_max_side, "k", config->retrieval.k_max, "samples", RG_GATEWAY_SAMPLES);
    rg_api_reply_json(request,
                      json_pack("{s:s, s:s, s:i, s:i, s:o, s:o, s:o, s:{s:o, s:o}}", "version", RG_VERSION,
                                "run", gateway->runs.entry[0].name, "img_size", config->data.img_size, "k",
                                config->model.k, "attributes", names_json(&config->data.attributes),
                                "exclusive", names_json(&config->data.exclusive), "limits", limits, "charts",
                                "training", families_json(rg_chart_training), "evaluations",
                                families_json(rg_chart_evaluations)));
}
