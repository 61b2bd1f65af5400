// The connections of an HTTP server: how long a client may take, and which connection makes room for a new
// one. It knows sockets, not libmicrohttpd.
//
// A connection goes through these phases, request by request. In all but one the server waits for the client,
// and the client has a deadline for the whole phase, however it spreads its bytes:
//
//   head     from the connection, or the end of the last answer, until the head is complete    10 s
//   body     until the body is complete                                                        60 s
//   work     the service makes the answer                                                      without limit
//   answer   until the client has taken the answer                                            120 s
//
// There is always capacity for a new connection. When all are taken, one that waits for its client is cut: of
// the address that has the most connections, the one that has used the largest part of its time. So a client
// with few connections never makes room for one with many, and slow clients on the same address as a quick
// one make room for it.
#ifndef RG_WIRE_HTTP_CONNECTIONS_H
#define RG_WIRE_HTTP_CONNECTIONS_H

#include <stdint.h>
#include <sys/queue.h>

struct sockaddr;

// Listens on this numeric address and port. RG_EIO naming key (http.SERVICE), address and port; RG_ECONFIG.
enum { RG__HTTP_BACKLOG = 64 };
int rg__http_listen(int *fd, const char *address, int port, const char *service);

enum rg__http_phase { RG__HTTP_HEAD, RG__HTTP_BODY, RG__HTTP_WORK, RG__HTTP_ANSWER };

typedef struct rg__http_connection {
    TAILQ_ENTRY(rg__http_connection) entry;
    int fd;           // borrowed
    uint64_t address; // of the client: IPv4, or the network of IPv6
    enum rg__http_phase phase;
    double since_ms; // when the phase began
    int cut;         // it is shut down; its owner will close it
} rg__http_connection_t;

typedef struct {
    TAILQ_HEAD(, rg__http_connection) list;
    unsigned max, live; // connections that are not cut
} rg__http_connections_t;

void rg__http_connections_init(rg__http_connections_t *all, unsigned max);

// A new connection, in the head phase. Cuts another one if there are more than max. The caller ends it with
// rg__http_connection_close, which does not close the socket.
rg__http_connection_t *rg__http_connection_open(rg__http_connections_t *all, int fd,
                                                const struct sockaddr *client, double now_ms);
void rg__http_connection_close(rg__http_connections_t *all, rg__http_connection_t **connection);

void rg__http_connection_enter(rg__http_connection_t *connection, enum rg__http_phase phase, double now_ms);

// Cuts the connections that are past their deadlines. Returns the milliseconds until the next deadline, or -1
// if there is none.
double rg__http_connections_cut_late(rg__http_connections_t *all, double now_ms);

// For a server whose memory for bodies is taken: cuts the oldest body if it has been coming for more than
// 10 s, so that slow bodies do not keep others out.
void rg__http_connections_cut_slow_body(rg__http_connections_t *all, double now_ms);

#endif
