// A queue of jobs that compute. Jobs run one at a time on a thread of their own and are finished on the
// loop's thread, so that the service answers meanwhile.
//
// A job is a request of a peer (rg_jobs_add) or any other work (rg_jobs_add_task). It counts until it is
// ended, also while it waits for another service's reply: the count bounds the memory that peers can make a
// service hold.
#ifndef RG_WIRE_JOBS_H
#define RG_WIRE_JOBS_H

#include <sys/queue.h>

#include "common/wire/wire.h"

typedef struct rg_jobs rg_jobs_t;
typedef struct rg_job rg_job_t;

typedef struct {
    int max;                     // jobs at a time; one client may have half of them
    void (*prepare)(void *self); // called on each job's thread, which is new, before the job; or NULL
    void *self;                  // for prepare and for every run and done of a request
} rg_jobs_options_t;

// RG_ELIMIT.
int rg_jobs_new(rg_jobs_t **jobs, const rg_jobs_options_t *options);

// Waits for the running job and ends all jobs: requests without calling done, tasks with RG_ESTOPPED.
void rg_jobs_destroy(rg_jobs_t **jobs);

// For rg_service_add_fd: readable when a job has run; rg_jobs_step (jobs as self) then finishes it.
int rg_jobs_fd(const rg_jobs_t *jobs);
void rg_jobs_step(void *jobs);

int rg_jobs_count(const rg_jobs_t *jobs);

// ---- requests
typedef struct {
    // On the job's thread. request is borrowed (NULL: the job has none); *result becomes the job's.
    int (*run)(void *self, const rg_msg_t *request, rg_msg_t **result);
    // On the loop's thread, with what run returned and its rg_error(). Ends the job, now or later.
    void (*done)(void *self, rg_job_t *job, int err);
} rg_job_kind_t;

struct rg_job {
    void *self;        // of rg_jobs_options_t
    rg_peer_t peer;    // to answer; zeroed for a job of the service itself
    rg_msg_t *request; // or NULL
    rg_msg_t *result;  // owned; NULL after a failure
    // private
    TAILQ_ENTRY(rg_job) entry;
    const rg_job_kind_t *kind; // NULL: a task
    int (*run_task)(void *self);
    void (*task_done)(void *self, int err);
    rg_jobs_t *jobs;
    int begun, parked;
    int runs; // how often it was begun
};

// Queues a request and keeps a reference to it (NULL: none). RG_EBUSY if too many jobs wait already; jobs
// of the service itself (peer NULL) are always taken.
int rg_jobs_add(rg_jobs_t *jobs, const rg_job_kind_t *kind, const rg_peer_t *peer, const rg_msg_t *request);
void rg_jobs_end(rg_job_t **job);

// Puts a job that has run aside. rg_jobs_resume makes all such jobs run again from the beginning, for
// example after another model was loaded. The result of a parked job is dropped.
void rg_jobs_park(rg_job_t *job);
void rg_jobs_resume(rg_jobs_t *jobs);

// No job begins between hold and release. The running one is not affected.
void rg_jobs_hold(rg_jobs_t *jobs);
void rg_jobs_release(rg_jobs_t *jobs);

// ---- tasks
// Queues work that is not a message request. run(self) is called on the job's thread, done(self, err) on
// the loop's thread with what run returned and its rg_error(); the job has ended then. When the queue is
// destroyed, done gets RG_ESTOPPED. RG_EBUSY if too many jobs wait already, RG_ESTOPPED, RG_ELIMIT: done is
// not called.
int rg_jobs_add_task(rg_jobs_t *jobs, int (*run)(void *self), void (*done)(void *self, int err), void *self);

#endif
