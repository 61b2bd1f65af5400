#include <stdarg.h>
#include <stdio.h>

#include "common/core/err.h"
#include "services/retrieval/answer.h"
#include "services/retrieval/verify.h"

enum { FIELDS_MAX = 12 + RG_PROBLEMS_MAX };

static rg_msg_t *new_reply(void)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_INDEX_REPLY);
    Rg__V1__IndexReply *body = rg_msg_body(msg);
    body->report = (Rg__V1__Field **)rg_msg_array(msg, &rg__v1__field__descriptor, FIELDS_MAX);
    return msg;
}

__attribute__((format(printf, 3, 4))) static void report(rg_msg_t *msg, const char *key, const char *fmt, ...)
{
    Rg__V1__IndexReply *body = rg_msg_body(msg);
    char value[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(value, sizeof value, fmt, args);
    va_end(args);
    body->report[body->n_report]->key = rg_msg_text(msg, "%s", key);
    body->report[body->n_report++]->value = rg_msg_text(msg, "%s", value);
}

static void report_view(rg_msg_t *msg, rg_set_t *set, const rg_view_t *view)
{
    ((Rg__V1__IndexReply *)rg_msg_body(msg))->generation = view->generation;
    report(msg, "images", "%zu", rg_view_count(view));
    report(msg, "indexed", "%zu", rg_view_indexed(view));
    report(msg, "dead", "%zu", view->dead);
    report(msg, "store_bytes", "%llu", (unsigned long long)rg_store_bytes(rg_set_store(set)));
}

int rg_answer_index(rg_answerer_t *self, rg_msg_t **reply)
{
    rg_look_t look;
    int err = rg_set_look(self->set, &look);
    if (err) return err;
    *reply = new_reply();
    report_view(*reply, self->set, look.view);
    rg_look_end(&look);
    return 0;
}

static void report_snapshot(rg_msg_t *msg, const rg_set_t *set, const rg_view_t *view)
{
    size_t rows;
    int err = rg_set_check_snapshot(set, view, &rows);
    if (err)
        report(msg, "snapshot", "%s", err == RG_ENOENT ? "none" : rg_error());
    else
        report(msg, "snapshot", "%zu images", rows);
}

static void report_verified(rg_msg_t *msg, const rg_verified_t *verified)
{
    report(msg, "stored", "%llu", (unsigned long long)verified->images);
    report(msg, "bytes_read", "%llu", (unsigned long long)verified->bytes);
    report(msg, "recall_at_10", "%.4f", verified->recall);
    report(msg, "problems", "%llu", (unsigned long long)verified->problems);
    for (uint64_t i = 0; i < verified->problems && i < RG_PROBLEMS_MAX; i++)
        report(msg, "problem", "%s", verified->problem[i]);
}

int rg_answer_verify(rg_answerer_t *self, const atomic_int *stop, rg_msg_t **reply)
{
    rg_look_t look;
    rg_verified_t *verified = rg_alloc(sizeof *verified);
    int err = rg_set_look(self->set, &look);
    if (!err) {
        err = rg_verify(verified, &look, stop);
        if (!err) {
            *reply = new_reply();
            report_view(*reply, self->set, look.view);
            report_snapshot(*reply, self->set, look.view);
            report_verified(*reply, verified);
        }
        rg_look_end(&look);
    }
    free(verified);
    return err;
}
