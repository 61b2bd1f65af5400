#include "common/wire/http_connections.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"

// Milliseconds of each phase; 0: without limit.
static const double phase_ms[] = {
    [RG__HTTP_HEAD] = 10000, [RG__HTTP_BODY] = 60000, [RG__HTTP_WORK] = 0, [RG__HTTP_ANSWER] = 120000};

enum { SLOW_BODY_MS = 10000 }; // where memory is short

void rg__http_connections_init(rg__http_connections_t *all, unsigned max)
{
    *all = (rg__http_connections_t){.max = max};
    TAILQ_INIT(&all->list);
}

// A client that has an IPv6 network can use any address of it, so the network stands for the client.
static uint64_t client_address(const struct sockaddr *client)
{
    uint64_t address = 0;
    if (client && client->sa_family == AF_INET) return ((const struct sockaddr_in *)client)->sin_addr.s_addr;
    if (client && client->sa_family == AF_INET6)
        memcpy(&address, &((const struct sockaddr_in6 *)client)->sin6_addr, sizeof address);
    return address;
}

// The owner of a socket that is shut down finds its end and closes it.
static void cut_connection(rg__http_connections_t *all, rg__http_connection_t *connection)
{
    shutdown(connection->fd, SHUT_RDWR);
    connection->cut = 1;
    all->live--;
}

// ---- capacity for a new connection

static unsigned count_address(const rg__http_connections_t *all, uint64_t address)
{
    const rg__http_connection_t *connection;
    unsigned n = 0;
    TAILQ_FOREACH(connection, &all->list, entry)
    n += !connection->cut && connection->address == address;
    return n;
}

// The part of its time that a client has used.
static double used_time(const rg__http_connection_t *connection, double now_ms)
{
    return (now_ms - connection->since_ms) / phase_ms[connection->phase];
}

// The newest connection is never chosen. NULL: all others wait for the service.
static rg__http_connection_t *find_victim(const rg__http_connections_t *all,
                                          const rg__http_connection_t *newest, double now_ms)
{
    rg__http_connection_t *victim = NULL, *connection;
    unsigned most = 0;
    TAILQ_FOREACH(connection, &all->list, entry)
    {
        if (connection->cut || connection->phase == RG__HTTP_WORK || connection == newest) continue;
        unsigned n = count_address(all, connection->address);
        if (n < most || (n == most && used_time(connection, now_ms) <= used_time(victim, now_ms))) continue;
        victim = connection;
        most = n;
    }
    return victim;
}

rg__http_connection_t *rg__http_connection_open(rg__http_connections_t *all, int fd,
                                                const struct sockaddr *client, double now_ms)
{
    rg__http_connection_t *connection = rg_alloc(sizeof *connection), *victim;
    *connection = (rg__http_connection_t){.fd = fd, .address = client_address(client), .since_ms = now_ms};
    TAILQ_INSERT_TAIL(&all->list, connection, entry);
    if (++all->live <= all->max) return connection;
    victim = find_victim(all, connection, now_ms);
    if (victim) cut_connection(all, victim);
    return connection;
}

void rg__http_connection_close(rg__http_connections_t *all, rg__http_connection_t **out)
{
    rg__http_connection_t *connection = *out;
    TAILQ_REMOVE(&all->list, connection, entry);
    all->live -= !connection->cut;
    free(connection);
    *out = NULL;
}

// ---- deadlines

void rg__http_connection_enter(rg__http_connection_t *connection, enum rg__http_phase phase, double now_ms)
{
    connection->phase = phase;
    connection->since_ms = now_ms;
}

double rg__http_connections_cut_late(rg__http_connections_t *all, double now_ms)
{
    rg__http_connection_t *connection;
    double next = -1;
    TAILQ_FOREACH(connection, &all->list, entry)
    {
        if (connection->cut || connection->phase == RG__HTTP_WORK) continue;
        double left = connection->since_ms + phase_ms[connection->phase] - now_ms;
        if (left <= 0)
            cut_connection(all, connection);
        else if (next < 0 || left < next)
            next = left;
    }
    return next;
}

void rg__http_connections_cut_slow_body(rg__http_connections_t *all, double now_ms)
{
    rg__http_connection_t *connection, *oldest = NULL;
    TAILQ_FOREACH(connection, &all->list, entry)
    {
        if (connection->cut || connection->phase != RG__HTTP_BODY) continue;
        if (!oldest || connection->since_ms < oldest->since_ms) oldest = connection;
    }
    if (oldest && now_ms - oldest->since_ms > SLOW_BODY_MS) cut_connection(all, oldest);
}

// ---- listening

// A listening socket, or -1 with errno set.
static int listen_on(const struct addrinfo *where)
{
    int fd = socket(where->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(fd, where->ai_addr, where->ai_addrlen) == 0 && listen(fd, RG__HTTP_BACKLOG) == 0) return fd;
    int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

int rg__http_listen(int *fd, const char *address, int port, const char *service)
{
    char text[8];
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM}, *where;
    snprintf(text, sizeof text, "%d", port);
    int failed = getaddrinfo(address, text, &hints, &where);
    if (failed)
        return rg_fail(RG_ECONFIG, "http.address: '%s' is not an address: %s", address, gai_strerror(failed));
    *fd = listen_on(where);
    int err =
        *fd < 0 ? rg_fail_errno(RG_EIO, "http.%s: cannot listen on %s port %d", service, address, port) : 0;
    freeaddrinfo(where);
    return err;
}
