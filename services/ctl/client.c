#include "services/ctl/client.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "services/ctl/clock.h"
#include "services/ctl/fleet.h"

enum {
    STEP_MS = 100,
    SILENCE_S = 60
}; // silence: far more than the supervisor's longest pause before a restart
static const double status_every_s = 0.5, quiet_s = 3;

struct rg_client {
    rg_link_t *link;
    const char *service;
    rg_watch_fn *watch;
    void *watch_self;
    int status_pending;
    double asked_s, heard_s;
};

static atomic_int interrupted;

static void interrupt(int signal)
{
    (void)signal;
    atomic_store(&interrupted, 1);
}

const atomic_int *rg_interrupted(void)
{
    struct sigaction action = {.sa_handler = interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return &interrupted;
}

static void take_status(void *self, int err, const rg_msg_t *reply)
{
    rg_client_t *client = self;
    client->status_pending = 0;
    client->heard_s = rg_clock_s();
    if (!err && client->watch && rg_msg_kind(reply) == RG__V1__ENVELOPE__BODY_STATUS_REPLY)
        client->watch(client->watch_self, rg_msg_body(reply));
}

static void ask_status(rg_client_t *client)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_STATUS_REQUEST);
    rg_link_send(client->link, &request, take_status, client);
    client->status_pending = 1;
    client->asked_s = rg_clock_s();
}

int rg_client_open(rg_client_t **out, const rg_config_t *config, const char *service)
{
    const char *endpoint = rg_fleet_endpoint(config, rg_fleet_find(service));
    rg_client_t *client = rg_alloc(sizeof *client);
    client->service = service;
    int err = rg_link_new(&client->link, config, service, endpoint, rg_interrupted());
    double deadline = rg_clock_s() + config->limits.timeout_ms / 1000.0;
    if (!err) ask_status(client);
    while (!err && client->status_pending) {
        if (rg_clock_s() > deadline)
            err = rg_fail(RG_ETIMEOUT, "the %s does not answer at %s: is it running? (rg-ctl up)", service,
                          endpoint);
        else
            err = rg_link_poll(client->link, STEP_MS);
    }
    if (err)
        rg_client_close(&client);
    else
        *out = client;
    return err;
}

void rg_client_close(rg_client_t **out)
{
    rg_client_t *client = *out;
    if (!client) return;
    rg_link_destroy(&client->link);
    free(client);
    *out = NULL;
}

void rg_client_watch(rg_client_t *client, rg_watch_fn *fn, void *self)
{
    client->watch = fn;
    client->watch_self = self;
}

void rg_client_send(rg_client_t *client, rg_msg_t **request, rg_reply_fn *fn, void *self)
{
    rg_link_send(client->link, request, fn, self);
}

int rg_client_pending(const rg_client_t *client)
{
    return rg_link_pending(client->link) - client->status_pending;
}

double rg_client_silent_s(const rg_client_t *client)
{
    return rg_clock_s() - client->heard_s;
}

int rg_client_step(rg_client_t *client)
{
    if (!client->status_pending && rg_clock_s() - client->asked_s >= status_every_s) ask_status(client);
    if (rg_client_silent_s(client) > SILENCE_S)
        return rg_fail(RG_ETIMEOUT,
                       "the %s has not answered for %d s: see its log; the same command goes on from here",
                       client->service, SILENCE_S);
    if (client->watch && rg_client_silent_s(client) > quiet_s) client->watch(client->watch_self, NULL);
    return rg_link_poll(client->link, STEP_MS);
}

typedef struct {
    const char *service;
    Rg__V1__Envelope__BodyCase kind;
    rg_answer_fn *fn;
    void *self;
    int done, err;
    char sentence[512];
} question_t;

static void take_answer(void *self, int err, const rg_msg_t *reply)
{
    question_t *question = self;
    if (!err && rg_msg_kind(reply) != question->kind)
        err = rg_fail(RG_EFORMAT, "%s: an answer of another kind (%d)", question->service,
                      (int)rg_msg_kind(reply));
    if (!err) err = question->fn(question->self, reply);
    if (err) snprintf(question->sentence, sizeof question->sentence, "%s", rg_error());
    question->err = err;
    question->done = 1;
}

int rg_client_ask(rg_client_t *client, rg_msg_t **request, Rg__V1__Envelope__BodyCase kind, rg_answer_fn *fn,
                  void *self)
{
    question_t question = {.service = client->service, .kind = kind, .fn = fn, .self = self};
    rg_link_send(client->link, request, take_answer, &question);
    while (!question.done) {
        int err = rg_client_step(client);
        if (err) return err;
    }
    return question.err ? rg_fail(question.err, "%s", question.sentence) : 0;
}

const char *rg_status_value(const Rg__V1__StatusReply *status, const char *key)
{
    for (size_t i = 0; i < status->n_fields; i++)
        if (strcmp(status->fields[i]->key, key) == 0) return status->fields[i]->value;
    return "";
}
