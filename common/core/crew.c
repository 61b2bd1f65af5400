#include "common/core/crew.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/err.h"

struct rg_crew {
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
    rg_crew_t *crew = argument;
    unsigned done = 0;
    pthread_mutex_lock(&crew->lock);
    for (;;) {
        while (!crew->stop && (!crew->open || crew->call == done))
            pthread_cond_wait(&crew->called, &crew->lock);
        if (crew->stop) break;
        done = crew->call;
        int i = ++crew->joined;
        crew->active++;
        pthread_mutex_unlock(&crew->lock);
        crew->work(crew->self, i);
        pthread_mutex_lock(&crew->lock);
        if (--crew->active == 0) pthread_cond_signal(&crew->finished);
    }
    pthread_mutex_unlock(&crew->lock);
    return NULL;
}

// Signals belong to the loop's thread.
static int start(rg_crew_t *crew)
{
    sigset_t all, before;
    int failed = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (; crew->helpers < crew->size - 1 && !failed; crew->helpers += !failed)
        failed = pthread_create(&crew->thread[crew->helpers], NULL, help, crew);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed ? rg_fail(RG_ELIMIT, "cannot start a thread") : 0;
}

int rg_crew_new(rg_crew_t **out, int threads)
{
    rg_crew_t *crew = rg_alloc(sizeof *crew);
    crew->size = threads > 1 ? threads : 1;
    crew->thread = rg_alloc((size_t)crew->size * sizeof *crew->thread);
    pthread_mutex_init(&crew->lock, NULL);
    pthread_cond_init(&crew->called, NULL);
    pthread_cond_init(&crew->finished, NULL);
    int err = start(crew);
    if (err)
        rg_crew_destroy(&crew);
    else
        *out = crew;
    return err;
}

void rg_crew_destroy(rg_crew_t **out)
{
    rg_crew_t *crew = *out;
    if (!crew) return;
    pthread_mutex_lock(&crew->lock);
    crew->stop = 1;
    pthread_cond_broadcast(&crew->called);
    pthread_mutex_unlock(&crew->lock);
    for (int i = 0; i < crew->helpers; i++) pthread_join(crew->thread[i], NULL);
    pthread_cond_destroy(&crew->finished);
    pthread_cond_destroy(&crew->called);
    pthread_mutex_destroy(&crew->lock);
    free(crew->thread);
    free(crew);
    *out = NULL;
}

int rg_crew_size(const rg_crew_t *crew)
{
    return crew->size;
}

void rg_crew_work(rg_crew_t *crew, void (*work)(void *self, int i), void *self)
{
    pthread_mutex_lock(&crew->lock);
    crew->work = work;
    crew->self = self;
    crew->call++;
    crew->joined = 0;
    crew->open = 1;
    pthread_cond_broadcast(&crew->called);
    pthread_mutex_unlock(&crew->lock);
    work(self, 0);
    pthread_mutex_lock(&crew->lock);
    crew->open = 0;
    while (crew->active) pthread_cond_wait(&crew->finished, &crew->lock);
    pthread_mutex_unlock(&crew->lock);
}
