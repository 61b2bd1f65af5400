// Requests that compute: queued, run one at a time on a thread of their own, and finished on the loop's
// thread, so that the loop answers meanwhile. A job stays counted until it is ended, also while it waits for
// another service's reply: the count is what bounds the memory that senders can take.
#ifndef RG_WIRE_JOBS_H
#define RG_WIRE_JOBS_H

#include "common/wire/wire.h"

typedef struct rg_jobs rg_jobs_t;
typedef struct rg_job rg_job_t;

typedef struct {
    // On the job's thread. The request is borrowed (NULL: the job has none); *result is the job's.
    int (*run)(void *self, const rg_msg_t *request, rg_msg_t **result);
    // On the loop's thread, with what run returned and its rg_error(). Ends the job, now or later.
    void (*done)(void *self, rg_job_t *job, int err);
} rg_job_kind_t;

struct rg_job {
    void *self;        // of whoever made the queue
    rg_peer_t peer;    // whom to answer; zeroed where it is the service's own job
    rg_msg_t *request; // or NULL
    rg_msg_t *result;  // owned; NULL after a failure
    // the queue's own
    const rg_job_kind_t *kind;
    rg_jobs_t *jobs;
    rg_job_t *next;
    int begun, parked;
    int runs; // how often it was begun
};

typedef struct {
    int max;                     // jobs at a time, of all senders; one sender may have half of them
    void (*prepare)(void *self); // on each job's thread, which is new, before it runs; or NULL
    void *self;                  // handed to prepare and to every run and done
} rg_jobs_options_t;

int rg_jobs_new(rg_jobs_t **jobs, const rg_jobs_options_t *options);
void rg_jobs_destroy(rg_jobs_t **jobs); // waits for the running job, ends all

// RG_EBUSY if there are too many already; the service's own jobs (peer NULL) are always taken. Keeps a
// reference to the request, which may be NULL.
int rg_jobs_add(rg_jobs_t *jobs, const rg_job_kind_t *kind, const rg_peer_t *peer, const rg_msg_t *request);
void rg_jobs_end(rg_job_t **job);
int rg_jobs_count(const rg_jobs_t *jobs);

// Puts a job aside that has run, to run again from its beginning when all that were put aside are resumed.
// Its result, if it has one, is dropped.
void rg_jobs_park(rg_job_t *job);
void rg_jobs_resume(rg_jobs_t *jobs);

// While held no further job begins.
void rg_jobs_hold(rg_jobs_t *jobs);
void rg_jobs_release(rg_jobs_t *jobs);

// For rg_service_add_fd: readable when a job has run; rg_jobs_step (jobs as self) then finishes it.
int rg_jobs_fd(const rg_jobs_t *jobs);
void rg_jobs_step(void *jobs);

#endif
