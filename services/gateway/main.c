// rg-gateway: serves the page, and the HTTP interface for the page and for other programs (openapi.yaml).
// It runs if http.gateway names a port. The process is nice, so training has priority over browsers.
//
//   browser -> HTTP server (common/wire/http) -> rg_gateway_admit -> handler
//     handler reads files                      runs.c (journals and pictures), system.c
//     a job makes files                        networks.c
//     handler calls a service, replies later   images.c, status.c
//     handler decodes an image on a job, calls services, replies later     search.c, translate.c
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/wire/service_main.h"
#include "services/gateway/gateway.h"
#include "services/gateway/http_api.h"

enum { NICENESS = 10, TOKEN_BODY = 256, ROUTES = 18 };

// The memory of request bodies and answers: this much, or four of the largest images.
static const size_t memory = 128 << 20, images_at_once = 4;

static const rg_http_header_t headers[] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
     "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {NULL, NULL},
};

// ---- routes
typedef struct {
    rg_http_route_t route[ROUTES + RG_PAGE_FILES];
    size_t n;
} routes_t;

static void routes_add(routes_t *routes, const char *method, const char *path, rg_http_handler_fn *handle,
                       size_t body_max)
{
    routes->route[routes->n++] = (rg_http_route_t){method, path, handle, body_max, NULL};
}

static void routes_add_image(routes_t *routes, const char *path, rg_http_handler_fn *handle, size_t image_max)
{
    routes->route[routes->n++] = (rg_http_route_t){"POST", path, handle, image_max, "limits.image_max_mib"};
}

static void routes_init(const rg_gateway_t *self, routes_t *routes)
{
    const size_t image = (size_t)self->config.limits.image_max_mib << 20;
    routes_add(routes, "POST", "/api/v1/session", rg_gateway_post_session, TOKEN_BODY);
    routes_add(routes, "GET", "/api/v1/system", rg_gateway_get_system, 0);
    routes_add(routes, "GET", "/api/v1/status", rg_gateway_get_status, 0);
    routes_add(routes, "GET", "/api/v1/runs", rg_gateway_get_runs, 0);
    routes_add(routes, "GET", "/api/v1/training", rg_gateway_get_training, 0);
    routes_add(routes, "GET", "/api/v1/evaluations", rg_gateway_get_evaluations, 0);
    routes_add(routes, "GET", "/api/v1/samples", rg_gateway_get_samples, 0);
    routes_add(routes, "GET", "/api/v1/samples/*", rg_gateway_get_sample, 0);
    routes_add(routes, "GET", "/api/v1/networks", rg_gateway_get_networks, 0);
    routes_add(routes, "GET", "/api/v1/networks/*", rg_gateway_get_network, 0);
    routes_add_image(routes, "/api/v1/search", rg_gateway_post_search, image);
    routes_add_image(routes, "/api/v1/translate", rg_gateway_post_translate, image);
    routes_add(routes, "GET", "/api/v1/images", rg_gateway_get_images, 0);
    routes_add_image(routes, "/api/v1/images", rg_gateway_post_image, image);
    routes_add(routes, "GET", "/api/v1/images/*", rg_gateway_get_image, 0);
    for (size_t i = 0; i < self->page.n; i++)
        routes_add(routes, "GET", self->page.file[i].source->path, rg_gateway_get_page, 0);
}

// ---- start and end
static void gateway_on_status(void *data, rg_status_t *status)
{
    const rg_gateway_t *self = data;
    const char *address = self->config.http.address, *open = "", *close = "";
    if (strchr(address, ':')) open = "[", close = "]"; // IPv6
    rg_status_field(status, "page", "http://%s%s%s:%d/", open, address, close, self->config.http.gateway);
    if (!self->access.loopback) rg_status_field(status, "token", "%s", self->config.http.token);
    rg_status_field(status, "runs", "%d", self->runs.n);
}

static int gateway_open_access(rg_gateway_t *self)
{
    const char *path = self->config.http.token;
    self->access.loopback = rg_address_is_loopback(self->config.http.address);
    if (self->access.loopback && !rg_exists(path)) return 0;
    return rg_token_load(path, !self->access.loopback, self->access.token);
}

static int gateway_open_service(rg_gateway_t *self, const routes_t *routes)
{
    const size_t images = images_at_once * ((size_t)self->config.limits.image_max_mib << 20);
    const rg_http_spec_t http = {.routes = routes->route,
                                 .n_routes = routes->n,
                                 .admit = rg_gateway_admit,
                                 .refuse = rg_api_reply_refuse,
                                 .headers = headers,
                                 .not_found = "there is nothing at this path; see /api/v1/openapi.yaml",
                                 .connections = RG_GATEWAY_CONNECTIONS,
                                 .memory = images > memory ? images : memory,
                                 .self = self};
    const rg_wire_options_t wire = rg_wire_options(&self->config);
    const rg_service_spec_t spec = {.name = "gateway",
                                    .endpoint = self->config.endpoints.gateway,
                                    .http_port = self->config.http.gateway,
                                    .status = gateway_on_status,
                                    .http = &http,
                                    .self = self};
    return rg_service_new(&self->service, &wire, &spec);
}

static int gateway_run(rg_gateway_t *self, routes_t *routes)
{
    if (self->config.http.gateway == 0)
        return rg_fail(RG_ECONFIG, "http.gateway is 0: set it to the port of the page");
    int err = gateway_open_access(self);
    if (!err) err = rg_runs_open(&self->runs, self->config.run);
    if (err) return err;
    rg_page_init(&self->page);
    routes_init(self, routes);
    err = gateway_open_service(self, routes);
    if (!err) err = rg_jobs_new(&self->jobs, &(rg_jobs_options_t){.max = RG_GATEWAY_JOBS});
    if (!err) err = rg_upstream_new(&self->upstream, &self->config);
    if (err) return err;
    rg_networks_new(&self->networks, &self->config, self->jobs);
    rg_status_cache_new(&self->status, &self->config, self->upstream);
    rg_service_add_fd(self->service, rg_jobs_fd(self->jobs), rg_jobs_step, self->jobs);
    rg_upstream_add_to(self->upstream, self->service);
    return rg_service_run(self->service);
}

// Answers all open requests before it destroys the links to the services.
static void gateway_end(rg_gateway_t *self)
{
    rg_upstream_stop(self->upstream);
    rg_jobs_destroy(&self->jobs);
    rg_service_destroy(&self->service);
    rg_networks_destroy(&self->networks);
    rg_status_cache_destroy(&self->status);
    rg_upstream_destroy(&self->upstream);
    rg_runs_close(&self->runs);
}

int main(int argc, char **argv)
{
    rg_gateway_t *self = rg_alloc(sizeof *self);
    routes_t *routes = rg_alloc(sizeof *routes);
    rg_main_init(argc, argv, "gateway", "Serves the page and the HTTP interface.", &self->config);
    if (nice(NICENESS) < 0) rg_log(RG_LOG_WARN, "nice-failed", "niceness=%d", NICENESS);
    int err = gateway_run(self, routes), code = err ? rg_main_fail(err) : EXIT_SUCCESS;
    gateway_end(self);
    free(routes);
    free(self);
    return code;
}
