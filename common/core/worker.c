#include "common/core/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"

struct rg_worker {
    pthread_t thread;
    int event;
    int running;
    atomic_int stop;
    int (*job)(void *, const atomic_int *);
    void *self;
    int result;
    char sentence[512];
};

int rg_worker_new(rg_worker_t **out)
{
    int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event < 0) return rg_fail_errno(RG_ELIMIT, "cannot make an eventfd");
    rg_worker_t *worker = rg_alloc(sizeof *worker);
    worker->event = event;
    *out = worker;
    return 0;
}

static void join(rg_worker_t *worker)
{
    uint64_t count;
    pthread_join(worker->thread, NULL);
    if (read(worker->event, &count, sizeof count) < 0) count = 0;
    worker->running = 0;
}

void rg_worker_destroy(rg_worker_t **out)
{
    rg_worker_t *worker = *out;
    if (!worker) return;
    if (worker->running) {
        rg_worker_stop(worker);
        join(worker);
    }
    close(worker->event);
    free(worker);
    *out = NULL;
}

static void *run(void *argument)
{
    rg_worker_t *worker = argument;
    worker->result = worker->job(worker->self, &worker->stop);
    snprintf(worker->sentence, sizeof worker->sentence, "%s", rg_error());
    uint64_t one = 1;
    if (write(worker->event, &one, sizeof one) != sizeof one) abort();
    return NULL;
}

int rg_worker_start(rg_worker_t *worker, int (*job)(void *, const atomic_int *), void *self)
{
    if (worker->running) return rg_fail(RG_EBUSY, "another job is running");
    worker->job = job;
    worker->self = self;
    atomic_store(&worker->stop, 0);
    // Signals belong to the loop's thread.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&worker->thread, NULL, run, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) return rg_fail(RG_ELIMIT, "cannot start a thread");
    worker->running = 1;
    return 0;
}

int rg_worker_running(const rg_worker_t *worker)
{
    return worker->running;
}

void rg_worker_stop(rg_worker_t *worker)
{
    atomic_store(&worker->stop, 1);
}

int rg_worker_fd(const rg_worker_t *worker)
{
    return worker->event;
}

int rg_worker_finish(rg_worker_t *worker)
{
    join(worker);
    if (worker->result) return rg_fail(worker->result, "%s", worker->sentence);
    return 0;
}
