#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/client/client_private.h"
#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/hash.h"
#include "common/core/log.h"

// A client is one link (common/wire) with a limit on the size of arrays and a timeout for each call.
//
// Results are not copied. A result struct is allocated in the memory of the reply message that it was read
// from, and its texts, arrays and JPEG bytes point into that message. Destroying the result drops the
// reference to the message, so a result does not depend on its client.
enum { TIMEOUT_MS = 30000, MESSAGE_MIB = 64, MESSAGE_MIB_MAX = 2047, QUEUE = 64, HEARTBEAT_MS = 2000 };

const char *rg_client_error(void)
{
    return rg_error();
}

void rg_client_content_id(const void *file, size_t size, unsigned char id[RG_CLIENT_ID_SIZE])
{
    rg_content_id(file, size, id);
}

// ---- open and close
// The library reports by return values and logs nothing below an error.
static void be_quiet(void)
{
    rg_log_init("client", RG_LOG_ERROR);
}

static int open_link(rg_client_t *client, const char *endpoint, const rg_client_options_t *options)
{
    const rg_wire_options_t wire = {.message_max_mib =
                                        options->message_max_mib ? options->message_max_mib : MESSAGE_MIB,
                                    .queue = QUEUE,
                                    .heartbeat_ms = HEARTBEAT_MS,
                                    .insecure = options->insecure,
                                    .keys = options->keys ? options->keys : "",
                                    .identity = options->identity ? options->identity : "services"};
    if (options->message_max_mib < 0 || options->message_max_mib > MESSAGE_MIB_MAX)
        return rg_fail(RG_EINVAL, "message_max_mib is %d: 1 to %d are possible, 0 is the default",
                       options->message_max_mib, MESSAGE_MIB_MAX);
    client->array_max = (size_t)wire.message_max_mib << 20;
    client->timeout_ms = options->timeout_ms ? options->timeout_ms : TIMEOUT_MS;
    client->endpoint = rg_strdup(endpoint);
    return rg_link_new(&client->link, &wire, "server", endpoint, NULL);
}

int rg_client_open(rg_client_t **out, const char *endpoint, const rg_client_options_t *options)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static const rg_client_options_t defaults = {0};
    pthread_once(&once, be_quiet);
    int err = rg__client_need("endpoint", endpoint);
    if (err) return err;
    rg_client_t *client = rg_alloc(sizeof *client);
    STAILQ_INIT(&client->sent);
    err = open_link(client, endpoint, options ? options : &defaults);
    if (err)
        rg_client_close(&client);
    else
        *out = client;
    return err;
}

void rg_client_close(rg_client_t **out)
{
    rg_client_t *client = *out;
    if (!client) return;
    rg_link_destroy(&client->link);
    rg__client_forget(client);
    free(client->endpoint);
    free(client);
    *out = NULL;
}

// ---- requests and replies
int rg__client_check_kind(const rg_msg_t *reply, Rg__V1__Envelope__BodyCase kind)
{
    if (rg_msg_kind(reply) == kind) return 0;
    return rg_fail(RG_EFORMAT, "server: a reply of another kind (%d)", (int)rg_msg_kind(reply));
}

int rg__client_ask(rg_client_t *client, rg_msg_t **request, Rg__V1__Envelope__BodyCase kind, rg_msg_t **reply)
{
    rg_msg_t *answer = NULL;
    int err = rg_link_ask(client->link, request, &answer, client->timeout_ms);
    if (!err) err = rg__client_check_kind(answer, kind);
    if (err)
        rg_msg_destroy(&answer);
    else
        *reply = answer;
    return err;
}

int rg__client_need(const char *name, const void *argument)
{
    return argument ? 0 : rg_fail(RG_EINVAL, "%s is missing", name);
}

static int check_shape(const rg_client_t *client, const char *name, Rg__V1__Dtype dtype, int rank,
                       const uint32_t *shape, size_t *size)
{
    *size = dtype == RG__V1__DTYPE__F32 ? 4 : dtype == RG__V1__DTYPE__F16 ? 2 : 1;
    for (int i = 0; i < rank; i++) {
        if (shape[i] == 0) return rg_fail(RG_EINVAL, "%s: dimension %d is 0", name, i);
        if (*size > client->array_max / shape[i])
            return rg_fail(RG_ELIMIT, "%s: larger than the %zu bytes of message_max_mib", name,
                           client->array_max);
        *size *= shape[i];
    }
    return 0;
}

int rg__client_reserve(const rg_client_t *client, rg_msg_t *request, const char *name, Rg__V1__Dtype dtype,
                       int rank, const uint32_t *shape, void **memory)
{
    size_t size;
    int err = check_shape(client, name, dtype, rank, shape, &size);
    if (!err) *memory = rg_msg_reserve(request, name, dtype, rank, shape);
    return err;
}

int rg__client_put(const rg_client_t *client, rg_msg_t *request, const char *name, Rg__V1__Dtype dtype,
                   int rank, const uint32_t *shape, const void *data)
{
    size_t size;
    int err = rg__client_need(name, data);
    if (!err) err = check_shape(client, name, dtype, rank, shape, &size);
    if (!err) rg_msg_copy(request, name, dtype, rank, shape, data);
    return err;
}

int rg__client_check_ids(const rg_client_t *client, const char *name, const unsigned char *ids, uint32_t n)
{
    size_t size;
    int err = n ? rg__client_need(name, ids) : 0;
    if (!err && n)
        err = check_shape(client, name, RG__V1__DTYPE__U8, 2, (const uint32_t[]){n, RG_ID_SIZE}, &size);
    return err;
}

ProtobufCBinaryData *rg__client_ids(rg_msg_t *request, const unsigned char *ids, uint32_t n)
{
    ProtobufCBinaryData *fields = rg_msg_alloc(request, n * sizeof *fields);
    for (size_t i = 0; i < n; i++) rg_msg_bytes(request, &fields[i], ids + i * RG_ID_SIZE, RG_ID_SIZE);
    return fields;
}

int rg__client_read_image(const rg_msg_t *reply, const ProtobufCBinaryData *id, size_t i, int thumbnails,
                          rg_client_image_t *image)
{
    char name[RG__CLIENT_INDEX_TEXT];
    rg_payload_t jpeg;
    if (id->len == 0) return 0;
    if (id->len != RG_ID_SIZE) return rg_fail(RG_EFORMAT, "server: an id of %zu bytes", id->len);
    image->found = 1;
    memcpy(image->id, id->data, RG_ID_SIZE);
    if (!thumbnails) return 0;
    snprintf(name, sizeof name, "%u", (unsigned)i);
    int err = rg_msg_payload(reply, name, RG__V1__DTYPE__U8, 1, NULL, &jpeg);
    if (err) return err;
    image->jpeg = jpeg.data;
    image->jpeg_size = jpeg.size;
    return 0;
}

// ---- status
static int read_status(const Rg__V1__StatusReply *reply, rg_client_status_t *status)
{
    if (strcmp(reply->service, "retrieval") != 0)
        return rg_fail(RG_EINVAL, "server: this endpoint is the %s, not the retrieval service",
                       reply->service);
    *status = (rg_client_status_t){.generation = rg_status_count(reply, "generation"),
                                   .images = rg_status_count(reply, "images"),
                                   .dimension = (uint32_t)rg_status_count(reply, "dimension")};
    snprintf(status->model, sizeof status->model, "%s", rg_status_text(reply, "model"));
    return 0;
}

int rg_client_status(rg_client_t *client, rg_client_status_t *status)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_STATUS_REQUEST), *reply = NULL;
    int err = rg__client_ask(client, &request, RG__V1__ENVELOPE__BODY_STATUS_REPLY, &reply);
    if (!err) err = read_status(rg_msg_body(reply), status);
    rg_msg_destroy(&reply);
    return err;
}

// ---- index
static char *report_lines(const Rg__V1__IndexReply *reply)
{
    char *lines = rg_strdup("");
    for (size_t i = 0; i < reply->n_report; i++) {
        char *longer = rg_format("%s%s=%s\n", lines, reply->report[i]->key, reply->report[i]->value);
        free(lines);
        lines = longer;
    }
    return lines;
}

int rg_client_index(rg_client_t *client, int action, char **report)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_INDEX_REQUEST), *reply = NULL;
    ((Rg__V1__IndexRequest *)rg_msg_body(request))->action = (Rg__V1__IndexAction)action;
    int err = rg__client_ask(client, &request, RG__V1__ENVELOPE__BODY_INDEX_REPLY, &reply);
    if (!err) *report = report_lines(rg_msg_body(reply));
    rg_msg_destroy(&reply);
    return err;
}
