// Threads: a pool that shares one short piece of work; a worker that runs one long job beside a loop; and how a long
// job gives way to others. Pool and worker block all signals in their threads: the signals of a process are handled
// by its main thread.
#ifndef RG_CORE_THREAD_H
#define RG_CORE_THREAD_H

#include <stdatomic.h>

// ---- thread pool

// Threads that share work of about a millisecond. The calling thread starts at once; the other threads join
// while the work lasts. A thread that the system schedules too late is not waited for.
typedef struct rg_thread_pool rg_thread_pool_t;

// threads: their number, including the calling thread. RG_ELIMIT.
int rg_thread_pool_new(rg_thread_pool_t **pool, int threads);
void rg_thread_pool_destroy(rg_thread_pool_t **pool);

int rg_thread_pool_size(const rg_thread_pool_t *pool); // the number of threads, including the calling one

// Calls work(self, 0) on this thread and work(self, i), i in 1..size-1, on each thread that joins. Returns
// when all these calls have returned; only the first is certain to happen. The calls must divide the work
// among themselves and return when nothing is left. Use it from one thread at a time.
void rg_thread_pool_run(rg_thread_pool_t *pool, void (*work)(void *self, int i), void *self);

// ---- worker

// One long job on a thread of its own, so that the loop of a service answers while the job runs.
//
//   loop thread:  rg_worker_start ... rg_worker_fd becomes readable -> rg_worker_finish
//                 (rg_worker_stop asks the job to end early)
//   job thread:   checks *stop between its steps; its rg_error() reaches the loop through rg_worker_finish
typedef struct rg_worker rg_worker_t;

int rg_worker_new(rg_worker_t **worker);      // RG_ELIMIT
void rg_worker_destroy(rg_worker_t **worker); // stops a running job and waits for it; keeps rg_error()

// Runs job(self, stop) on the worker's thread, which begins with the first job. RG_EBUSY if a job is running,
// RG_ELIMIT.
int rg_worker_start(rg_worker_t *worker, int (*job)(void *self, const atomic_int *stop), void *self);
int rg_worker_running(const rg_worker_t *worker);
void rg_worker_stop(rg_worker_t *worker);

// Becomes readable when the job has returned.
int rg_worker_fd(const rg_worker_t *worker);

// Takes the result of the job, for which it waits. Returns what the job returned; rg_error() is the job's.
int rg_worker_finish(rg_worker_t *worker);

// ---- giving way

// A job that is cut into steps gives its core to threads that wait for one, as long as they have it for less than a
// quarter of the time that the job has: beside threads that never sleep it keeps four fifths of its speed.
typedef struct {
    double at_ms, credit_ms; // the last step; how long others may have the core from now on
} rg_courtesy_t;

// Call it after each step: the shorter the steps, the less the others wait. courtesy: zeroed before the first step.
void rg_give_way(rg_courtesy_t *courtesy);

#endif
