#include "common/wire/lookup.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/core/log.h"
#include "common/core/worker.h"
#include "common/wire/socket.h"

enum { AGAIN_MS = 2000, AGAIN_UNREACHED_MS = 500 };

struct rg__lookup {
    char *host, *port;
    rg_worker_t *worker;
    rg__addresses_t found; // the worker's while it runs
    double begun_ms;       // 0: never
    int failed;            // and said so
};

enum { PORT_DIGITS = 5 };

// HOST and PORT of tcp://HOST:PORT, if HOST is a name: 1.
static int split(const char *endpoint, char **host, char **port)
{
    struct in_addr address;
    if (strncmp(endpoint, "tcp://", 6) != 0) return 0;
    const char *name = endpoint + 6, *colon = strrchr(name, ':');
    if (!colon || *name == '[' || strlen(colon + 1) > PORT_DIGITS) return 0;
    if (colon[1 + strspn(colon + 1, "0123456789")]) return 0; // ZeroMQ will say so
    *host = rg_format("%.*s", (int)(colon - name), name);
    *port = rg_strdup(colon + 1);
    int is_name = **host && inet_pton(AF_INET, *host, &address) != 1;
    if (!is_name) {
        free(*host);
        free(*port);
    }
    return is_name;
}

int rg__lookup_new(rg__lookup_t **out, const char *endpoint)
{
    char *host, *port;
    *out = NULL;
    if (!split(endpoint, &host, &port)) return 0;
    rg__lookup_t *lookup = rg_alloc(sizeof *lookup);
    *lookup = (rg__lookup_t){.host = host, .port = port};
    int err = rg_worker_new(&lookup->worker);
    if (err)
        rg__lookup_destroy(&lookup);
    else
        *out = lookup;
    return err;
}

void rg__lookup_destroy(rg__lookup_t **out)
{
    rg__lookup_t *lookup = *out;
    if (!lookup) return;
    rg_worker_destroy(&lookup->worker);
    free(lookup->host);
    free(lookup->port);
    free(lookup);
    *out = NULL;
}

int rg__lookup_fd(const rg__lookup_t *lookup)
{
    return rg_worker_fd(lookup->worker);
}

static void keep(rg__addresses_t *found, const char *port, const struct addrinfo *info)
{
    char text[INET_ADDRSTRLEN];
    const struct sockaddr_in *address = (const void *)info->ai_addr;
    if (found->count == RG__REPLICAS_MAX) return;
    inet_ntop(AF_INET, &address->sin_addr, text, sizeof text);
    snprintf(found->endpoint[found->count++], RG__ENDPOINT_SIZE, "tcp://%s:%s", text, port);
}

// Only the addresses that ZeroMQ connects to unless it is told otherwise: those of IPv4.
static int look(void *self, const atomic_int *stop)
{
    rg__lookup_t *lookup = self;
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list;
    (void)stop;
    int failed = getaddrinfo(lookup->host, NULL, &hints, &list);
    if (failed) return rg_fail(RG_ENOENT, "%s: %s", lookup->host, gai_strerror(failed));
    lookup->found.count = 0;
    for (const struct addrinfo *at = list; at; at = at->ai_next) keep(&lookup->found, lookup->port, at);
    freeaddrinfo(list);
    return 0;
}

static int is_there(const rg__lookup_t *lookup)
{
    struct pollfd item = {.fd = rg__lookup_fd(lookup), .events = POLLIN};
    return rg_worker_running(lookup->worker) && poll(&item, 1, 0) == 1;
}

static void begin_if_due(rg__lookup_t *lookup, int reached)
{
    double now = rg_clock_ms(), again_ms = reached ? AGAIN_MS : AGAIN_UNREACHED_MS;
    if (rg_worker_running(lookup->worker)) return;
    if (lookup->begun_ms > 0 && now - lookup->begun_ms < again_ms) return;
    lookup->begun_ms = now;
    rg_worker_start(lookup->worker, look, lookup); // if it cannot: next time
}

int rg__lookup_step(rg__lookup_t *lookup, int reached, rg__addresses_t *addresses)
{
    int found = 0;
    if (is_there(lookup)) {
        int err = rg_worker_finish(lookup->worker);
        if (err && !lookup->failed) rg_log(RG_LOG_WARN, "unknown_host", "reason=\"%s\"", rg_error());
        lookup->failed = err != 0;
        found = !err;
        if (found) *addresses = lookup->found;
    }
    begin_if_due(lookup, reached);
    return found;
}
