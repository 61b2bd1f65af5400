// Ranks over MPI. A messenger thread carries out one collective operation after the other, in the order in
// which the training thread asks for them. It takes no core while it waits: naps grow with the wait.
#include "services/trainer/ranks.h"

#include <assert.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <mpi.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"

enum { TASKS = 32, STOP_TAG = 1 };
static const double NAP_MIN_S = 20e-6, NAP_MAX_S = 5e-3;

typedef struct task {
    void (*run)(rg_ranks_t *self, const struct task *task); // of the messenger
    void *data;                                             // [count]
    size_t count;
    MPI_Datatype type;
    MPI_Op combine; // of a reduction
    int root;       // of a broadcast
} task_t;

struct rg_ranks {
    int rank, count;
    pthread_t messenger;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    task_t task[TASKS];       // by number modulo TASKS
    uint64_t asked, finished; // tasks so far
    int open, closing;        // the messenger is there; it may go
    // of the messenger
    const atomic_int *watched; // rank 0: its stop flag
    int told;                  // rank 0: the others know that it stops
    MPI_Request word;          // the others: rank 0's, that it stops
    atomic_int stop;
};

// ---- the messenger

// A nap of an eighth of what was waited already: a long wait costs nothing, a short one is hardly longer.
static void nap(double since_s)
{
    double s = (rg_clock_s() - since_s) / 8;
    s = s < NAP_MIN_S ? NAP_MIN_S : s > NAP_MAX_S ? NAP_MAX_S : s;
    nanosleep(&(struct timespec){.tv_nsec = (long)(s * 1e9)}, NULL);
}

static void expect_word(rg_ranks_t *self)
{
    MPI_Irecv(NULL, 0, MPI_BYTE, 0, STOP_TAG, MPI_COMM_WORLD, &self->word);
}

static void tell_stop(rg_ranks_t *self, const task_t *task)
{
    (void)task;
    for (int rank = 1; rank < self->count && !self->told; rank++)
        MPI_Send(NULL, 0, MPI_BYTE, rank, STOP_TAG, MPI_COMM_WORLD);
    self->told = 1;
}

// Between other things: passes on that rank 0 stops, at both ends.
static void look_around(rg_ranks_t *self)
{
    int there = 0;
    if (self->rank == 0) {
        if (self->watched && atomic_load(self->watched)) tell_stop(self, NULL);
    } else if (!atomic_load(&self->stop)) {
        MPI_Request_get_status(self->word, &there, MPI_STATUS_IGNORE);
        atomic_store(&self->stop, there);
    }
}

static void finish(rg_ranks_t *self, MPI_Request *request)
{
    int done = 0;
    double since_s = rg_clock_s();
    while (MPI_Test(request, &done, MPI_STATUS_IGNORE), !done) {
        look_around(self);
        nap(since_s);
    }
}

static void reduce(rg_ranks_t *self, const task_t *task)
{
    MPI_Request request;
    MPI_Iallreduce(MPI_IN_PLACE, task->data, (int)task->count, task->type, task->combine, MPI_COMM_WORLD,
                   &request);
    finish(self, &request);
}

static void broadcast(rg_ranks_t *self, const task_t *task)
{
    MPI_Request request;
    MPI_Ibcast(task->data, (int)task->count, task->type, task->root, MPI_COMM_WORLD, &request);
    finish(self, &request);
}

// Floats, to their mean.
static void average(rg_ranks_t *self, const task_t *task)
{
    float *x = task->data, share = 1 / (float)self->count;
    reduce(self, task);
    for (size_t i = 0; i < task->count; i++) x[i] *= share;
}

// A word that came before is taken, and means nothing any more.
static void watch(rg_ranks_t *self, const task_t *task)
{
    self->watched = NULL;
    broadcast(self, &(task_t){.data = &self->told, .count = 1, .type = MPI_INT});
    if (self->rank == 0) {
        self->watched = task->data;
    } else if (self->told) {
        MPI_Wait(&self->word, MPI_STATUS_IGNORE);
        expect_word(self);
        atomic_store(&self->stop, 0);
    }
    self->told = 0;
}

// Waits for the next task; 0: there will be none.
static int next_task(rg_ranks_t *self, task_t *task)
{
    pthread_mutex_lock(&self->lock);
    while (self->asked == self->finished && !self->closing) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += (long)(NAP_MAX_S * 1e9);
        if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
        pthread_cond_timedwait(&self->changed, &self->lock, &until);
        look_around(self);
    }
    int any = self->asked > self->finished;
    if (any) *task = self->task[self->finished % TASKS];
    pthread_mutex_unlock(&self->lock);
    return any;
}

static void join_ranks(rg_ranks_t *self)
{
    int provided;
    MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &self->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &self->count);
    if (self->rank > 0) expect_word(self);
}

static void *run(void *argument)
{
    rg_ranks_t *self = argument;
    task_t task;
    join_ranks(self);
    pthread_mutex_lock(&self->lock);
    self->open = 1;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    while (next_task(self, &task)) {
        task.run(self, &task);
        pthread_mutex_lock(&self->lock);
        self->finished++;
        pthread_cond_broadcast(&self->changed);
        pthread_mutex_unlock(&self->lock);
    }
    if (self->rank > 0) {
        MPI_Cancel(&self->word);
        MPI_Wait(&self->word, MPI_STATUS_IGNORE);
    }
    MPI_Finalize();
    return NULL;
}

// ---- the training thread

static void ask(rg_ranks_t *self, task_t task)
{
    assert(task.count <= INT_MAX);
    pthread_mutex_lock(&self->lock);
    assert(self->asked - self->finished < TASKS);
    self->task[self->asked++ % TASKS] = task;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

static void wait_for_all(rg_ranks_t *self)
{
    pthread_mutex_lock(&self->lock);
    while (self->finished < self->asked) pthread_cond_wait(&self->changed, &self->lock);
    pthread_mutex_unlock(&self->lock);
}

void rg_ranks_begin(rg_ranks_t *self, float *x, size_t n)
{
    if (self)
        ask(self, (task_t){.run = average, .data = x, .count = n, .type = MPI_FLOAT, .combine = MPI_SUM});
}

void rg_ranks_mean(rg_ranks_t *self, double *x, int n)
{
    if (!self) return;
    ask(self, (task_t){.run = reduce, .data = x, .count = (size_t)n, .type = MPI_DOUBLE, .combine = MPI_SUM});
    wait_for_all(self);
    for (int i = 0; i < n; i++) x[i] /= self->count;
}

static void give_from(rg_ranks_t *self, int root, void *data, size_t bytes)
{
    ask(self, (task_t){.run = broadcast, .data = data, .count = bytes, .type = MPI_BYTE, .root = root});
    wait_for_all(self);
}

void rg_ranks_give(rg_ranks_t *self, void *data, size_t bytes)
{
    if (self) give_from(self, 0, data, bytes);
}

// The lowest rank that has an error, or -1.
static int find_error(rg_ranks_t *self, int err)
{
    struct {
        int fine, rank;
    } first = {!err, self->rank};
    ask(self, (task_t){.run = reduce, .data = &first, .count = 1, .type = MPI_2INT, .combine = MPI_MINLOC});
    wait_for_all(self);
    return first.fine ? -1 : first.rank;
}

int rg_ranks_agree(rg_ranks_t *self, int err)
{
    struct {
        int err;
        char sentence[512];
    } report = {.err = err};
    if (!self) return err;
    if (self->rank == 0 && err) ask(self, (task_t){.run = tell_stop});
    int rank = find_error(self, err);
    if (rank < 0) return 0;
    snprintf(report.sentence, sizeof report.sentence, "%s", rg_error());
    give_from(self, rank, &report, sizeof report);
    return rank == self->rank ? err : rg_fail(report.err, "rank %d: %s", rank, report.sentence);
}

// ---- life

// Without mpirun MPI is not touched.
static int launched(void)
{
    const char *count = getenv("OMPI_COMM_WORLD_SIZE");
    return count ? atoi(count) : 1;
}

int rg_ranks_open(rg_ranks_t **out)
{
    *out = NULL;
    if (launched() < 2) return 0;
    rg_ranks_t *self = rg_alloc(sizeof *self);
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
    if (pthread_create(&self->messenger, NULL, run, self)) {
        free(self);
        return rg_fail(RG_ELIMIT, "cannot start a thread");
    }
    pthread_mutex_lock(&self->lock);
    while (!self->open) pthread_cond_wait(&self->changed, &self->lock);
    pthread_mutex_unlock(&self->lock);
    *out = self;
    return 0;
}

void rg_ranks_close(rg_ranks_t **out)
{
    rg_ranks_t *self = *out;
    if (!self) return;
    pthread_mutex_lock(&self->lock);
    self->closing = 1;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->messenger, NULL);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *out = NULL;
}

int rg_ranks_rank(const rg_ranks_t *self)
{
    return self ? self->rank : 0;
}

int rg_ranks_count(const rg_ranks_t *self)
{
    return self ? self->count : 1;
}

void rg_ranks_watch(rg_ranks_t *self, const atomic_int *stop)
{
    if (!self) return;
    ask(self, (task_t){.run = watch, .data = (void *)stop});
    wait_for_all(self);
}

const atomic_int *rg_ranks_stop(const rg_ranks_t *self)
{
    return &self->stop;
}
