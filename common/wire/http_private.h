// The inside of the HTTP server, shared by http.c (daemon, loop) and http_request.c (requests). Nobody else
// includes this.
#ifndef RG_WIRE_HTTP_PRIVATE_H
#define RG_WIRE_HTTP_PRIVATE_H

#include <microhttpd.h>

#include "common/wire/http.h"

enum { RG__HTTP_SETS = 2 };

// Routes and who handles them.
typedef struct {
    const rg_http_route_t *routes;
    size_t n;
    void *self;
} rg__http_set_t;

struct rg_http {
    struct MHD_Daemon *daemon;
    int fd;    // epoll: of the daemon's own epoll and the timer
    int timer; // when the daemon wants its next turn, whatever its sockets do
    rg_http_spec_t spec;
    rg__http_set_t sets[RG__HTTP_SETS];
    size_t n_sets;
    rg_http_request_t *first; // of all requests that are not completed
    size_t memory;            // bytes of their bodies and answers
};

// The daemon's callbacks.
enum MHD_Result rg__http_handle(void *http, struct MHD_Connection *connection, const char *path,
                                const char *method, const char *version, const char *data, size_t *size,
                                void **context);
void rg__http_complete(void *http, struct MHD_Connection *connection, void **context,
                       enum MHD_RequestTerminationCode why);

// Sees to it that the daemon gets a turn for what is not its sockets' doing.
void rg__http_wake(rg_http_t *http);

// Answers all requests that wait: the daemon cannot be stopped before.
void rg__http_refuse_waiting(rg_http_t *http);

#endif
