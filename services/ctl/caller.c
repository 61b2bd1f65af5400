#include "services/ctl/caller.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config/services.h"
#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"

enum {
    STEP_MS = 100,
    SILENCE_S = 60
}; // silence: far more than the supervisor's longest pause before a restart
static const double status_every_s = 0.5, quiet_s = 3;

struct rg_caller {
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
    rg_caller_t *caller = self;
    caller->status_pending = 0;
    caller->heard_s = rg_clock_s();
    if (!err && caller->watch && rg_msg_kind(reply) == RG__V1__ENVELOPE__BODY_STATUS_REPLY)
        caller->watch(caller->watch_self, rg_msg_body(reply));
}

static void ask_status(rg_caller_t *caller)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_STATUS_REQUEST);
    rg_link_send(caller->link, &request, -1, take_status, caller);
    caller->status_pending = 1;
    caller->asked_s = rg_clock_s();
}

int rg_caller_open(rg_caller_t **out, const rg_config_t *config, const char *service)
{
    const char *endpoint = rg_services_endpoint(config, rg_services_find(service));
    const rg_wire_options_t wire = rg_wire_options(config);
    rg_caller_t *caller = rg_alloc(sizeof *caller);
    caller->service = service;
    int err = rg_link_new(&caller->link, &wire, service, endpoint, rg_interrupted());
    double deadline = rg_clock_s() + config->limits.timeout_ms / 1000.0;
    if (!err) ask_status(caller);
    while (!err && caller->status_pending) {
        if (rg_clock_s() > deadline)
            err = rg_fail(RG_ETIMEOUT, "the %s does not answer at %s: is it running? (rg-ctl up)", service,
                          endpoint);
        else
            err = rg_link_poll(caller->link, STEP_MS);
    }
    if (err)
        rg_caller_close(&caller);
    else
        *out = caller;
    return err;
}

void rg_caller_close(rg_caller_t **out)
{
    rg_caller_t *caller = *out;
    if (!caller) return;
    rg_link_destroy(&caller->link);
    free(caller);
    *out = NULL;
}

void rg_caller_watch(rg_caller_t *caller, rg_watch_fn *fn, void *self)
{
    caller->watch = fn;
    caller->watch_self = self;
}

void rg_caller_send(rg_caller_t *caller, rg_msg_t **request, rg_reply_fn *fn, void *self)
{
    rg_link_send(caller->link, request, -1, fn, self);
}

int rg_caller_pending(const rg_caller_t *caller)
{
    return rg_link_pending(caller->link) - caller->status_pending;
}

double rg_caller_silent_s(const rg_caller_t *caller)
{
    return rg_clock_s() - caller->heard_s;
}

int rg_caller_step(rg_caller_t *caller)
{
    if (!caller->status_pending && rg_clock_s() - caller->asked_s >= status_every_s) ask_status(caller);
    if (rg_caller_silent_s(caller) > SILENCE_S)
        return rg_fail(RG_ETIMEOUT,
                       "the %s has not answered for %d s: see its log; the same command goes on from here",
                       caller->service, SILENCE_S);
    if (caller->watch && rg_caller_silent_s(caller) > quiet_s) caller->watch(caller->watch_self, NULL);
    return rg_link_poll(caller->link, STEP_MS);
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

int rg_caller_ask(rg_caller_t *caller, rg_msg_t **request, Rg__V1__Envelope__BodyCase kind, rg_answer_fn *fn,
                  void *self)
{
    question_t question = {.service = caller->service, .kind = kind, .fn = fn, .self = self};
    rg_link_send(caller->link, request, -1, take_answer, &question);
    while (!question.done) {
        int err = rg_caller_step(caller);
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
