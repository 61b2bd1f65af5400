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
// How the worker's thread and the loop speak: through `job`, which the loop sets and the thread takes under the lock,
// and through an eventfd, which the thread writes to when the job has returned, and which a loop polls beside its
// sockets. The thread stays for the next job: a new one for each would have to make its OpenMP threads anew, and the
// loop would wait until the system has run the end of the old one.
#include "common/core/thread.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
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
    int started; // the thread runs, since the first job
    int running; // from the start of a job until it is finished; only the loop's thread looks at it
    int event;   // eventfd, readable when the job has returned
    atomic_int stop;
    pthread_mutex_t lock; // of all that follows
    pthread_cond_t called;
    int (*job)(void *, const atomic_int *); // to be taken by the thread, or NULL
    void *self;
    int quit;
    rg_failure_t failure; // of the job, with its sentence
};

int rg_worker_new(rg_worker_t **out)
{
    int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event < 0) return rg_fail_errno(RG_ELIMIT, "cannot make an eventfd");
    rg_worker_t *worker = rg_alloc(sizeof *worker);
    worker->event = event;
    pthread_mutex_init(&worker->lock, NULL);
    pthread_cond_init(&worker->called, NULL);
    *out = worker;
    return 0;
}

static void quit_thread(rg_worker_t *worker)
{
    pthread_mutex_lock(&worker->lock);
    worker->quit = 1;
    pthread_cond_signal(&worker->called);
    pthread_mutex_unlock(&worker->lock);
    pthread_join(worker->thread, NULL);
}

void rg_worker_destroy(rg_worker_t **out)
{
    rg_worker_t *worker = *out;
    if (!worker) return;
    rg_worker_stop(worker);
    if (worker->started) quit_thread(worker);
    pthread_cond_destroy(&worker->called);
    pthread_mutex_destroy(&worker->lock);
    close(worker->event);
    free(worker);
    *out = NULL;
}

static void run_worker_job(rg_worker_t *worker)
{
    int (*job)(void *, const atomic_int *) = worker->job;
    void *self = worker->self;
    worker->job = NULL;
    pthread_mutex_unlock(&worker->lock);
    rg_failure_t failure = {0};
    rg_failure_keep(&failure, job(self, &worker->stop));
    pthread_mutex_lock(&worker->lock);
    worker->failure = failure;
    uint64_t one = 1;
    if (write(worker->event, &one, sizeof one) != sizeof one) abort();
}

// A job that was given is run even if the worker is to quit: its caller has to learn that it was stopped.
static void *worker_thread(void *argument)
{
    rg_worker_t *worker = argument;
    pthread_mutex_lock(&worker->lock);
    for (;;) {
        while (!worker->job && !worker->quit) pthread_cond_wait(&worker->called, &worker->lock);
        if (!worker->job) break;
        run_worker_job(worker);
    }
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}

int rg_worker_start(rg_worker_t *worker, int (*job)(void *, const atomic_int *), void *self)
{
    if (worker->running) return rg_fail(RG_EBUSY, "another job is running");
    int err = worker->started ? 0 : thread_start(&worker->thread, worker_thread, worker);
    if (err) return err;
    worker->started = worker->running = 1;
    atomic_store(&worker->stop, 0);
    pthread_mutex_lock(&worker->lock);
    worker->job = job;
    worker->self = self;
    pthread_cond_signal(&worker->called);
    pthread_mutex_unlock(&worker->lock);
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
    struct pollfd returned = {.fd = worker->event, .events = POLLIN};
    uint64_t count;
    while (read(worker->event, &count, sizeof count) < 0) poll(&returned, 1, -1);
    worker->running = 0;
    pthread_mutex_lock(&worker->lock);
    rg_failure_t failure = worker->failure;
    pthread_mutex_unlock(&worker->lock);
    return rg_failure_raise(&failure);
}

// ---- giving way

void rg_give_way(rg_courtesy_t *courtesy)
{
    const double most_ms = 10, now_ms = rg_clock_ms(),
                 credit_ms = courtesy->credit_ms + (now_ms - courtesy->at_ms) / 4;
    courtesy->at_ms = now_ms;
    courtesy->credit_ms = credit_ms < most_ms ? credit_ms : most_ms;
    if (credit_ms <= 0) return;
    sched_yield();
    courtesy->at_ms = rg_clock_ms();
    courtesy->credit_ms -= courtesy->at_ms - now_ms;
}
