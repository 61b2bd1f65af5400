#include "services/gateway/peers.h"

#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"

enum { TICK_MS = 100 };

// A question without its answer.
typedef struct asked {
    struct asked *next;
    rg_peers_t *peers;
    rg_question_t question;
    double deadline_s;
} asked_t;

struct rg_peers {
    rg_link_t *link[RG_SERVICES]; // NULL: not a part of this system
    asked_t *first;
    int timer; // ticks while questions wait
    int stopping;
};

int rg_peers_new(rg_peers_t **out, const rg_config_t *config)
{
    const rg_wire_options_t wire = rg_wire_options(config);
    rg_peers_t *peers = rg_alloc(sizeof *peers);
    peers->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    int err = peers->timer < 0 ? rg_fail_errno(RG_ELIMIT, "cannot make a timer") : 0;
    for (int i = 0; i < RG_SERVICES && !err; i++)
        err = rg_link_new(&peers->link[i], &wire, rg_services_name(i), rg_services_endpoint(config, i), NULL);
    if (err)
        rg_peers_destroy(&peers);
    else
        *out = peers;
    return err;
}

void rg_peers_destroy(rg_peers_t **out)
{
    rg_peers_t *peers = *out;
    if (!peers) return;
    for (int i = 0; i < RG_SERVICES; i++) rg_link_destroy(&peers->link[i]);
    if (peers->timer >= 0) close(peers->timer);
    free(peers);
    *out = NULL;
}

// ------------------------------------------------------------------ waiting
static void set_timer(rg_peers_t *peers)
{
    const struct timespec tick = {.tv_nsec = peers->first ? TICK_MS * 1000000L : 0};
    timerfd_settime(peers->timer, 0, &(struct itimerspec){tick, tick}, NULL);
}

// Ends the question; err and rg_error() or the reply go to who asked.
static void end(asked_t *asked, int err, const rg_msg_t *reply)
{
    rg_question_t question = asked->question;
    asked_t **at = &asked->peers->first;
    while (*at != asked) at = &(*at)->next;
    *at = asked->next;
    if (!asked->peers->first) set_timer(asked->peers);
    free(asked);
    question.fn(question.self, err, reply);
}

// Gives the question up.
static void abandon(asked_t *asked, int err)
{
    rg_link_forget(asked->peers->link[asked->question.service], asked);
    end(asked, err, NULL);
}

static asked_t *find_overdue(rg_peers_t *peers)
{
    asked_t *asked = peers->first;
    while (asked && asked->deadline_s > rg_clock_s()) asked = asked->next;
    return asked;
}

static void tick(void *self)
{
    rg_peers_t *peers = self;
    uint64_t ticks;
    if (read(peers->timer, &ticks, sizeof ticks) != sizeof ticks) return;
    for (asked_t *asked; (asked = find_overdue(peers)) != NULL;)
        abandon(asked,
                rg_fail(RG_ETIMEOUT, "the %s does not answer", rg_services_name(asked->question.service)));
}

void rg_peers_stop(rg_peers_t *peers)
{
    if (!peers) return;
    peers->stopping = 1;
    while (peers->first) abandon(peers->first, rg_fail(RG_ESTOPPED, "the gateway is stopping"));
}

void rg_peers_add_to(rg_peers_t *peers, rg_service_t *service)
{
    for (int i = 0; i < RG_SERVICES; i++) rg_service_add_link(service, peers->link[i]);
    rg_service_add_fd(service, peers->timer, tick, peers);
}

// ------------------------------------------------------------------ questions
// A reply that cannot be read says nothing about what was sent here.
static void take_reply(void *self, int err, const rg_msg_t *reply)
{
    asked_t *asked = self;
    const char *service = rg_services_name(asked->question.service);
    if (err == RG_EFORMAT || err == RG_ESHAPE) err = rg_fail(RG_EIO, "%s", rg_error());
    if (!err && rg_msg_kind(reply) != asked->question.answer)
        err = rg_fail(RG_EIO, "%s: an answer of another kind (%d)", service, (int)rg_msg_kind(reply));
    end(asked, err, err ? NULL : reply);
}

static int count(const rg_peers_t *peers, const rg_question_t *question)
{
    int n = 0;
    for (const asked_t *asked = peers->first; asked; asked = asked->next)
        n += asked->question.service == question->service && asked->question.answer == question->answer;
    return n;
}

int rg_peers_ask(rg_peers_t *peers, const rg_question_t *question, rg_msg_t **request)
{
    int err = 0, waiting = count(peers, question);
    if (peers->stopping)
        err = rg_fail(RG_ESTOPPED, "the gateway is stopping");
    else if (waiting >= RG_PEERS_WAITING)
        err = rg_fail(RG_EBUSY, "%d requests wait for the %s already; try again later", waiting,
                      rg_services_name(question->service));
    if (err) {
        rg_msg_destroy(request);
        return err;
    }
    asked_t *asked = rg_alloc(sizeof *asked);
    *asked = (asked_t){.next = peers->first,
                       .peers = peers,
                       .question = *question,
                       .deadline_s = rg_clock_s() + question->timeout_ms / 1e3};
    peers->first = asked;
    if (!asked->next) set_timer(peers);
    rg_link_send(peers->link[question->service], request, -1, take_reply, asked);
    return 0;
}

int rg_peers_connected(const rg_peers_t *peers, int service)
{
    return rg_link_connected(peers->link[service]);
}
