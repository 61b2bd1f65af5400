#include "services/gateway/reply.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/wire/json.h"

enum { DIGITS = 9 }; // of numbers that are no integers

static const struct {
    int err;
    unsigned status;
} statuses[] = {
    {RG_EINVAL, 400}, {RG_EUSAGE, 400},   {RG_EACCES, 403},   {RG_ENOENT, 404},
    {RG_EMODEL, 409}, {RG_ELIMIT, 413},   {RG_EFORMAT, 415},  {RG_EREMOTE, 422},
    {RG_EBUSY, 503},  {RG_ESTOPPED, 503}, {RG_ETIMEOUT, 504}, {RG_EFULL, 507},
};

// What a page can tell apart; a status beyond these is "internal".
static const struct {
    unsigned status;
    const char *code;
} codes[] = {
    {400, "invalid"}, {401, "token"}, {403, "forbidden"}, {404, "not_found"},
    {405, "method"},  {409, "model"}, {413, "too_large"}, {415, "no_image"},
    {422, "refused"}, {503, "busy"},  {504, "timeout"},   {507, "full"},
};

unsigned rg_reply_status(int err)
{
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (statuses[i].err == err) return statuses[i].status;
    return 500;
}

static const char *code_of(unsigned status)
{
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i].status == status) return codes[i].code;
    return "internal";
}

// Takes text.
static void reply(rg_http_request_t *request, unsigned status, char *text)
{
    rg_http_reply(request, &(rg_http_reply_t){.status = status,
                                              .type = "application/json",
                                              .text = text,
                                              .headers = {{"Cache-Control", "no-store"}}});
}

char *rg_reply_write(json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(DIGITS));
    json_decref(object);
    return text ? text : rg_strdup("{}");
}

void rg_reply_json(rg_http_request_t *request, json_t *object)
{
    reply(request, 200, rg_reply_write(object));
}

void rg_reply_text(rg_http_request_t *request, char *text)
{
    reply(request, 200, text);
}

void rg_reply_refuse(void *self, rg_http_request_t *request, unsigned status, const char *sentence)
{
    (void)self;
    json_t *object =
        json_pack("{s:{s:s, s:o}}", "error", "code", code_of(status), "sentence", rg_json_text(sentence));
    reply(request, status, rg_reply_write(object));
}

void rg_reply_fail(rg_http_request_t *request, int err)
{
    rg_reply_refuse(NULL, request, rg_reply_status(err), *rg_error() ? rg_error() : rg_strerror(err));
}
