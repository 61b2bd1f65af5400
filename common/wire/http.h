// The HTTP server of a service. Every service has one if http.SERVICE names a port: GET /metrics gives
// Prometheus' text format, GET /healthz gives 200 "ok". A service may add routes (rg_service_spec_t).
//
// The server has no thread. It is one descriptor of the service's loop, so an answer proves that the loop
// turns; no call waits for a client.
//
// What clients, slow or hostile, can cost is bounded:
//   connections  a new client always gets one: when all are taken, the slowest client of the address with the
//                most connections loses its own. Every part of a request has a deadline (http_connections.h)
//   requests     at most spec.connections wait for the service's answer, others get 503. /healthz, /livez and
//                /metrics are answered all the same
//   heads        32 KiB and 64 query arguments; two Host headers or two lengths of a body get 400
//   bodies       refused unless the route takes one; 413 before it is read if the announced size is too
//                large; a body that turns out too large is dropped and then cut off
//   memory       of all bodies and answers together; above the limit requests with a body get 503, and the
//                slowest body is cut off
#ifndef RG_WIRE_HTTP_H
#define RG_WIRE_HTTP_H

#include <stddef.h>

typedef struct rg_http rg_http_t;
typedef struct rg_http_request rg_http_request_t;

// ---- requests
// Texts of a request live until it is answered. Path, parameter and query are unescaped, except %00: a text
// never contains a zero byte before its end.
const char *rg_http_method(const rg_http_request_t *request);
const char *rg_http_path(const rg_http_request_t *request);
const char *rg_http_parameter(const rg_http_request_t *request);                // NULL: the route has none
const char *rg_http_query(const rg_http_request_t *request, const char *name);  // NULL: not given
const char *rg_http_header(const rg_http_request_t *request, const char *name); // NULL: not given

// The body, *size bytes followed by a zero byte; NULL if it is empty. take gives it to the caller, who
// free()s it.
const unsigned char *rg_http_body(const rg_http_request_t *request, size_t *size);
unsigned char *rg_http_take_body(rg_http_request_t *request, size_t *size);

typedef struct {
    const char *name, *value;
} rg_http_header_t;

enum { RG_HTTP_HEADERS = 4 };

// A reply: status, type, and one of text, bytes, data or fd.
typedef struct {
    unsigned status;
    const char *type;                          // Content-Type
    char *text;                                // taken, free()d
    void *bytes;                               // taken, free()d
    const void *data;                          // static
    int fd;                                    // of a file, taken; 0: none
    size_t size;                               // of bytes, data or the file
    rg_http_header_t headers[RG_HTTP_HEADERS]; // copied; unused ones zeroed
} rg_http_reply_t;

// Answers a request: in its handler, or later from the loop's thread. Until then the request exists even if
// its client has gone.
void rg_http_reply(rg_http_request_t *request, const rg_http_reply_t *reply);

// Answers with the sentence as a line of text.
void rg_http_reply_text(rg_http_request_t *request, unsigned status, const char *sentence);

// ---- routes
typedef void rg_http_handler_fn(void *self, rg_http_request_t *request);

typedef struct {
    const char *method; // a GET route also answers HEAD
    const char *path;   // ending in *: any path with this beginning and a rest, which is the parameter
    rg_http_handler_fn *handle;
    size_t body_max;      // bytes; 0: it takes no body
    const char *body_key; // of the configuration, which sets body_max; NULL: none does
} rg_http_route_t;

// All pointers are borrowed.
typedef struct {
    const rg_http_route_t *routes;
    size_t n_routes;
    // Called for every request after its head, before its body. 1: go on; 0: admit has answered. NULL: all go
    // on.
    int (*admit)(void *self, rg_http_request_t *request);
    // Answers with one of the server's own errors: 400, 404, 405, 413, 503. NULL: the sentence as text.
    void (*refuse)(void *self, rg_http_request_t *request, unsigned status, const char *sentence);
    const rg_http_header_t *headers; // of every reply, ended by one with name NULL; NULL: none
    const char *not_found;           // the sentence of 404
    unsigned connections;            // requests that wait for an answer at a time
    size_t memory;                   // bytes of bodies and answers
    void *self;                      // for every callback
} rg_http_spec_t;

// Replaces every %XX except %00 by its byte, in place; gives the new length.
size_t rg_http_unescape(char *text);

// ---- for service.c
// Listens on this numeric address and port. RG_EIO naming key (http.SERVICE), address and port; RG_ECONFIG.
int rg__http_new(rg_http_t **http, const char *address, int port, const char *service,
                 const rg_http_spec_t *spec);

// Adds routes (borrowed) with a self of their own. At most once.
void rg__http_add(rg_http_t *http, const rg_http_route_t *routes, size_t n_routes, void *self);

void rg__http_destroy(rg_http_t **http); // requests without an answer get 503

// For the loop: call rg__http_step(http) whenever the descriptor is readable.
int rg__http_fd(const rg_http_t *http);
void rg__http_step(void *http);

#endif
