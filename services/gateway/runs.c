// GET /runs, /training, /evaluations, /samples, /networks: the files of runs (run_files.h, networks.h). They are
// read on the loop's thread, because each read is small and bounded; pictures and networks are sent by the HTTP
// server from an open file.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/core/clock.h"
#include "common/core/err.h"
#include "services/gateway/gateway.h"
#include "services/gateway/http_api.h"

static const double runs_fresh_s = 1;

// Lists the runs again, at most once a second. Reading a run that is gone meanwhile reports that.
static int refresh_runs(rg_gateway_t *gateway)
{
    if (rg_clock_s() - gateway->runs_s < runs_fresh_s) return 0;
    rg_runs_t found;
    int err = rg_runs_open(&found, gateway->config.run);
    if (err) return err;
    rg_runs_close(&gateway->runs);
    gateway->runs = found;
    gateway->runs_s = rg_clock_s();
    return 0;
}

// The path of a file in the run that the request names. free() it.
static int find_run_file(rg_gateway_t *gateway, const rg_http_request_t *request, const char *file,
                         char **path)
{
    int err = refresh_runs(gateway);
    return err ? err : rg_runs_path(&gateway->runs, rg_http_query(request, "run"), file, path);
}

void rg_gateway_get_runs(void *self, rg_http_request_t *request)
{
    rg_gateway_t *gateway = self;
    int err = refresh_runs(gateway);
    if (err)
        rg_api_reply_fail(request, err);
    else
        rg_api_reply_json(request, rg_runs_json(&gateway->runs));
}

// ---- journals
static void reply_journal(rg_gateway_t *gateway, rg_http_request_t *request, const char *file)
{
    char *path = NULL, *text;
    uint64_t from;
    int err = rg_api_param_number("from", rg_http_query(request, "from"), 0, INT64_MAX, 0, &from);
    if (!err) err = find_run_file(gateway, request, file, &path);
    if (!err) err = rg_journal_read_part(path, from, &text);
    if (err)
        rg_api_reply_fail(request, err);
    else
        rg_api_reply_text(request, text);
    free(path);
}

void rg_gateway_get_training(void *self, rg_http_request_t *request)
{
    reply_journal(self, request, "metrics.jsonl");
}

void rg_gateway_get_evaluations(void *self, rg_http_request_t *request)
{
    reply_journal(self, request, "evaluations.jsonl");
}

// ---- samples
void rg_gateway_get_samples(void *self, rg_http_request_t *request)
{
    char *folder;
    int err = find_run_file(self, request, "samples", &folder);
    if (err) {
        rg_api_reply_fail(request, err);
        return;
    }
    rg_api_reply_json(request, rg_samples_json(folder));
    free(folder);
}

static void reply_sample(rg_http_request_t *request, int fd, size_t size, int64_t modified_ms)
{
    char etag[48];
    snprintf(etag, sizeof etag, "\"%llx-%zx\"", (unsigned long long)modified_ms, size);
    int known = rg_page_known(rg_http_header(request, "If-None-Match"), etag);
    if (known) close(fd);
    rg_http_reply(request,
                  &(rg_http_reply_t){.status = known ? 304 : 200,
                                     .type = "image/png",
                                     .fd = known ? 0 : fd,
                                     .size = known ? 0 : size,
                                     .headers = {{"ETag", etag}, {"Cache-Control", "private, no-cache"}}});
}

void rg_gateway_get_sample(void *self, rg_http_request_t *request)
{
    char *folder = NULL;
    int fd;
    size_t size;
    int64_t modified_ms;
    int err = find_run_file(self, request, "samples", &folder);
    if (!err) err = rg_sample_open(folder, rg_http_parameter(request), &fd, &size, &modified_ms);
    if (err)
        rg_api_reply_fail(request, err);
    else
        reply_sample(request, fd, size, modified_ms);
    free(folder);
}

// ---- networks, of the served run
void rg_gateway_get_networks(void *self, rg_http_request_t *request)
{
    rg_networks_list(((rg_gateway_t *)self)->networks, request);
}

void rg_gateway_get_network(void *self, rg_http_request_t *request)
{
    rg_networks_get(((rg_gateway_t *)self)->networks, request, rg_http_parameter(request));
}
