#include "common/wire/jobs.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/thread.h"

struct rg_jobs {
    rg_jobs_options_t options;
    rg_worker_t *worker;
    rg_job_t *first;   // all that have not ended, in the order they came
    rg_job_t *running; // or NULL
    int count, held;
};

int rg_jobs_new(rg_jobs_t **out, const rg_jobs_options_t *options)
{
    rg_worker_t *worker;
    int err = rg_worker_new(&worker);
    if (err) return err;
    rg_jobs_t *jobs = rg_alloc(sizeof *jobs);
    *jobs = (rg_jobs_t){.options = *options, .worker = worker};
    *out = jobs;
    return 0;
}

void rg_jobs_destroy(rg_jobs_t **out)
{
    rg_jobs_t *jobs = *out;
    if (!jobs) return;
    rg_worker_destroy(&jobs->worker);
    for (rg_job_t *job; (job = jobs->first) != NULL;) rg_jobs_end(&job);
    free(jobs);
    *out = NULL;
}

void rg_jobs_end(rg_job_t **out)
{
    rg_job_t *job = *out, **at = &job->jobs->first;
    while (*at != job) at = &(*at)->next;
    *at = job->next;
    job->jobs->count--;
    rg_msg_destroy(&job->request);
    rg_msg_destroy(&job->result);
    free(job);
    *out = NULL;
}

int rg_jobs_count(const rg_jobs_t *jobs)
{
    return jobs->count;
}

// ---- running

static int run(void *data, const atomic_int *stop)
{
    rg_job_t *job = data;
    const rg_jobs_options_t *options = &job->jobs->options;
    (void)stop;
    if (options->prepare) options->prepare(options->self);
    return job->kind->run(job->self, job->request, &job->result);
}

static void begin_next(rg_jobs_t *jobs)
{
    rg_job_t *job = jobs->first;
    while (job && job->begun) job = job->next;
    if (!job || jobs->held || jobs->running) return;
    job->begun = 1;
    job->runs++;
    int err = rg_worker_start(jobs->worker, run, job);
    if (err)
        job->kind->done(jobs->options.self, job, err);
    else
        jobs->running = job;
}

static int is_of(const rg_job_t *job, const rg_peer_t *peer)
{
    return job->peer.identity_size == peer->identity_size &&
           memcmp(job->peer.identity, peer->identity, peer->identity_size) == 0;
}

static int check_room(const rg_jobs_t *jobs, const rg_peer_t *peer)
{
    int own = 0, max = jobs->options.max;
    for (const rg_job_t *job = jobs->first; job; job = job->next) own += is_of(job, peer);
    if (jobs->count < max && own < (max + 1) / 2) return 0;
    return rg_fail(RG_EBUSY, "%d requests are waiting already, %d of them from here; try again later",
                   jobs->count, own);
}

int rg_jobs_add(rg_jobs_t *jobs, const rg_job_kind_t *kind, const rg_peer_t *peer, const rg_msg_t *request)
{
    int err = peer ? check_room(jobs, peer) : 0;
    if (err) return err;
    rg_job_t *job = rg_alloc(sizeof *job), **at = &jobs->first;
    *job = (rg_job_t){.self = jobs->options.self, .kind = kind, .jobs = jobs};
    if (peer) job->peer = *peer;
    if (request) job->request = rg_msg_retain(request);
    while (*at) at = &(*at)->next;
    *at = job;
    jobs->count++;
    begin_next(jobs);
    return 0;
}

void rg_jobs_park(rg_job_t *job)
{
    rg_msg_destroy(&job->result);
    job->parked = 1;
}

void rg_jobs_resume(rg_jobs_t *jobs)
{
    for (rg_job_t *job = jobs->first; job; job = job->next) {
        if (job->parked) job->begun = job->parked = 0;
    }
    begin_next(jobs);
}

void rg_jobs_hold(rg_jobs_t *jobs)
{
    jobs->held = 1;
}

void rg_jobs_release(rg_jobs_t *jobs)
{
    jobs->held = 0;
    begin_next(jobs);
}

int rg_jobs_fd(const rg_jobs_t *jobs)
{
    return rg_worker_fd(jobs->worker);
}

void rg_jobs_step(void *data)
{
    rg_jobs_t *jobs = data;
    rg_job_t *job = jobs->running;
    jobs->running = NULL;
    int err = rg_worker_finish(jobs->worker);
    job->kind->done(jobs->options.self, job, err);
    begin_next(jobs);
}
