// One link carries the command's own requests and, beside them, a status request every status_every_s:
//
//     rg_caller_step ──► ask for the status, if it is time ──► poll the link ──► callbacks
//                                                                                 ├─ status: progress display
//                                                                                 └─ reply: the command
//
// The command's requests have no deadline: training a stage takes hours. Only the status request has one. As
// long as the service answers it, the caller waits; when it is not answered for SILENCE_S, the service counts
// as gone and the caller gives up.
#include "services/ctl/caller.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config/services.h"
#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/wire/settings.h"

enum {
    STEP_MS = 100,
    SILENCE_S = 150 // far more than the supervisor's longest pause before a restart
};
static const double status_every_s = 0.5, quiet_s = 3;

struct rg_caller {
    rg_link_t *link;
    const rg_config_t *config; // until the first status was compared with it; then NULL
    const char *service;
    rg_failure_t failure;       // of that comparison
    rg_progress_bar_t progress; // label NULL: not shown
    rg_caller_status_fn *status;
    void *status_self;
    int status_pending;
    int timed_out;           // 1: a status request was not answered in time
    double asked_s, heard_s; // when the last status request was sent, and when the last status came
};

// ---- signals

static atomic_int interrupted;

static void note_interrupt(int signal)
{
    (void)signal;
    atomic_store(&interrupted, 1);
}

const atomic_int *rg_interrupted(void)
{
    return rg_interrupted_flag();
}

atomic_int *rg_interrupted_flag(void)
{
    struct sigaction action = {.sa_handler = note_interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return &interrupted;
}

// ---- status

// The trainer and the evaluator do what their configuration says, so there another file misleads as well; a
// client that searches or adds images may have a file of its own.
static void compare_settings(rg_caller_t *caller, const Rg__V1__StatusReply *status)
{
    int whole = strcmp(caller->service, "trainer") == 0 || strcmp(caller->service, "evaluator") == 0;
    rg_failure_keep(&caller->failure, rg_settings_check(caller->config, status, whole));
    caller->config = NULL;
}

static void caller_take_status(void *self, int err, const rg_msg_t *reply)
{
    rg_caller_t *caller = self;
    caller->status_pending = 0;
    if (err == RG_ETIMEOUT) caller->timed_out = 1;
    if (err == RG_ETIMEOUT) return;
    caller->heard_s = rg_clock_s();
    if (err || rg_msg_kind(reply) != RG__V1__ENVELOPE__BODY_STATUS_REPLY) return;
    if (caller->config) compare_settings(caller, rg_msg_body(reply));
    if (caller->status) caller->status(caller->status_self, &caller->progress, rg_msg_body(reply));
}

static void ask_status(rg_caller_t *caller, int timeout_ms)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_STATUS_REQUEST);
    ((Rg__V1__StatusRequest *)rg_msg_body(request))->settings = caller->config != NULL;
    rg_link_send(caller->link, &request, timeout_ms, caller_take_status, caller);
    caller->status_pending = 1;
    caller->asked_s = rg_clock_s();
}

static double silent_s(const rg_caller_t *caller)
{
    return rg_clock_s() - caller->heard_s;
}

static void show_silence(rg_caller_t *caller)
{
    char note[64];
    snprintf(note, sizeof note, "waiting for the %s (%.0f s)", caller->service, silent_s(caller));
    rg_progress_bar_show(&caller->progress, &(rg_progress_line_t){.done = caller->progress.done,
                                                                  .total = caller->progress.total,
                                                                  .rate = -1,
                                                                  .left_s = -1,
                                                                  .note = note});
}

rg_progress_bar_t *rg_caller_show(rg_caller_t *caller, const char *label, const char *unit, int hidden,
                                  rg_caller_status_fn *fn, void *self)
{
    caller->status = fn;
    caller->status_self = self;
    rg_progress_bar_init(&caller->progress, label, unit, hidden);
    return &caller->progress;
}

// ---- opening and closing

static int fail_silent_service(const rg_config_t *config, const char *service, const char *endpoint)
{
    char *run = rg_path_absolute(config->run);
    rg_fail(RG_ETIMEOUT,
            "the %s does not answer at %s (run directory %s): is it running? (rg-ctl up starts it)", service,
            endpoint, run);
    free(run);
    return RG_ETIMEOUT;
}

int rg_caller_open(rg_caller_t **out, const rg_config_t *config, const char *service)
{
    const char *endpoint = rg_services_endpoint(config, rg_services_find(service));
    const rg_wire_options_t wire = rg_wire_options(config);
    rg_caller_t *caller = rg_alloc(sizeof *caller);
    caller->service = service;
    caller->config = config;
    int err = rg_link_new(&caller->link, &wire, service, endpoint, rg_interrupted());
    if (!err) ask_status(caller, config->limits.timeout_ms);
    while (!err && caller->status_pending) err = rg_link_poll(caller->link, STEP_MS);
    if (!err && caller->timed_out) err = fail_silent_service(config, service, endpoint);
    if (!err) err = rg_failure_raise(&caller->failure);
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
    if (caller->progress.label) rg_progress_bar_clear(&caller->progress);
    rg_link_destroy(&caller->link);
    free(caller);
    *out = NULL;
}

// ---- requests

void rg_caller_send(rg_caller_t *caller, rg_msg_t **request, rg_reply_fn *fn, void *self)
{
    rg_link_send(caller->link, request, -1, fn, self);
}

int rg_caller_pending(const rg_caller_t *caller)
{
    return rg_link_pending(caller->link) - caller->status_pending;
}

int rg_caller_step(rg_caller_t *caller)
{
    if (!caller->status_pending && rg_clock_s() - caller->asked_s >= status_every_s)
        ask_status(caller, 1000 * SILENCE_S);
    if (caller->progress.label && silent_s(caller) > quiet_s) show_silence(caller);
    int err = rg_link_poll(caller->link, STEP_MS);
    if (!err && caller->timed_out)
        err = rg_fail(RG_ETIMEOUT,
                      "the %s has not answered for %d s: see its log; run the same command again to continue",
                      caller->service, SILENCE_S);
    return err;
}

int rg_caller_pause(rg_caller_t *caller, double seconds)
{
    double until_s = rg_clock_s() + seconds;
    int err = 0;
    while (!err && rg_clock_s() < until_s) err = rg_caller_step(caller);
    return err;
}

typedef struct {
    const char *service;
    Rg__V1__Envelope__BodyCase kind;
    rg_answer_fn *fn;
    void *self;
    int done;
    rg_failure_t failure;
} question_t;

static void caller_take_answer(void *self, int err, const rg_msg_t *reply)
{
    question_t *question = self;
    if (!err && rg_msg_kind(reply) != question->kind)
        err = rg_fail(RG_EFORMAT, "the %s sent a reply of another kind (%d)", question->service,
                      (int)rg_msg_kind(reply));
    if (!err) err = question->fn(question->self, reply);
    rg_failure_keep(&question->failure, err);
    question->done = 1;
}

int rg_caller_ask(rg_caller_t *caller, rg_msg_t **request, Rg__V1__Envelope__BodyCase kind, rg_answer_fn *fn,
                  void *self)
{
    question_t question = {.service = caller->service, .kind = kind, .fn = fn, .self = self};
    rg_link_send(caller->link, request, -1, caller_take_answer, &question);
    while (!question.done) {
        int err = rg_caller_step(caller);
        if (err) return err;
    }
    return rg_failure_raise(&question.failure);
}
