// One job makes all files of a checkpoint: they share its weights. Requests that come meanwhile wait for the same job.
// The files lie in anonymous memory (memfd), because the gateway may not write into the run. So the gateway holds one
// set of files, and a set of an older checkpoint only as long as a client still reads it. Every reply gets a descriptor
// of its own.
#include "services/gateway/networks.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/model/export.h"
#include "services/gateway/gateway.h"
#include "services/gateway/http_api.h"

enum { TAG_SIZE = 64 };
static const size_t BYTES_MAX = (size_t)128 << 20; // of all files of a checkpoint: twice those at 128 pixels

// Which checkpoint: an ETag of its file. "": none.
typedef struct {
    char text[TAG_SIZE];
} tag_t;

typedef struct {
    tag_t tag;
    int fd[RG_EXPORTS]; // 0: the stage has not this network
    size_t size[RG_EXPORTS];
} set_t;

typedef struct {
    rg_http_request_t *request;
    enum rg_export network;
} waiting_t;

struct rg_networks {
    const rg_config_t *config;
    rg_jobs_t *jobs;
    set_t ready, making; // making belongs to the job while is_making
    int is_making;
    waiting_t waiting[RG_GATEWAY_CONNECTIONS];
    int n_waiting;
};

// ---- creation and destruction

static void set_close(set_t *set)
{
    for (int i = 0; i < RG_EXPORTS; i++)
        if (set->fd[i]) close(set->fd[i]);
    *set = (set_t){0};
}

void rg_networks_new(rg_networks_t **out, const rg_config_t *config, rg_jobs_t *jobs)
{
    rg_networks_t *networks = rg_alloc(sizeof *networks);
    networks->config = config;
    networks->jobs = jobs;
    *out = networks;
}

void rg_networks_destroy(rg_networks_t **out)
{
    rg_networks_t *networks = *out;
    if (!networks) return;
    set_close(&networks->ready);
    free(networks);
    *out = NULL;
}

// ---- the newest checkpoint

static int find_newest(const rg_config_t *config, char path[RG_PATH_SIZE], tag_t *tag)
{
    struct stat info;
    int err = rg_checkpoint_newest(config, path);
    if (!err && stat(path, &info) != 0) err = rg_fail_errno(RG_EIO, "%s: cannot stat", path);
    if (!err)
        snprintf(tag->text, sizeof tag->text, "\"%llx-%llx-%llx\"", (unsigned long long)info.st_ino,
                 (unsigned long long)rg_modified_ms(&info), (unsigned long long)info.st_size);
    return err;
}

void rg_networks_list(rg_networks_t *networks, rg_http_request_t *request)
{
    char path[RG_PATH_SIZE];
    rg_checkpoint_info_t info = {0};
    enum rg_stage stage;
    json_t *files = json_array();
    int err = rg_checkpoint_newest(networks->config, path), is_none = err == RG_ENOENT;
    if (!err) err = rg_checkpoint_peek(path, &info);
    if (!err) err = rg_stage_find(info.stage, &stage);
    for (enum rg_export network = 0; !err && network < RG_EXPORTS; network++)
        if (rg_export_has(rg_stage_parts(stage, networks->config), network))
            json_array_append_new(files, json_sprintf("%s.onnx", rg_export_name(network)));
    if (err && !is_none) {
        rg_api_reply_fail(request, err);
        json_decref(files);
        return;
    }
    rg_api_reply_json(request, json_pack("{s:s, s:I, s:o}", "stage", info.stage, "iteration",
                                         (json_int_t)info.iteration, "files", files));
}

// ---- the job

static int write_file(set_t *set, enum rg_export network, const unsigned char *bytes, size_t size)
{
    int fd = memfd_create(rg_export_name(network), MFD_CLOEXEC);
    if (fd < 0) return rg_fail_errno(RG_EIO, "networks: no memory file");
    set->fd[network] = fd;
    set->size[network] = size;
    for (size_t at = 0; at < size;) {
        ssize_t n = write(fd, bytes + at, size - at);
        if (n < 0) return rg_fail_errno(RG_EIO, "networks: cannot write %zu bytes to memory", size);
        at += (size_t)n;
    }
    return 0;
}

static int make_file(set_t *set, const rg_model_t *model, const rg_checkpoint_info_t *info,
                     enum rg_export network, size_t *total)
{
    unsigned char *bytes;
    size_t size;
    int err = rg_export_pack(model, info, network, &bytes, &size);
    if (err) return err;
    *total += size;
    if (*total > BYTES_MAX)
        err = rg_fail(RG_ELIMIT, "the networks are over %zu MiB: use rg-ctl export --model onnx",
                      BYTES_MAX >> 20);
    if (!err) err = write_file(set, network, bytes, size);
    free(bytes);
    return err;
}

// On the job's thread.
static int networks_make(void *self)
{
    rg_networks_t *networks = self;
    rg_model_t *model;
    rg_checkpoint_info_t info;
    size_t total = 0;
    int err = rg_export_load(&model, networks->config, RG_STAGE_NONE, &info);
    if (err) return err;
    for (enum rg_export network = 0; network < RG_EXPORTS && !err; network++)
        if (rg_export_has(model->parts, network))
            err = make_file(&networks->making, model, &info, network, &total);
    rg_model_destroy(&model);
    return err;
}

// ---- answers

static void reply_network(const rg_networks_t *networks, rg_http_request_t *request, enum rg_export network)
{
    char disposition[64];
    const set_t *set = &networks->ready;
    const char *tag = set->tag.text;
    int known = rg_page_known(rg_http_header(request, "If-None-Match"), tag), fd = -1;
    if (!set->fd[network]) {
        rg_api_reply_fail(request, rg_fail(RG_ENOENT, "%s.onnx: the latest trained stage has no such network",
                                           rg_export_name(network)));
        return;
    }
    if (!known && (fd = fcntl(set->fd[network], F_DUPFD_CLOEXEC, 3)) < 0) {
        rg_api_reply_fail(request, rg_fail_errno(RG_EIO, "networks: no descriptor"));
        return;
    }
    snprintf(disposition, sizeof disposition, "attachment; filename=\"%s.onnx\"", rg_export_name(network));
    rg_http_reply(request, &(rg_http_reply_t){.status = known ? 304 : 200,
                                              .type = "application/octet-stream",
                                              .fd = known ? 0 : fd,
                                              .size = known ? 0 : set->size[network],
                                              .headers = {{"ETag", tag},
                                                          {"Cache-Control", "private, no-cache"},
                                                          {"Content-Disposition", disposition}}});
}

static void networks_send(void *self, int err)
{
    rg_networks_t *networks = self;
    networks->is_making = 0;
    if (err) {
        set_close(&networks->making);
    } else {
        set_close(&networks->ready);
        networks->ready = networks->making;
        networks->making = (set_t){0};
    }
    for (int i = 0; i < networks->n_waiting; i++) {
        if (err)
            rg_api_reply_fail(networks->waiting[i].request, err);
        else
            reply_network(networks, networks->waiting[i].request, networks->waiting[i].network);
    }
    networks->n_waiting = 0;
}

static int find_network(const char *name, enum rg_export *network)
{
    char file[32];
    for (*network = 0; *network < RG_EXPORTS; ++*network) {
        snprintf(file, sizeof file, "%s.onnx", rg_export_name(*network));
        if (strcmp(name, file) == 0) return 0;
    }
    return rg_fail(RG_ENOENT, "there is no such network; /api/v1/networks lists them");
}

static int wait_for_network(rg_networks_t *networks, rg_http_request_t *request, enum rg_export network)
{
    if (networks->n_waiting == RG_GATEWAY_CONNECTIONS)
        return rg_fail(RG_EBUSY, "too many requests wait for the networks");
    if (!networks->is_making) {
        int err = rg_jobs_add_task(networks->jobs, networks_make, networks_send, networks);
        if (err) return err;
        set_close(&networks->ready); // of an older checkpoint
        networks->is_making = 1;
    }
    networks->waiting[networks->n_waiting++] = (waiting_t){request, network};
    return 0;
}

void rg_networks_get(rg_networks_t *networks, rg_http_request_t *request, const char *name)
{
    char path[RG_PATH_SIZE];
    enum rg_export network;
    tag_t tag;
    int err = find_network(name, &network);
    if (!err) err = find_newest(networks->config, path, &tag);
    if (!err && strcmp(tag.text, networks->ready.tag.text) == 0) {
        reply_network(networks, request, network);
        return;
    }
    if (!err && !networks->is_making) networks->making.tag = tag;
    if (!err) err = wait_for_network(networks, request, network);
    if (err) rg_api_reply_fail(request, err);
}
