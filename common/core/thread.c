// How the pool shares work. `round` numbers the calls of rg_thread_pool_run; the lock guards all fields.
//
//   caller                                   each pool thread
//   sets work, round + 1, open = 1           waits on `called` until open and the round is new to it
//   broadcasts `called`, unlocks             takes the next number, active + 1, unlocks
//   runs work(self, 0)                       runs work(self, number)
//   open = 0: no thread joins any more       locks, active - 1; the last one signals `finished`
//   waits on `finished` until active is 0
//
// A thread that wakes after `open` fell back to 0 waits for the next round, so a late thread costs nothing.
// The caller's return from rg_thread_pool_run happens after all calls of work, through the lock.
//
// How the worker ends a job. The job's thread writes to an eventfd when the job has returned; a loop polls
// that descriptor beside its sockets and then joins the thread. Only the loop's thread touches `running`; the
// stop flag is the only field that both threads use while the job runs.
#include "common/core/thread.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"

// Starts a thread with all signals blocked. RG_ELIMIT.
static int thread_start(pthread_t *thread, void *(*entry)(void *), void *argument)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(thread, NULL, entry, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed ? rg_fail(RG_ELIMIT, "cannot start a thread") : 0;
}

// ---- thread pool

struct rg_thread_pool {
    int size, started; // threads including the caller's; threads of the pool that run
    pthread_t *thread; // [size-1]
    pthread_mutex_t lock;
    pthread_cond_t called, finished;
    void (*work)(void *self, int i); // of the current round
    void *self;
    unsigned round;
    int open;           // 1: threads may join the round
    int joined, active; // threads that joined it; of them, those that still work
    int stop;           // the pool is being destroyed
};

static void *pool_thread(void *argument)
{
    rg_thread_pool_t *pool = argument;
    unsigned done = 0;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->stop && (!pool->open || pool->round == done))
            pthread_cond_wait(&pool->called, &pool->lock);
        if (pool->stop) break;
        done = pool->round;
        int i = ++pool->joined;
        pool->active++;
        pthread_mutex_unlock(&pool->lock);
        pool->work(pool->self, i);
        pthread_mutex_lock(&pool->lock);
        if (--pool->active == 0) pthread_cond_signal(&pool->finished);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

int rg_thread_pool_new(rg_thread_pool_t **out, int threads)
{
    rg_thread_pool_t *pool = rg_alloc(sizeof *pool);
    pool->size = threads > 1 ? threads : 1;
    pool->thread = rg_alloc((size_t)pool->size * sizeof *pool->thread);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->called, NULL);
    pthread_cond_init(&pool->finished, NULL);
    int err = 0;
    for (; pool->started < pool->size - 1 && !err; pool->started += !err)
        err = thread_start(&pool->thread[pool->started], pool_thread, pool);
    if (err)
        rg_thread_pool_destroy(&pool);
    else
        *out = pool;
    return err;
}

void rg_thread_pool_destroy(rg_thread_pool_t **out)
{
    rg_thread_pool_t *pool = *out;
    if (!pool) return;
    pthread_mutex_lock(&pool->lock);
    pool->stop = 1;
    pthread_cond_broadcast(&pool->called);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->started; i++) pthread_join(pool->thread[i], NULL);
    pthread_cond_destroy(&pool->finished);
    pthread_cond_destroy(&pool->called);
    pthread_mutex_destroy(&pool->lock);
    free(pool->thread);
    free(pool);
    *out = NULL;
}

int rg_thread_pool_size(const rg_thread_pool_t *pool)
{
    return pool->size;
}

void rg_thread_pool_run(rg_thread_pool_t *pool, void (*work)(void *self, int i), void *self)
{
    pthread_mutex_lock(&pool->lock);
    pool->work = work;
    pool->self = self;
    pool->round++;
    pool->joined = 0;
    pool->open = 1;
    pthread_cond_broadcast(&pool->called);
    pthread_mutex_unlock(&pool->lock);
    work(self, 0);
    pthread_mutex_lock(&pool->lock);
    pool->open = 0;
    while (pool->active) pthread_cond_wait(&pool->finished, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

// ---- worker

struct rg_worker {
    pthread_t thread;
    int event;   // eventfd, readable when the job has returned
    int running; // from start until the thread is joined
    atomic_int stop;
    int (*job)(void *, const atomic_int *);
    void *self;
    rg_failure_t failure; // of the job, with its sentence
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

static void worker_join(rg_worker_t *worker)
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
        worker_join(worker);
    }
    close(worker->event);
    free(worker);
    *out = NULL;
}

static void *worker_thread(void *argument)
{
    rg_worker_t *worker = argument;
    rg_failure_keep(&worker->failure, worker->job(worker->self, &worker->stop));
    uint64_t one = 1;
    if (write(worker->event, &one, sizeof one) != sizeof one) abort();
    return NULL;
}

int rg_worker_start(rg_worker_t *worker, int (*job)(void *, const atomic_int *), void *self)
{
    if (worker->running) return rg_fail(RG_EBUSY, "another job is running");
    worker->job = job;
    worker->self = self;
    worker->failure = (rg_failure_t){0};
    atomic_store(&worker->stop, 0);
    int err = thread_start(&worker->thread, worker_thread, worker);
    worker->running = !err;
    return err;
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
    worker_join(worker);
    return rg_failure_raise(&worker->failure);
}
