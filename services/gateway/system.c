// The page, who is let in, and what does not change while the system runs.
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "services/gateway/gateway.h"
#include "services/gateway/reply.h"

void rg_get_page(void *self, rg_http_request_t *request)
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

// ------------------------------------------------------------------ who is let in
static const struct {
    unsigned status;
    const char *sentence;
} verdicts[] = {
    [RG_GATE_TOKEN] = {401, "show the token of this gateway, as a bearer or by a session's cookie"},
    [RG_GATE_HOST] = {403, "this is not the name of this machine: use localhost, or show the token"},
    [RG_GATE_ORIGIN] = {403, "a request of another page"},
};

static void log_turned_away(rg_gateway_t *gateway)
{
    unsigned unlogged;
    if (rg_log_limit_pass(&gateway->turned_away, &unlogged))
        rg_log(RG_LOG_WARN, "wrong_token", "unlogged=%u", unlogged);
}

static enum rg_verdict ask_gate(const rg_gateway_t *gateway, const rg_http_request_t *request,
                                const char *path, rg_visit_t *visit)
{
    *visit = (rg_visit_t){.method = rg_http_method(request),
                          .path = path,
                          .host = rg_http_header(request, "Host"),
                          .origin = rg_http_header(request, "Origin"),
                          .fetch_site = rg_http_header(request, "Sec-Fetch-Site"),
                          .authorization = rg_http_header(request, "Authorization"),
                          .cookie = rg_http_header(request, "Cookie")};
    return rg_gate_ask(&gateway->gate, visit);
}

int rg_gateway_admit(void *self, rg_http_request_t *request)
{
    rg_gateway_t *gateway = self;
    rg_visit_t visit;
    enum rg_verdict verdict = ask_gate(gateway, request, rg_http_path(request), &visit);
    if (verdict == RG_GATE_OPEN) return 1;
    if (verdict == RG_GATE_TOKEN && rg_gate_claims(&visit)) log_turned_away(gateway);
    rg_reply_refuse(self, request, verdicts[verdict].status, verdicts[verdict].sentence);
    return 0;
}

// The cookie is for who has shown what it holds.
static void open_session(const rg_gateway_t *gateway, rg_http_request_t *request, int shown)
{
    char *cookie = rg_format(RG_TOKEN_COOKIE "=%s; HttpOnly; SameSite=Strict; Path=/", gateway->gate.token);
    rg_http_reply(request, &(rg_http_reply_t){.status = 204,
                                              .headers = {{"Cache-Control", "no-store"},
                                                          {shown ? "Set-Cookie" : NULL, cookie}}});
    free(cookie);
}

// The body is the token, perhaps with the end of its line.
void rg_post_session(void *self, rg_http_request_t *request)
{
    rg_gateway_t *gateway = self;
    rg_visit_t visit;
    size_t size;
    const char *body = (const char *)rg_http_body(request, &size);
    while (size > 0 && strchr(" \r\n", body[size - 1])) size--;
    int shown = body && rg_gate_knows(&gateway->gate, body, size);
    if (shown || ask_gate(gateway, request, "/api/v1/system", &visit) == RG_GATE_OPEN) {
        open_session(gateway, request, shown);
        return;
    }
    log_turned_away(gateway);
    rg_reply_refuse(self, request, 401, "this is not the token of this gateway");
}

// ------------------------------------------------------------------ the system
void rg_get_status(void *self, rg_http_request_t *request)
{
    rg_gateway_t *gateway = self;
    rg_overview_get(gateway->overview, request);
}

static json_t *names_json(const rg_names_t *names)
{
    json_t *list = json_array();
    for (int i = 0; i < names->count; i++) json_array_append_new(list, json_string(names->name[i]));
    return list;
}

void rg_get_system(void *self, rg_http_request_t *request)
{
    const rg_gateway_t *gateway = self;
    const rg_config_t *config = &gateway->config;
    json_t *limits = json_pack(
        "{s:I, s:i, s:i, s:i}", "image_bytes", (json_int_t)config->limits.image_max_mib << 20, "image_side",
        config->limits.image_max_side, "k", config->retrieval.k_max, "samples", RG_GATEWAY_SAMPLES);
    rg_reply_json(request, json_pack("{s:s, s:s, s:i, s:i, s:o, s:o, s:o}", "version", RG_VERSION, "run",
                                     gateway->runs.entry[0].name, "img_size", config->data.img_size, "k",
                                     config->model.k, "attributes", names_json(&config->data.attributes),
                                     "exclusive", names_json(&config->data.exclusive), "limits", limits));
}
