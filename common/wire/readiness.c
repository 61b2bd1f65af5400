#include "common/wire/readiness.h"

#include <stdio.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/core/log.h"
#include "common/wire/notify.h"

enum { TELL_MS = 500 }; // between two looks at the progress of a load
static const double pause_min_ms = 2000, pause_max_ms = 60000;

int rg__readiness_init(rg__readiness_t *readiness, const rg_service_spec_t *spec)
{
    *readiness = (rg__readiness_t){.spec = spec, .pause_ms = pause_min_ms};
    readiness->state = spec->load ? RG_SERVICE_LOADING : RG_SERVICE_READY;
    return spec->load ? rg_worker_new(&readiness->worker) : 0;
}

void rg__readiness_fini(rg__readiness_t *readiness)
{
    rg_worker_destroy(&readiness->worker);
}

// ---- what others see

const char *rg__readiness_name(const rg__readiness_t *readiness)
{
    static const char *const names[] = {[RG_SERVICE_READY] = "ready",
                                        [RG_SERVICE_LOADING] = "loading",
                                        [RG_SERVICE_FAILED] = "failed",
                                        [RG_SERVICE_STOPPING] = "stopping"};
    return names[readiness->state];
}

void rg__readiness_detail(const rg__readiness_t *readiness, char out[RG_SENTENCE_SIZE])
{
    unsigned long long total = atomic_load(&readiness->total), done = atomic_load(&readiness->done);
    *out = 0;
    if (readiness->state == RG_SERVICE_FAILED)
        snprintf(out, RG_SENTENCE_SIZE, "%s", readiness->failure.sentence);
    else if (readiness->state == RG_SERVICE_STOPPING && readiness->stopping)
        snprintf(out, RG_SENTENCE_SIZE, "%s", readiness->stopping);
    else if (readiness->state == RG_SERVICE_LOADING && total > 0)
        snprintf(out, RG_SENTENCE_SIZE, "%.0f %%",
                 100. * (double)(done < total ? done : total) / (double)total);
}

void rg__readiness_text(const rg__readiness_t *readiness, char out[RG__READINESS_TEXT])
{
    char detail[RG_SENTENCE_SIZE];
    rg__readiness_detail(readiness, detail);
    const char *between = !*detail ? "" : readiness->state == RG_SERVICE_FAILED ? ": " : ", ";
    snprintf(out, RG__READINESS_TEXT, "%s%s%s", rg__readiness_name(readiness), between, detail);
}

int rg__readiness_check(const rg__readiness_t *readiness)
{
    char text[RG__READINESS_TEXT];
    if (readiness->state == RG_SERVICE_READY) return 0;
    if (readiness->state == RG_SERVICE_FAILED) return rg_failure_raise(&readiness->failure);
    rg__readiness_text(readiness, text);
    return rg_fail(RG_EBUSY, "%s", text);
}

static void tell(rg__readiness_t *readiness)
{
    char text[RG__READINESS_TEXT];
    rg__readiness_text(readiness, text);
    if (strcmp(text, readiness->told) == 0) return;
    strcpy(readiness->told, text);
    for (char *c = text; *c; c++)
        if (*c == '\n') *c = ' ';
    rg__notify("X_RG_STATE=%s\nSTATUS=%s\n%s", rg__readiness_name(readiness), text,
               readiness->state == RG_SERVICE_READY      ? "READY=1\n"
               : readiness->state == RG_SERVICE_STOPPING ? "STOPPING=1\n"
                                                         : "");
}

// ---- changes

void rg__readiness_set(rg__readiness_t *readiness, enum rg_service_state state, int err)
{
    rg_failure_t failure = {0};
    if (state == RG_SERVICE_FAILED) rg_failure_keep(&failure, err);
    int news = strcmp(failure.sentence, readiness->failure.sentence) != 0;
    readiness->failure = failure;
    readiness->state = state;
    if (state == RG_SERVICE_FAILED && news)
        rg_log(RG_LOG_ERROR, "not-ready", "code=%s error=\"%s\"", rg_errname(err), failure.sentence);
    tell(readiness);
}

void rg__readiness_stopping(rg__readiness_t *readiness, const char *text)
{
    readiness->stopping = text;
    rg__readiness_set(readiness, RG_SERVICE_STOPPING, 0);
}

static int run_load(void *self, const atomic_int *stop)
{
    const rg_service_spec_t *spec = self;
    return spec->load(spec->self, stop);
}

int rg__readiness_start(rg__readiness_t *readiness)
{
    readiness->again_at_ms = 0;
    atomic_store(&readiness->total, 0);
    tell(readiness);
    return readiness->worker ? rg_worker_start(readiness->worker, run_load, (void *)readiness->spec) : 0;
}

int rg__readiness_fd(const rg__readiness_t *readiness)
{
    return rg_worker_fd(readiness->worker);
}

void rg__readiness_finish(void *self)
{
    rg__readiness_t *readiness = self;
    int err = rg_worker_finish(readiness->worker);
    if (!err) {
        if (readiness->spec->loaded) readiness->spec->loaded(readiness->spec->self);
        rg__readiness_set(readiness, RG_SERVICE_READY, 0);
        rg_log(RG_LOG_INFO, "ready", "loaded=1");
        return;
    }
    rg__readiness_set(readiness, RG_SERVICE_FAILED, err);
    readiness->again_at_ms = rg_clock_ms() + readiness->pause_ms;
    readiness->pause_ms = readiness->pause_ms * 2 < pause_max_ms ? readiness->pause_ms * 2 : pause_max_ms;
}

void rg__readiness_step(rg__readiness_t *readiness)
{
    if (readiness->state == RG_SERVICE_LOADING) tell(readiness);
    if (readiness->again_at_ms == 0 || rg_clock_ms() < readiness->again_at_ms) return;
    int err = rg__readiness_start(readiness);
    if (err) rg__readiness_set(readiness, RG_SERVICE_FAILED, err);
    if (err) readiness->again_at_ms = rg_clock_ms() + readiness->pause_ms;
}

long rg__readiness_wait_ms(const rg__readiness_t *readiness)
{
    if (readiness->again_at_ms > 0) {
        double left = readiness->again_at_ms - rg_clock_ms();
        return left > 0 ? (long)left + 1 : 0;
    }
    return readiness->state == RG_SERVICE_LOADING ? TELL_MS : -1;
}
