// Encoders beside each other: one is asked to load a checkpoint and announces it at the retrieval service,
// the others ask there what is served, and load the same. They ask every second, and at once when an add or a
// search tells them that the set has switched; what it was for is then done once more.
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/core/err.h"
#include "common/core/log.h"
#include "services/encoder/self.h"

enum { EVERY_S = 1, RUNS_MAX = 3 };

static void resume(rg_encoder_t *self)
{
    self->outdated = 0;
    rg_jobs_resume(self->jobs);
}

static int run_follow(void *data, const rg_msg_t *served, rg_msg_t **reply)
{
    rg_encoder_t *self = data;
    (void)reply;
    return rg_answer_served(&self->fresh, &self->config, served);
}

// An announcement that cannot be followed is not tried again; the next one is.
static void done_follow(void *data, rg_job_t *job, int err)
{
    rg_encoder_t *self = data;
    self->serial = ((const Rg__V1__ServedReply *)rg_msg_body(job->request))->serial;
    self->loads = 0;
    if (err)
        rg_log(RG_LOG_WARN, "cannot_follow", "error=\"%s\"", rg_error());
    else
        rg_encoder_serve_fresh(self);
    rg_inference_close(&self->fresh);
    rg_jobs_end(&job);
    resume(self);
}

static const rg_job_kind_t FOLLOW = {run_follow, done_follow};

// Without an announcement there is still the newest checkpoint, for a set that refuses this model.
static int is_news(const rg_encoder_t *self, const Rg__V1__ServedReply *served)
{
    if (!*served->model || self->loads) return 0;
    if (served->serial) return served->serial != self->serial;
    return self->outdated && strcmp(served->model, self->networks ? self->networks->embedding : "") != 0;
}

static void on_served(void *data, int err, const rg_msg_t *reply)
{
    rg_encoder_t *self = data;
    self->asking = 0;
    if (err || rg_msg_kind(reply) != RG__V1__ENVELOPE__BODY_SERVED_REPLY ||
        !is_news(self, rg_msg_body(reply))) {
        resume(self);
        return;
    }
    self->loads = 1;
    rg_jobs_add(self->jobs, &FOLLOW, NULL, reply);
}

static void ask(rg_encoder_t *self)
{
    if (self->asking || self->loads) return;
    self->asking = 1;
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_SERVED_REQUEST);
    rg_link_send(self->retrieval, &request, -1, on_served, self);
}

void rg_encoder_fail(rg_encoder_t *self, rg_job_t *job, int err)
{
    if (err != RG_EMODEL || job->runs >= RUNS_MAX) {
        rg_encoder_refuse(self, job, err);
        return;
    }
    rg_jobs_park(job);
    self->outdated = 1;
    ask(self);
}

static void on_clock(void *data)
{
    rg_encoder_t *self = data;
    uint64_t times;
    if (read(self->clock, &times, sizeof times) == sizeof times) ask(self);
}

int rg_encoder_follow(rg_encoder_t *self)
{
    const struct itimerspec every = {{.tv_sec = EVERY_S}, {.tv_sec = EVERY_S}};
    self->clock = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (self->clock < 0 || timerfd_settime(self->clock, 0, &every, NULL) != 0)
        return rg_fail_errno(RG_ELIMIT, "cannot make a timer");
    rg_service_add_fd(self->service, self->clock, on_clock, self);
    return 0;
}
