#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/wire/http_private.h"
#include "common/wire/socket.h"

enum { BODY_MS = 60000, CHUNK = 1 << 14, ALLOW_SIZE = 64 };

struct rg_http_request {
    rg_http_t *http;
    rg_http_request_t *next, **link; // in the list of all
    struct MHD_Connection *connection;
    const char *method, *path, *parameter;
    const rg_http_route_t *route; // NULL: none has this path and method
    void *self;                   // of the route
    char allow[ALLOW_SIZE];       // methods that this path has
    unsigned char *body;          // [room + 1]
    size_t size, room;            // bytes there, bytes there is memory for
    size_t swallowed;             // bytes that were not kept
    unsigned refused;             // the status of a body that is not kept, or 0
    double began_ms;
    size_t counted;                // of http->memory
    struct MHD_Response *response; // to be queued
    unsigned status;
    int replied, waiting; // waiting: the connection is suspended
};

// ------------------------------------------------------------------ what a request says
const char *rg_http_method(const rg_http_request_t *request)
{
    return request->method;
}

const char *rg_http_path(const rg_http_request_t *request)
{
    return request->path;
}

const char *rg_http_parameter(const rg_http_request_t *request)
{
    return request->parameter;
}

const char *rg_http_query(const rg_http_request_t *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *rg_http_header(const rg_http_request_t *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const unsigned char *rg_http_body(const rg_http_request_t *request, size_t *size)
{
    *size = request->size;
    return request->body;
}

unsigned char *rg_http_take_body(rg_http_request_t *request, size_t *size)
{
    unsigned char *body = request->body;
    *size = request->size;
    request->body = NULL;
    return body;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

size_t rg__http_unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        int high = *from == '%' ? hex_digit(from[1]) : -1, low = high < 0 ? -1 : hex_digit(from[2]);
        if (low >= 0 && high + low > 0) {
            *to++ = (char)(16 * high + low);
            from += 2;
        } else {
            *to++ = *from;
        }
    }
    *to = 0;
    return (size_t)(to - text);
}

// ------------------------------------------------------------------ answers
static void count(rg_http_request_t *request, size_t bytes)
{
    request->counted += bytes;
    request->http->memory += bytes;
}

static struct MHD_Response *make_response(rg_http_request_t *request, const rg_http_reply_t *reply)
{
    void *taken = reply->text ? reply->text : reply->bytes;
    size_t size = reply->text ? strlen(reply->text) : reply->size;
    if (!taken && reply->fd) return MHD_create_response_from_fd64(size, reply->fd);
    if (!taken) return MHD_create_response_from_buffer(size, (void *)reply->data, MHD_RESPMEM_PERSISTENT);
    count(request, size);
    struct MHD_Response *response = MHD_create_response_from_buffer(size, taken, MHD_RESPMEM_MUST_FREE);
    if (!response) free(taken);
    return response;
}

static void add_headers(const rg_http_request_t *request, const rg_http_reply_t *reply)
{
    struct MHD_Response *response = request->response;
    if (reply->type) MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->type);
    for (const rg_http_header_t *common = request->http->spec.headers; common && common->name; common++)
        MHD_add_response_header(response, common->name, common->value);
    for (int i = 0; i < RG_HTTP_HEADERS && reply->headers[i].name; i++)
        MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value);
    if (reply->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, request->allow);
    if (reply->status == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    if (reply->status == MHD_HTTP_SERVICE_UNAVAILABLE)
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
}

void rg_http_reply(rg_http_request_t *request, const rg_http_reply_t *reply)
{
    assert(!request->replied);
    request->replied = 1;
    request->status = reply->status;
    request->response = make_response(request, reply);
    if (request->response) add_headers(request, reply);
    if (!request->waiting) return;
    request->waiting = 0;
    MHD_resume_connection(request->connection); // rg__http_handle is called again
    rg__http_wake(request->http);
}

void rg_http_say(rg_http_request_t *request, unsigned status, const char *sentence)
{
    rg_http_reply(request, &(rg_http_reply_t){.status = status,
                                              .type = "text/plain; charset=utf-8",
                                              .text = rg_format("%s\n", sentence)});
}

static void refuse(rg_http_request_t *request, unsigned status, const char *sentence)
{
    const rg_http_spec_t *spec = &request->http->spec;
    if (spec->refuse)
        spec->refuse(spec->self, request, status, sentence);
    else
        rg_http_say(request, status, sentence);
}

// Without a response, for which there was no memory, the connection ends.
static enum MHD_Result queue(rg_http_request_t *request)
{
    if (!request->response) return MHD_NO;
    enum MHD_Result queued = MHD_queue_response(request->connection, request->status, request->response);
    MHD_destroy_response(request->response);
    request->response = NULL;
    return queued;
}

void rg__http_refuse_waiting(rg_http_t *http)
{
    for (rg_http_request_t *request = http->first; request; request = request->next)
        if (request->waiting) refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, "the service is stopping");
}

// ------------------------------------------------------------------ the head of a request
static int matches(const rg_http_route_t *route, const char *path, const char **parameter)
{
    size_t n = strlen(route->path) - 1;
    *parameter = NULL;
    if (route->path[n] != '*') return strcmp(path, route->path) == 0;
    if (strncmp(path, route->path, n) != 0 || !path[n]) return 0;
    *parameter = path + n;
    return 1;
}

static void add_allowed(rg_http_request_t *request, const char *method)
{
    size_t n = strlen(request->allow);
    snprintf(request->allow + n, ALLOW_SIZE - n, "%s%s", n ? ", " : "", method);
}

static void find_route(rg_http_request_t *request)
{
    const rg_http_t *http = request->http;
    const char *method =
                   strcmp(request->method, MHD_HTTP_METHOD_HEAD) == 0 ? MHD_HTTP_METHOD_GET : request->method,
               *parameter;
    for (size_t i = 0; i < http->n_sets; i++)
        for (size_t j = 0; j < http->sets[i].n; j++) {
            const rg_http_route_t *route = &http->sets[i].routes[j];
            if (!matches(route, request->path, &parameter)) continue;
            add_allowed(request, route->method);
            if (request->route || strcmp(route->method, method) != 0) continue;
            request->route = route;
            request->parameter = parameter;
            request->self = http->sets[i].self;
        }
}

static void refuse_route(rg_http_request_t *request)
{
    char sentence[ALLOW_SIZE + 32];
    snprintf(sentence, sizeof sentence, "only %s is answered", request->allow);
    if (*request->allow)
        refuse(request, MHD_HTTP_METHOD_NOT_ALLOWED, sentence);
    else
        refuse(request, MHD_HTTP_NOT_FOUND, request->http->spec.elsewhere);
}

// The announced size of the body, which the daemon has checked; 0: none is, it may be there all the same.
static unsigned long long announced(const rg_http_request_t *request)
{
    const char *length = rg_http_header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return length ? strtoull(length, NULL, 10) : 0;
}

static int has_body(const rg_http_request_t *request)
{
    return announced(request) > 0 || rg_http_header(request, MHD_HTTP_HEADER_TRANSFER_ENCODING);
}

static void refuse_size(rg_http_request_t *request)
{
    char sentence[80];
    snprintf(sentence, sizeof sentence, "a body may have %zu bytes", request->route->body_max);
    refuse(request, MHD_HTTP_CONTENT_TOO_LARGE, sentence);
}

static void refuse_memory(rg_http_request_t *request)
{
    refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, "too many bodies are on their way; try again later");
}

static void check_body(rg_http_request_t *request)
{
    unsigned long long size = announced(request);
    if (!has_body(request)) return;
    if (request->route->body_max == 0)
        refuse(request, MHD_HTTP_BAD_REQUEST, "a request takes no body");
    else if (size > request->route->body_max)
        refuse_size(request);
    else if (request->http->memory + size > request->http->spec.memory)
        refuse_memory(request);
    else
        count(request, request->room = (size_t)size);
}

static void take_head(rg_http_request_t *request)
{
    const rg_http_spec_t *spec = &request->http->spec;
    if (spec->admit && !spec->admit(spec->self, request)) return;
    find_route(request);
    if (request->route)
        check_body(request);
    else
        refuse_route(request);
}

// ------------------------------------------------------------------ the body
static void drop_body(rg_http_request_t *request, unsigned status)
{
    free(request->body);
    request->body = NULL;
    request->size = 0;
    request->refused = status;
}

// Makes room for size bytes in all, of a body whose size nobody announced.
static int grow(rg_http_request_t *request, size_t size)
{
    if (size <= request->room) return 1;
    size_t room = 2 * size > CHUNK ? 2 * size : CHUNK, max = request->route->body_max;
    if (room > max) room = max;
    size_t more = room - request->room;
    if (request->http->memory + more > request->http->spec.memory) return 0;
    count(request, more);
    request->room = room;
    request->body = rg_realloc(request->body, room + 1);
    return 1;
}

static void keep(rg_http_request_t *request, const char *data, size_t size)
{
    if (!request->body) request->body = rg_realloc(NULL, request->room + 1);
    memcpy(request->body + request->size, data, size);
    request->size += size;
    request->body[request->size] = 0;
}

static enum MHD_Result take_body(rg_http_request_t *request, const char *data, size_t size)
{
    const size_t max = request->route->body_max;
    if (rg_clock_ms() - request->began_ms > BODY_MS) return MHD_NO;
    if (!request->refused && request->size + size > max)
        drop_body(request, MHD_HTTP_CONTENT_TOO_LARGE);
    else if (!request->refused && !grow(request, request->size + size))
        drop_body(request, MHD_HTTP_SERVICE_UNAVAILABLE);
    if (!request->refused)
        keep(request, data, size);
    else
        request->swallowed += size;
    return request->swallowed > max ? MHD_NO : MHD_YES;
}

// ------------------------------------------------------------------ the whole
static void handle_whole(rg_http_request_t *request)
{
    if (request->refused == MHD_HTTP_CONTENT_TOO_LARGE)
        refuse_size(request);
    else if (request->refused)
        refuse_memory(request);
    else
        request->route->handle(request->self, request);
    if (request->replied) return;
    request->waiting = 1;
    MHD_suspend_connection(request->connection);
}

static rg_http_request_t *begin(rg_http_t *http, struct MHD_Connection *connection, const char *method,
                                const char *path)
{
    rg_http_request_t *request = rg_alloc(sizeof *request);
    *request = (rg_http_request_t){.http = http,
                                   .connection = connection,
                                   .method = method,
                                   .path = path,
                                   .next = http->first,
                                   .link = &http->first,
                                   .began_ms = rg_clock_ms()};
    if (http->first) http->first->link = &request->next;
    http->first = request;
    return request;
}

// Called when the head of a request is there, with each piece of its body, at its end, and again when a
// suspended connection goes on; what is kept in *context tells which. An answer to the head alone, where a
// body follows, ends the connection: that is not read.
enum MHD_Result rg__http_handle(void *http, struct MHD_Connection *connection, const char *path,
                                const char *method, const char *version, const char *data, size_t *size,
                                void **context)
{
    rg_http_request_t *request = *context;
    (void)version;
    if (!request) {
        *context = request = begin(http, connection, method, path);
        take_head(request);
        return request->replied && has_body(request) ? queue(request) : MHD_YES;
    }
    if (*size) {
        enum MHD_Result taken = take_body(request, data, *size);
        *size = 0;
        return taken;
    }
    if (!request->replied) handle_whole(request);
    return request->replied ? queue(request) : MHD_YES;
}

void rg__http_complete(void *self, struct MHD_Connection *connection, void **context,
                       enum MHD_RequestTerminationCode why)
{
    rg_http_t *http = self;
    rg_http_request_t *request = *context;
    (void)connection, (void)why;
    if (!request) return;
    http->memory -= request->counted;
    *request->link = request->next;
    if (request->next) request->next->link = request->link;
    if (request->response) MHD_destroy_response(request->response);
    free(request->body);
    free(request);
    *context = NULL;
}
