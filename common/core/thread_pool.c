#include "common/core/thread_pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/err.h"

struct rg_thread_pool {
    int size, helpers; // helpers: threads that were started
    pthread_t *thread; // [size-1]
    pthread_mutex_t lock;
    pthread_cond_t called, finished;
    // the present work
    void (*work)(void *self, int i);
    void *self;
    unsigned call; // number of the work
    int open;      // helpers may still join
    int joined, active;
    int stop;
};

static void *help(void *argument)
{
    rg_thread_pool_t *pool = argument;
    unsigned done = 0;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->stop && (!pool->open || pool->call == done))
            pthread_cond_wait(&pool->called, &pool->lock);
        if (pool->stop) break;
        done = pool->call;
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

// Signals belong to the loop's thread.
static int start(rg_thread_pool_t *pool)
{
    sigset_t all, before;
    int failed = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (; pool->helpers < pool->size - 1 && !failed; pool->helpers += !failed)
        failed = pthread_create(&pool->thread[pool->helpers], NULL, help, pool);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed ? rg_fail(RG_ELIMIT, "cannot start a thread") : 0;
}

int rg_thread_pool_new(rg_thread_pool_t **out, int threads)
{
    rg_thread_pool_t *pool = rg_alloc(sizeof *pool);
    pool->size = threads > 1 ? threads : 1;
    pool->thread = rg_alloc((size_t)pool->size * sizeof *pool->thread);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->called, NULL);
    pthread_cond_init(&pool->finished, NULL);
    int err = start(pool);
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
    for (int i = 0; i < pool->helpers; i++) pthread_join(pool->thread[i], NULL);
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
    pool->call++;
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
