#include "common/wire/jobs.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/thread.h"

// All jobs are in one list in the order they came, from rg_jobs_add to rg_jobs_end:
//
//     waiting ──► running ──► done is called ──► ended
//        ▲                         │
//        └── rg_jobs_resume ── parked
//
// Only the loop's thread touches the list. The worker's thread sees nothing but the job that it runs.
struct rg_jobs {
    rg_jobs_options_t options;
    rg_worker_t *worker;
    TAILQ_HEAD(, rg_job) list;
    rg_job_t *running; // or NULL
    int count, held, stopping;
};

int rg_jobs_new(rg_jobs_t **out, const rg_jobs_options_t *options)
{
    rg_worker_t *worker;
    int err = rg_worker_new(&worker);
    if (err) return err;
    rg_jobs_t *jobs = rg_alloc(sizeof *jobs);
    *jobs = (rg_jobs_t){.options = *options, .worker = worker};
    TAILQ_INIT(&jobs->list);
    *out = jobs;
    return 0;
}

void rg_jobs_end(rg_job_t **out)
{
    rg_job_t *job = *out;
    TAILQ_REMOVE(&job->jobs->list, job, entry);
    job->jobs->count--;
    rg_msg_destroy(&job->request);
    rg_msg_destroy(&job->result);
    free(job);
    *out = NULL;
}

static void finish_job(rg_job_t *job, int err)
{
    if (job->kind) {
        job->kind->done(job->self, job, err);
        return;
    }
    void (*done)(void *self, int err) = job->task_done;
    void *self = job->self;
    rg_jobs_end(&job);
    done(self, err);
}

void rg_jobs_destroy(rg_jobs_t **out)
{
    rg_jobs_t *jobs = *out;
    if (!jobs) return;
    jobs->stopping = 1;
    rg_worker_destroy(&jobs->worker);
    for (rg_job_t *job; (job = TAILQ_FIRST(&jobs->list)) != NULL;) {
        if (job->kind)
            rg_jobs_end(&job);
        else
            finish_job(job, rg_fail(RG_ESTOPPED, "the service is stopping"));
    }
    free(jobs);
    *out = NULL;
}

int rg_jobs_count(const rg_jobs_t *jobs)
{
    return jobs->count;
}

// ---- running
static int run_job(void *data, const atomic_int *stop)
{
    rg_job_t *job = data;
    const rg_jobs_options_t *options = &job->jobs->options;
    (void)stop;
    if (options->prepare) options->prepare(options->self);
    return job->kind ? job->kind->run(job->self, job->request, &job->result) : job->run_task(job->self);
}

// The job that may begin now, or NULL.
static rg_job_t *next_job(const rg_jobs_t *jobs)
{
    rg_job_t *job = TAILQ_FIRST(&jobs->list);
    while (job && job->begun) job = TAILQ_NEXT(job, entry);
    return jobs->held || jobs->running || jobs->stopping ? NULL : job;
}

static int start_job(rg_jobs_t *jobs, rg_job_t *job)
{
    int err = rg_worker_start(jobs->worker, run_job, job);
    job->begun = 1;
    job->runs++;
    if (!err) jobs->running = job;
    return err;
}

// A job that gets no thread is finished with that error.
static void start_next(rg_jobs_t *jobs)
{
    for (rg_job_t *job; (job = next_job(jobs)) != NULL;) {
        int err = start_job(jobs, job);
        if (err) finish_job(job, err);
    }
}

int rg_jobs_fd(const rg_jobs_t *jobs)
{
    return rg_worker_fd(jobs->worker);
}

void rg_jobs_step(void *data)
{
    rg_jobs_t *jobs = data;
    rg_job_t *job = jobs->running;
    int err = rg_worker_finish(jobs->worker);
    jobs->running = NULL;
    finish_job(job, err);
    start_next(jobs);
}

// ---- queueing
static rg_job_t *append_job(rg_jobs_t *jobs, const rg_job_t *job)
{
    rg_job_t *copy = rg_alloc(sizeof *copy);
    *copy = *job;
    copy->jobs = jobs;
    TAILQ_INSERT_TAIL(&jobs->list, copy, entry);
    jobs->count++;
    return copy;
}

static int check_capacity(const rg_jobs_t *jobs, const rg_peer_t *peer)
{
    int own = 0, max = jobs->options.max;
    const rg_job_t *job;
    TAILQ_FOREACH(job, &jobs->list, entry) own += job->peer.client == peer->client;
    if (jobs->count < max && own < (max + 1) / 2) return 0;
    return rg_fail(RG_EBUSY, "%d requests are waiting already, %d of them from here; try again later",
                   jobs->count, own);
}

int rg_jobs_add(rg_jobs_t *jobs, const rg_job_kind_t *kind, const rg_peer_t *peer, const rg_msg_t *request)
{
    int err = peer ? check_capacity(jobs, peer) : 0;
    if (err) return err;
    append_job(jobs, &(rg_job_t){.self = jobs->options.self,
                                 .kind = kind,
                                 .peer = peer ? *peer : (rg_peer_t){.id = 0},
                                 .request = request ? rg_msg_retain(request) : NULL});
    start_next(jobs);
    return 0;
}

int rg_jobs_add_task(rg_jobs_t *jobs, int (*run)(void *self), void (*done)(void *self, int err), void *self)
{
    if (jobs->stopping) return rg_fail(RG_ESTOPPED, "the service is stopping");
    if (jobs->count >= jobs->options.max)
        return rg_fail(RG_EBUSY, "%d tasks are waiting already; try again later", jobs->count);
    rg_job_t *job = append_job(jobs, &(rg_job_t){.self = self, .run_task = run, .task_done = done});
    int err = next_job(jobs) == job ? start_job(jobs, job) : 0;
    if (err) rg_jobs_end(&job);
    return err;
}

// ---- park and hold
void rg_jobs_park(rg_job_t *job)
{
    rg_msg_destroy(&job->result);
    job->parked = 1;
}

void rg_jobs_resume(rg_jobs_t *jobs)
{
    rg_job_t *job;
    TAILQ_FOREACH(job, &jobs->list, entry)
    if (job->parked) job->begun = job->parked = 0;
    start_next(jobs);
}

void rg_jobs_hold(rg_jobs_t *jobs)
{
    jobs->held = 1;
}

void rg_jobs_release(rg_jobs_t *jobs)
{
    jobs->held = 0;
    start_next(jobs);
}
