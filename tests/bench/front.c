// Times messages over tcp through the front of a service and straight to ZeroMQ, in turns (front.sh). Both
// servers are processes of their own. A request says how large its reply shall be; both are one frame.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/wire/front.h"
#include "tests/bench/timing.h"

enum { STRAIGHT, FRONT, WAYS };
enum { ROUNDS = 15, LARGE = 4 << 20, LARGES = 8, SMALL = 200, SMALLS = 300, IN_FLIGHT = 4 };

// Payloads to the service, from it, and round trips of small messages.
static const struct kind {
    const char *name, *unit;
    size_t request, reply;
    int count, in_flight;
} kinds[] = {
    {"4 MiB to the service", "MB/s", LARGE, 0, LARGES, IN_FLIGHT},
    {"4 MiB from the service", "MB/s", 0, LARGE, LARGES, IN_FLIGHT},
    {"small round trip", "us", SMALL, SMALL, SMALLS, 1},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static unsigned char bytes[sizeof(size_t) + LARGE];

static void give_up(const char *what)
{
    fprintf(stderr, "front: %s: %s\n", what, rg_error());
    exit(1);
}

// ---- the server
static void keep(void *data, void *hint)
{
    (void)data, (void)hint;
}

static void answer(zsock_t *socket)
{
    rg__parts_t *parts = rg__parts_recv(socket);
    void *handle = zsock_resolve(socket);
    size_t size;
    zmq_msg_t reply;
    if (!parts) return;
    memcpy(&size, zmq_msg_data(&parts->part[1]), sizeof size);
    zmq_msg_init_data(&reply, bytes, size, keep, NULL);
    zmq_send(handle, zmq_msg_data(&parts->part[0]), zmq_msg_size(&parts->part[0]), ZMQ_SNDMORE);
    if (zmq_msg_send(&reply, handle, 0) < 0) zmq_msg_close(&reply);
    rg__parts_destroy(&parts);
}

// Listens and writes the endpoint to out; answers until the process is killed.
static void serve(const rg_wire_options_t *options, int way, int out)
{
    char endpoint[RG__ENDPOINT_SIZE] = "tcp://127.0.0.1:*";
    rg__zap_t *zap = NULL;
    rg__front_t *front;
    zsock_t *socket = rg__socket_new(ZMQ_ROUTER, options, 0);
    if (*options->keys && rg__zap_new(&zap, options, socket) != 0) give_up("cannot encrypt");
    if (way == FRONT) {
        if (rg__front_new(&front, options, endpoint, socket) != 0) give_up("cannot listen");
        snprintf(endpoint, sizeof endpoint, "%s", rg__front_endpoint(front));
    } else {
        zmq_bind(zsock_resolve(socket), endpoint);
        snprintf(endpoint, sizeof endpoint, "%s", zsock_last_endpoint(socket));
    }
    if (write(out, endpoint, sizeof endpoint) != sizeof endpoint) exit(1);
    zmq_pollitem_t items[2] = {{.socket = zsock_resolve(socket), .events = ZMQ_POLLIN}};
    if (zap) items[1] = rg__zap_item(zap);
    while (zmq_poll(items, zap ? 2 : 1, -1) >= 0) {
        if (items[0].revents) answer(socket);
        if (zap && items[1].revents) rg__zap_serve(zap);
    }
}

typedef struct {
    pid_t server;
    char endpoint[RG__ENDPOINT_SIZE];
    zsock_t *socket; // of the client
} way_t;

static void start_server(way_t *self, const rg_wire_options_t *options, int way)
{
    int ends[2];
    if (pipe(ends) != 0) give_up("pipe");
    self->server = fork();
    if (self->server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve(options, way, ends[1]);
        exit(1);
    }
    close(ends[1]);
    if (read(ends[0], self->endpoint, sizeof self->endpoint) != sizeof self->endpoint) exit(1);
    close(ends[0]);
}

// ---- the client
static void connect_client(way_t *self, const rg_wire_options_t *options)
{
    self->socket = rg__socket_new(ZMQ_DEALER, options, 0);
    if (*options->keys && rg__curve_client(options, self->socket) != 0) give_up("cannot encrypt");
    if (zmq_connect(zsock_resolve(self->socket), self->endpoint) != 0) give_up("cannot connect");
}

static void send_request(void *handle, const struct kind *kind)
{
    zmq_msg_t request;
    memcpy(bytes, &kind->reply, sizeof kind->reply);
    zmq_msg_init_data(&request, bytes, sizeof kind->reply + kind->request, keep, NULL);
    if (zmq_msg_send(&request, handle, 0) < 0) give_up("cannot send");
}

static void take_reply(void *handle, const struct kind *kind)
{
    zmq_msg_t reply;
    zmq_msg_init(&reply);
    if (zmq_msg_recv(&reply, handle, 0) != (int)kind->reply) give_up("a wrong reply");
    zmq_msg_close(&reply);
}

// Returns milliseconds.
static double run_round(way_t *self, const struct kind *kind)
{
    void *handle = zsock_resolve(self->socket);
    double begun_ms = rg_clock_ms();
    for (int sent = 0, taken = 0; taken < kind->count; taken++) {
        for (; sent < kind->count && sent < taken + kind->in_flight; sent++) send_request(handle, kind);
        take_reply(handle, kind);
    }
    return rg_clock_ms() - begun_ms;
}

// Processor time of all threads of a process.
static double busy_ms(pid_t process)
{
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &t) != 0) give_up("no clock");
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

typedef struct {
    double ms[ROUNDS], busy_ms[ROUNDS]; // of client and server together
} times_t;

static void measure(way_t ways[WAYS], const struct kind *kind)
{
    static times_t times[WAYS];
    double ms[WAYS], busy[WAYS];
    for (int round = -1; round < ROUNDS; round++) // the first one warms up
        for (int way = 0; way < WAYS; way++) {
            int at = round < 0 ? 0 : round;
            double before = busy_ms(getpid()) + busy_ms(ways[way].server);
            times[way].ms[at] = run_round(&ways[way], kind);
            times[way].busy_ms[at] = busy_ms(getpid()) + busy_ms(ways[way].server) - before;
        }
    for (int way = 0; way < WAYS; way++) {
        ms[way] = rg_timing_median(times[way].ms, ROUNDS);
        busy[way] = rg_timing_median(times[way].busy_ms, ROUNDS);
    }
    int is_rate = strcmp(kind->unit, "MB/s") == 0;
    double megabytes = (double)(kind->request + kind->reply) * kind->count / 1e6;
    for (int way = 0; way < WAYS; way++)
        ms[way] = is_rate ? megabytes / ms[way] * 1e3 : ms[way] / kind->count * 1e3;
    printf("%-24s straight %7.1f %s, with the front %7.1f %s, ratio %.2f; of busy time %.2f\n", kind->name,
           ms[STRAIGHT], kind->unit, ms[FRONT], kind->unit, ms[FRONT] / ms[STRAIGHT],
           is_rate ? busy[STRAIGHT] / busy[FRONT] : busy[FRONT] / busy[STRAIGHT]);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static rg_config_t config;
    static way_t ways[WAYS];
    rg_timing_config(argc, argv, "Times messages through the front of a service and without it.", &config);
    const rg_wire_options_t options = rg_wire_options(&config);
    for (int way = 0; way < WAYS; way++) start_server(&ways[way], &options, way);
    for (int way = 0; way < WAYS; way++) connect_client(&ways[way], &options);
    for (int i = 0; i < KINDS; i++) measure(ways, &kinds[i]);
    for (int way = 0; way < WAYS; way++) zsock_destroy(&ways[way].socket);
    return 0;
}
