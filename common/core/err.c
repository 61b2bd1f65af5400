// A sentence quotes names and texts from outside. It is escaped here, once, so that it can go to a terminal,
// into a log and into a message as it is.
//
// The sentence is thread-local: a function that fails on a worker thread does not overwrite the sentence of
// the loop. rg_failure_t carries a sentence from one thread to another.
#include "common/core/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/core/text.h"

// Aligned, because some versions of the linker mold misplace a thread-local segment whose alignment is 1.
static _Thread_local _Alignas(16) char sentence[RG_SENTENCE_SIZE];

const char *rg_strerror(int err)
{
    switch (err) {
    case RG_OK:
        return "no error";
#define RG_ERR_CASE(name, code, text)                                                                        \
    case name:                                                                                               \
        return text;
        RG_ERRORS(RG_ERR_CASE)
#undef RG_ERR_CASE
    }
    return "unknown error";
}

const char *rg_errname(int err)
{
    switch (err) {
    case RG_OK:
        return "RG_OK";
#define RG_ERR_CASE(name, code, text)                                                                        \
    case name:                                                                                               \
        return #name;
        RG_ERRORS(RG_ERR_CASE)
#undef RG_ERR_CASE
    }
    return "RG_EUNKNOWN";
}

// Formats into a buffer of its own first: an argument may be rg_error().
static void record_sentence(const char *fmt, va_list args, const char *suffix)
{
    char text[2 * sizeof sentence];
    vsnprintf(text, sizeof text, fmt, args);
    size_t length = strlen(text);
    snprintf(text + length, sizeof text - length, "%s%s", *suffix ? ": " : "", suffix);
    rg_text_escape(text, sentence, sizeof sentence);
}

int rg_fail(int err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    record_sentence(fmt, args, "");
    va_end(args);
    return err;
}

int rg_fail_errno(int err, const char *fmt, ...)
{
    int saved = errno;
    va_list args;
    va_start(args, fmt);
    record_sentence(fmt, args, strerror(saved));
    va_end(args);
    return saved == ENOSPC || saved == EDQUOT ? RG_EFULL : err;
}

const char *rg_error(void)
{
    return sentence;
}

void rg_failure_keep(rg_failure_t *failure, int err)
{
    if (!err || failure->err) return;
    failure->err = err;
    memcpy(failure->sentence, sentence, sizeof sentence);
}

int rg_failure_raise(const rg_failure_t *failure)
{
    return failure->err ? rg_fail(failure->err, "%s", failure->sentence) : RG_OK;
}
