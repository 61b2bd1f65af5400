// The status of a reply follows from the kind of error (err.h): invalid parameters are 400, a missing image
// or run is 404, a model that is not there yet is 409, and so on. Errors of a service keep their kind and
// their sentence, so a client reads what went wrong where it happened.
#include "services/gateway/http_api.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/core/hash.h"
#include "common/wire/json.h"

// ---- parameters

int rg_api_param_number(const char *name, const char *text, uint64_t min, uint64_t max, uint64_t missing,
                        uint64_t *out)
{
    char *end;
    if (!text) {
        *out = missing;
        return 0;
    }
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end || errno || value < min || value > max)
        return rg_fail(RG_EINVAL, "%s: expected a whole number, %llu to %llu", name, (unsigned long long)min,
                       (unsigned long long)max);
    *out = value;
    return 0;
}

int rg_api_param_choice(const char *name, const char *text, const char *const *choices, int *out)
{
    char known[256];
    size_t n = 0;
    *out = 0;
    if (!text) return 0;
    for (int i = 0; choices[i]; i++) {
        if (strcmp(choices[i], text) == 0) {
            *out = i;
            return 0;
        }
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", choices[i]);
    }
    return rg_fail(RG_EINVAL, "%s: expected one of %s", name, known);
}

int rg_api_param_id(const char *name, const char *text, uint8_t id[16])
{
    if (text && rg_id_parse(text, id)) return 0;
    return rg_fail(RG_EINVAL, "%s: expected the id of an image, 32 hexadecimal digits", name);
}

int rg_api_param_time(const char *name, const char *text, uint64_t *ms)
{
    *ms = 0;
    if (!text || !*text) return 0;
    return rg_time_parse(text, ms) ? rg_fail(RG_EINVAL, "%s: %s", name, rg_error()) : 0;
}

int rg_api_param_text(const char *name, const char *text)
{
    size_t length = text ? strlen(text) : 0;
    if (length < 1 || length > RG_API_TEXT)
        return rg_fail(RG_EINVAL, "%s: expected 1 to %d bytes of text", name, RG_API_TEXT);
    return 0;
}

// ---- replies

enum { DIGITS = 9 }; // significant digits of real numbers

static const struct {
    int err;
    unsigned status;
} reply_statuses[] = {
    {RG_EINVAL, 400},   {RG_EUSAGE, 400},   {RG_EACCES, 403},  {RG_ENOENT, 404}, {RG_EMODEL, 409},
    {RG_ELIMIT, 413},   {RG_EFORMAT, 415},  {RG_EREMOTE, 422}, {RG_ECRASH, 422}, {RG_EBUSY, 503},
    {RG_ESTOPPED, 503}, {RG_ETIMEOUT, 504}, {RG_EFULL, 507},
};

// The codes of the errors that clients tell apart. Every other status is "internal".
static const struct {
    unsigned status;
    const char *code;
} reply_codes[] = {
    {400, "invalid"}, {401, "token"}, {403, "forbidden"}, {404, "not_found"},
    {405, "method"},  {409, "model"}, {413, "too_large"}, {415, "no_image"},
    {422, "refused"}, {503, "busy"},  {504, "timeout"},   {507, "full"},
};

unsigned rg_api_reply_status(int err)
{
    for (size_t i = 0; i < sizeof reply_statuses / sizeof *reply_statuses; i++)
        if (reply_statuses[i].err == err) return reply_statuses[i].status;
    return 500;
}

static const char *reply_code(unsigned status)
{
    for (size_t i = 0; i < sizeof reply_codes / sizeof *reply_codes; i++)
        if (reply_codes[i].status == status) return reply_codes[i].code;
    return "internal";
}

// Takes text.
static void reply_send(rg_http_request_t *request, unsigned status, char *text)
{
    rg_http_reply(request, &(rg_http_reply_t){.status = status,
                                              .type = "application/json",
                                              .text = text,
                                              .headers = {{"Cache-Control", "no-store"}}});
}

char *rg_api_reply_write(json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(DIGITS));
    json_decref(object);
    return text ? text : rg_strdup("{}");
}

void rg_api_reply_json(rg_http_request_t *request, json_t *object)
{
    reply_send(request, 200, rg_api_reply_write(object));
}

void rg_api_reply_text(rg_http_request_t *request, char *text)
{
    reply_send(request, 200, text);
}

void rg_api_reply_refuse(void *self, rg_http_request_t *request, unsigned status, const char *sentence)
{
    (void)self;
    json_t *object =
        json_pack("{s:{s:s, s:o}}", "error", "code", reply_code(status), "sentence", rg_json_text(sentence));
    reply_send(request, status, rg_api_reply_write(object));
}

void rg_api_reply_fail(rg_http_request_t *request, int err)
{
    rg_api_reply_refuse(NULL, request, rg_api_reply_status(err), *rg_error() ? rg_error() : rg_strerror(err));
}
