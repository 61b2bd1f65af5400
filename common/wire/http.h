// The HTTP server of a service (libmicrohttpd; http*.c is the only place that sees it). Every service has one
// where http.SERVICE names a port: GET /metrics is Prometheus' text format, GET /healthz is 200 "ok". A
// service may have more routes (rg_service_spec_t).
//
// There is no thread: the daemon is one descriptor of the service's loop, and an answer proves that the loop
// turns; where it does not, there is none. Each turn does what can be done without waiting.
//
// What clients, slow or hostile, can cost is bounded. Connections: those beyond the limit wait until others
// end or have been idle for ten seconds. Bodies: none but where a route takes one; one that is announced too
// large is refused before it is read (413), one that turns out too large is not kept, and is cut off when it
// goes on; all must be there within a minute. Memory: bodies and answers of all requests together; beyond the
// bound requests with a body are refused for now (503).
#ifndef RG_WIRE_HTTP_H
#define RG_WIRE_HTTP_H

#include <stddef.h>

typedef struct rg_http rg_http_t;
typedef struct rg_http_request rg_http_request_t;

// ------------------------------------------------------------------ requests
// Text of a request lives as long as the request, that is, until it is answered. Path, parameter and query
// are decoded; %00 stays as it is, so that text is what it seems to be.
const char *rg_http_method(const rg_http_request_t *request);
const char *rg_http_path(const rg_http_request_t *request);
const char *rg_http_parameter(const rg_http_request_t *request);                // of a route that has one
const char *rg_http_query(const rg_http_request_t *request, const char *name);  // NULL: not given
const char *rg_http_header(const rg_http_request_t *request, const char *name); // NULL: not given

// The body, *size bytes; NULL if it is empty. A zero byte follows. take hands it over: free() it.
const unsigned char *rg_http_body(const rg_http_request_t *request, size_t *size);
unsigned char *rg_http_take_body(rg_http_request_t *request, size_t *size);

typedef struct {
    const char *name, *value;
} rg_http_header_t;

enum { RG_HTTP_HEADERS = 4 };

// status and type are needed; then what is sent: text, or size bytes of one of the others.
typedef struct {
    unsigned status;
    const char *type;                          // of what is sent
    char *text;                                // taken, free()d
    void *bytes;                               // taken, free()d
    const void *data;                          // static
    int fd;                                    // of a file, taken; 0: none
    size_t size;                               // of bytes, data or the file
    rg_http_header_t headers[RG_HTTP_HEADERS]; // copied; unused ones zeroed
} rg_http_reply_t;

// Answers. A handler may do so now, or later from the loop's thread: the request is there until then, also
// where its client is gone.
void rg_http_reply(rg_http_request_t *request, const rg_http_reply_t *reply);

// The sentence as a line of text.
void rg_http_say(rg_http_request_t *request, unsigned status, const char *sentence);

// ------------------------------------------------------------------ routes
typedef void rg_http_handler_fn(void *self, rg_http_request_t *request);

typedef struct {
    const char *method; // HEAD is asked of GET's routes
    const char *path;   // ending in *: all that begin like it; the rest, not empty, is the parameter
    rg_http_handler_fn *handle;
    size_t body_max; // bytes; 0: it takes no body
} rg_http_route_t;

typedef struct {
    const rg_http_route_t *routes; // borrowed, as all below
    size_t n_routes;
    // Asked of every request when its head is there, before its body: 1 lets it go on, 0: answered here.
    int (*admit)(void *self, rg_http_request_t *request); // NULL: all may go on
    // Answers what the server refuses by itself: 400, 404, 405, 413, 503. NULL: with the sentence as text.
    void (*refuse)(void *self, rg_http_request_t *request, unsigned status, const char *sentence);
    const rg_http_header_t *headers; // of every reply, the last with name NULL; NULL: none
    const char *elsewhere;           // the sentence of 404
    unsigned connections;            // at a time
    size_t memory;                   // bytes of bodies and answers
    void *self;                      // for every callback
} rg_http_spec_t;

// ------------------------------------------------------------------ for service.c
// Listens on this numeric address and port. RG_EIO naming key (http.SERVICE), address and port; RG_ECONFIG.
int rg__http_new(rg_http_t **http, const char *address, int port, const char *service,
                 const rg_http_spec_t *spec);

// More routes, borrowed, with a self of their own. At most one time.
void rg__http_add(rg_http_t *http, const rg_http_route_t *routes, size_t n_routes, void *self);

void rg__http_destroy(rg_http_t **http); // requests that wait for their answer are refused (503)

// For the loop: call step(http) whenever fd is readable.
int rg__http_fd(const rg_http_t *http);
void rg__http_step(void *http);

// Replaces every %XX but %00 by its byte, in place; gives the new length.
size_t rg__http_unescape(char *text);

#endif
