#include "common/wire/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"

int rg__relay_init(rg__relay_t *relay)
{
    if (pipe2(relay->pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
        relay->pipe[0] = relay->pipe[1] = -1;
        return rg_fail_errno(RG_ELIMIT, "cannot open a pipe");
    }
    fcntl(relay->pipe[1], F_SETPIPE_SZ, RG__RELAY_CHUNK); // a smaller one only takes more turns
    return 0;
}

void rg__relay_fini(rg__relay_t *relay)
{
    for (int i = 0; i < 2; i++)
        if (relay->pipe[i] >= 0) close(relay->pipe[i]);
}

static int would_block(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

// ---- with a copy
long rg__relay_read(rg__relay_t *relay, rg__transit_t *transit, int from, size_t capacity)
{
    if (!transit->data) transit->data = relay->scratch;
    ssize_t n = recv(from, transit->data + transit->end, capacity - transit->end, MSG_DONTWAIT);
    if (n > 0) transit->end += (size_t)n;
    return n < 0 && would_block() ? 0 : n > 0 ? n : -1;
}

int rg__relay_discard(rg__relay_t *relay, int from)
{
    ssize_t n = recv(from, relay->scratch, sizeof relay->scratch, MSG_DONTWAIT);
    return n > 0 || (n < 0 && would_block()) ? 0 : -1;
}

int rg__relay_send(rg__transit_t *transit, int to)
{
    while (transit->sent < transit->passed) {
        ssize_t n = send(to, transit->data + transit->sent, transit->passed - transit->sent,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0) return would_block() ? 0 : -1;
        transit->sent += (size_t)n;
    }
    return 0;
}

void rg__relay_keep(rg__relay_t *relay, rg__transit_t *transit)
{
    size_t sent = transit->sent, rest = transit->end - sent;
    unsigned char *old = transit->data;
    if (rest > 0 && old != relay->scratch) return;
    if (rest > 0) {
        *transit = (rg__transit_t){.data = memcpy(rg_alloc(rest), old + sent, rest),
                                   .passed = transit->passed - sent,
                                   .end = rest,
                                   .seen = transit->seen > sent ? transit->seen - sent : 0};
    } else {
        *transit = (rg__transit_t){0};
        if (old != relay->scratch) free(old);
    }
}

// ---- without a copy
// Empties the pipe, which serves another connection next.
static void drain_pipe(rg__relay_t *relay, rg__transit_t *transit, size_t n)
{
    *transit = (rg__transit_t){.data = rg_realloc(NULL, n), .passed = n, .seen = n};
    while (transit->end < n) {
        ssize_t got = read(relay->pipe[0], transit->data + transit->end, n - transit->end);
        if (got == 0 || (got < 0 && errno != EINTR)) abort(); // the bytes of two connections must not mix
        if (got > 0) transit->end += (size_t)got;
    }
}

// A broken connection makes the signal SIGPIPE pending, which every worker thread blocks.
long rg__relay_splice(rg__relay_t *relay, rg__transit_t *transit, int from, int to, size_t most)
{
    ssize_t n = splice(from, NULL, relay->pipe[1], NULL, most < RG__RELAY_CHUNK ? most : RG__RELAY_CHUNK,
                       SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    if (n <= 0) return n < 0 && would_block() ? 0 : -1;
    ssize_t sent = splice(relay->pipe[0], NULL, to, NULL, (size_t)n, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    int is_broken = sent < 0 && !would_block();
    if (sent < n) drain_pipe(relay, transit, (size_t)(sent < 0 ? n : n - sent));
    return is_broken ? -1 : n;
}
