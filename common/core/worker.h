// One long job on a thread of its own, so that a service's loop goes on answering while it runs.
//
//   loop thread:  rg_worker_start ... fd readable -> rg_worker_finish   (rg_worker_stop to ask it to end
//   early) job thread:   checks *rg_worker_stop_flag between steps; its rg_error() sentence is carried over
#ifndef RG_CORE_WORKER_H
#define RG_CORE_WORKER_H

#include <stdatomic.h>

typedef struct rg_worker rg_worker_t;

int rg_worker_new(rg_worker_t **worker);
void rg_worker_destroy(rg_worker_t **worker); // asks a running job to stop and waits; rg_error() stays

// Runs job(self, stop) on a new thread. RG_EBUSY if one is running.
int rg_worker_start(rg_worker_t *worker, int (*job)(void *self, const atomic_int *stop), void *self);
int rg_worker_running(const rg_worker_t *worker);
void rg_worker_stop(rg_worker_t *worker);

// Becomes readable when the job has returned.
int rg_worker_fd(const rg_worker_t *worker);

// Joins the returned job and gives what it returned; its sentence is this thread's rg_error().
int rg_worker_finish(rg_worker_t *worker);

#endif
