// Ranks over MPI (ranks.h). A messenger thread is the only one that calls MPI, so that averaging goes on
// while the training thread computes:
//
//   training thread                          messenger
//   post_task: append to the queue    ->     next_task: one collective operation after the other, in the order
//   wait_for_tasks: all are finished  <-     of posting, which is the same on every rank
//
// The messenger polls MPI instead of blocking in it (await_request), for two reasons: it takes no core while
// it waits, since it sleeps an eighth of the time that it has waited already, and between polls it passes on
// that rank 0 stops (forward_stop). That notice is a message of its own, STOP_TAG, from rank 0 to each other
// rank, outside the order of the collective operations. Rank 0 sends it at most once per job; the others keep
// one receive posted for it.
#include "services/trainer/ranks.h"

#include <assert.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <mpi.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"

enum { TASKS = 32, STOP_TAG = 1 };
static const double SLEEP_MIN_S = 20e-6, SLEEP_MAX_S = 5e-3;

typedef struct task {
    void (*run)(rg_ranks_t *self, const struct task *task); // called by the messenger
    void *data;                                             // [count], borrowed until the task is finished
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
    task_t task[TASKS];        // task number i is at i % TASKS
    uint64_t posted, finished; // tasks so far
    int open, closing;         // the messenger has joined the ranks; it is to end
    // used by the messenger only, but for stop
    const atomic_int *watched; // rank 0: its stop flag, or NULL
    int stop_sent;             // rank 0: the others have been sent the notice
    MPI_Request notice;        // the others: receives the notice
    atomic_int stop;           // the others: the notice has come
};

// ---- the messenger

// Sleeps for an eighth of the time waited since then: a long wait takes no core, a short one is hardly
// longer.
static void sleep_since(double since_s)
{
    double s = (rg_clock_s() - since_s) / 8;
    s = s < SLEEP_MIN_S ? SLEEP_MIN_S : s > SLEEP_MAX_S ? SLEEP_MAX_S : s;
    nanosleep(&(struct timespec){.tv_nsec = (long)(s * 1e9)}, NULL);
}

static void receive_notice(rg_ranks_t *self)
{
    MPI_Irecv(NULL, 0, MPI_BYTE, 0, STOP_TAG, MPI_COMM_WORLD, &self->notice);
}

static void send_notice(rg_ranks_t *self, const task_t *task)
{
    (void)task;
    for (int rank = 1; rank < self->count && !self->stop_sent; rank++)
        MPI_Send(NULL, 0, MPI_BYTE, rank, STOP_TAG, MPI_COMM_WORLD);
    self->stop_sent = 1;
}

// Rank 0 sends the notice if its flag is set; the others set theirs if the notice has come.
static void forward_stop(rg_ranks_t *self)
{
    int there = 0;
    if (self->rank == 0) {
        if (self->watched && atomic_load(self->watched)) send_notice(self, NULL);
    } else if (!atomic_load(&self->stop)) {
        MPI_Request_get_status(self->notice, &there, MPI_STATUS_IGNORE);
        atomic_store(&self->stop, there);
    }
}

static void await_request(rg_ranks_t *self, MPI_Request *request)
{
    int done = 0;
    double since_s = rg_clock_s();
    while (MPI_Test(request, &done, MPI_STATUS_IGNORE), !done) {
        forward_stop(self);
        sleep_since(since_s);
    }
}

static void reduce_task(rg_ranks_t *self, const task_t *task)
{
    MPI_Request request;
    MPI_Iallreduce(MPI_IN_PLACE, task->data, (int)task->count, task->type, task->combine, MPI_COMM_WORLD,
                   &request);
    await_request(self, &request);
}

static void broadcast_task(rg_ranks_t *self, const task_t *task)
{
    MPI_Request request;
    MPI_Ibcast(task->data, (int)task->count, task->type, task->root, MPI_COMM_WORLD, &request);
    await_request(self, &request);
}

// Sum of floats, divided by the number of ranks.
static void average_task(rg_ranks_t *self, const task_t *task)
{
    float *x = task->data, share = 1 / (float)self->count;
    reduce_task(self, task);
    for (size_t i = 0; i < task->count; i++) x[i] *= share;
}

// A new job begins, or one has ended: a notice of the one before no longer counts. All ranks learn whether
// there was one, and then receive it, so that each notice is received in the job that it was sent in.
static void watch_task(rg_ranks_t *self, const task_t *task)
{
    self->watched = NULL;
    broadcast_task(self, &(task_t){.data = &self->stop_sent, .count = 1, .type = MPI_INT});
    if (self->rank == 0) {
        self->watched = task->data;
    } else if (self->stop_sent) {
        MPI_Wait(&self->notice, MPI_STATUS_IGNORE);
        receive_notice(self);
        atomic_store(&self->stop, 0);
    }
    self->stop_sent = 0;
}

// Waits for the next task. 0: the ranks are closed.
static int next_task(rg_ranks_t *self, task_t *task)
{
    pthread_mutex_lock(&self->lock);
    while (self->posted == self->finished && !self->closing) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += (long)(SLEEP_MAX_S * 1e9);
        if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
        pthread_cond_timedwait(&self->changed, &self->lock, &until);
        forward_stop(self);
    }
    int any = self->posted > self->finished;
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
    if (self->rank > 0) receive_notice(self);
}

static void *messenger_run(void *argument)
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
        MPI_Cancel(&self->notice);
        MPI_Wait(&self->notice, MPI_STATUS_IGNORE);
    }
    MPI_Finalize();
    return NULL;
}

// ---- the training thread

static void post_task(rg_ranks_t *self, task_t task)
{
    assert(task.count <= INT_MAX);
    pthread_mutex_lock(&self->lock);
    assert(self->posted - self->finished < TASKS);
    self->task[self->posted++ % TASKS] = task;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

static void wait_for_tasks(rg_ranks_t *self)
{
    pthread_mutex_lock(&self->lock);
    while (self->finished < self->posted) pthread_cond_wait(&self->changed, &self->lock);
    pthread_mutex_unlock(&self->lock);
}

void rg_ranks_begin_mean(rg_ranks_t *self, float *x, size_t n)
{
    if (self)
        post_task(
            self,
            (task_t){.run = average_task, .data = x, .count = n, .type = MPI_FLOAT, .combine = MPI_SUM});
}

void rg_ranks_mean(rg_ranks_t *self, double *x, int n)
{
    if (!self) return;
    post_task(
        self,
        (task_t){.run = reduce_task, .data = x, .count = (size_t)n, .type = MPI_DOUBLE, .combine = MPI_SUM});
    wait_for_tasks(self);
    for (int i = 0; i < n; i++) x[i] /= self->count;
}

static void broadcast_from(rg_ranks_t *self, int root, void *data, size_t bytes)
{
    post_task(self,
              (task_t){.run = broadcast_task, .data = data, .count = bytes, .type = MPI_BYTE, .root = root});
    wait_for_tasks(self);
}

void rg_ranks_broadcast(rg_ranks_t *self, void *data, size_t bytes)
{
    if (self) broadcast_from(self, 0, data, bytes);
}

// The lowest rank that has an error, or -1.
static int lowest_failed_rank(rg_ranks_t *self, int err)
{
    struct {
        int fine, rank;
    } first = {!err, self->rank};
    post_task(
        self,
        (task_t){.run = reduce_task, .data = &first, .count = 1, .type = MPI_2INT, .combine = MPI_MINLOC});
    wait_for_tasks(self);
    return first.fine ? -1 : first.rank;
}

int rg_ranks_agree(rg_ranks_t *self, int err)
{
    rg_failure_t failure = {0};
    if (!self) return err;
    if (self->rank == 0 && err) post_task(self, (task_t){.run = send_notice});
    int rank = lowest_failed_rank(self, err);
    if (rank < 0) return 0;
    rg_failure_keep(&failure, err);
    broadcast_from(self, rank, &failure, sizeof failure);
    return rank == self->rank ? err : rg_fail(failure.err, "rank %d: %s", rank, failure.sentence);
}

// ---- life

// How many ranks mpirun started. Without mpirun this process never calls MPI.
static int launched_ranks(void)
{
    const char *count = getenv("OMPI_COMM_WORLD_SIZE");
    return count ? atoi(count) : 1;
}

int rg_ranks_open(rg_ranks_t **out)
{
    *out = NULL;
    if (launched_ranks() < 2) return 0;
    rg_ranks_t *self = rg_alloc(sizeof *self);
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
    if (pthread_create(&self->messenger, NULL, messenger_run, self)) {
        free(self);
        return rg_fail(RG_ELIMIT, "cannot start the thread that averages over the ranks");
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
    post_task(self, (task_t){.run = watch_task, .data = (void *)stop});
    wait_for_tasks(self);
}

const atomic_int *rg_ranks_stop(const rg_ranks_t *self)
{
    return &self->stop;
}
