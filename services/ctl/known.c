#include "services/ctl/known.h"

#include <string.h>

#include "common/core/clock.h"
#include "common/core/err.h"

enum { CONNECT_MS = 1000 };
static const double unanswered_s = 30;

static rg_msg_t *known_request(const rg_known_t *question)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_ADD_REQUEST);
    Rg__V1__AddRequest *body = rg_msg_body(request);
    body->known = 1;
    body->asked_us = rg_clock_wall_us();
    body->n_items = question->n;
    body->items = (Rg__V1__Item **)rg_msg_array(request, &rg__v1__item__descriptor, question->n);
    for (size_t i = 0; i < question->n; i++)
        rg_msg_bytes(request, &body->items[i]->id, question->id[i], RG_ID_SIZE);
    return request;
}

static int take_known(void *self, const rg_msg_t *reply)
{
    rg_known_t *question = self;
    const Rg__V1__IngestReply *body = rg_msg_body(reply);
    if (body->n_outcomes != question->n)
        return rg_fail(RG_EFORMAT, "the retrieval service answered for %zu of %zu ids", body->n_outcomes,
                       question->n);
    question->generation = 0;
    for (size_t i = 0; i < question->n; i++) {
        question->known[i] = body->outcomes[i]->fate == RG__V1__FATE__DUPLICATE;
        if (question->known[i]) question->generation = body->generation;
    }
    return 0;
}

int rg_known_ask(rg_known_t *question, rg_caller_t *retrieval)
{
    rg_msg_t *request = known_request(question);
    return rg_caller_ask(retrieval, &request, RG__V1__ENVELOPE__BODY_INGEST_REPLY, take_known, question);
}

int rg_known_link_open(rg_known_link_t *link, const rg_config_t *config)
{
    const rg_wire_options_t wire = rg_wire_options(config);
    *link = (rg_known_link_t){.timeout_ms = config->limits.timeout_ms};
    return rg_link_new(&link->retrieval, &wire, "retrieval", config->endpoints.retrieval, rg_interrupted());
}

void rg_known_link_close(rg_known_link_t *link)
{
    rg_link_destroy(&link->retrieval);
}

typedef struct {
    rg_known_t *question;
    int done, err;
} answer_t;

static void take_answer(void *self, int err, const rg_msg_t *reply)
{
    answer_t *answer = self;
    answer->done = 1;
    if (!err && rg_msg_kind(reply) != RG__V1__ENVELOPE__BODY_INGEST_REPLY) err = RG_EFORMAT;
    answer->err = err ? err : take_known(answer->question, reply);
}

// A service that cannot be reached is not waited for.
static int wait_for_answer(rg_link_t *retrieval, answer_t *answer)
{
    int err = rg_link_poll(retrieval, CONNECT_MS);
    while (!err && !answer->done && rg_link_connected(retrieval)) err = rg_link_poll(retrieval, CONNECT_MS);
    if (!answer->done) rg_link_forget(retrieval, answer);
    return err;
}

int rg_known_link_ask(rg_known_link_t *link, rg_known_t *question)
{
    answer_t answer = {.question = question};
    memset(question->known, 0, sizeof question->known);
    question->generation = 0;
    if (rg_clock_s() < link->ask_from_s) return 0;
    rg_msg_t *request = known_request(question);
    rg_link_send(link->retrieval, &request, link->timeout_ms, take_answer, &answer);
    int err = wait_for_answer(link->retrieval, &answer);
    if (!answer.done || answer.err) link->ask_from_s = rg_clock_s() + unanswered_s;
    return err;
}
