#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#include "common/core/err.h"
#include "common/core/thread.h"
#include "tests/support/test.h"

enum { ITEMS = 1000, CALLS = 200 };

typedef struct {
    atomic_int next, calls[4];
    atomic_int taken[ITEMS];
} work_t;

static void take_items(void *self, int i)
{
    work_t *work = self;
    atomic_fetch_add(&work->calls[i], 1);
    for (int item; (item = atomic_fetch_add(&work->next, 1)) < ITEMS;)
        atomic_fetch_add(&work->taken[item], 1);
}

static void all_work_is_done_once(void **state)
{
    (void)state;
    rg_thread_pool_t *pool;
    assert_int_equal(rg_thread_pool_new(&pool, 4), 0);
    assert_int_equal(rg_thread_pool_size(pool), 4);
    for (int call = 0; call < CALLS; call++) {
        static work_t empty, work;
        work = empty;
        rg_thread_pool_run(pool, take_items, &work);
        for (int i = 0; i < ITEMS; i++) assert_int_equal(work.taken[i], 1);
        assert_int_equal(work.calls[0], 1);
        for (int i = 1; i < 4; i++) assert_true(work.calls[i] <= 1);
    }
    rg_thread_pool_destroy(&pool);
    assert_null(pool);
    rg_thread_pool_destroy(&pool);
}

// The calling thread waits inside its own part until the other thread has joined.
static void wait_for_the_other(void *self, int i)
{
    work_t *work = self;
    atomic_fetch_add(&work->calls[i], 1);
    while (!atomic_load(&work->calls[1])) sched_yield();
}

static void a_pool_thread_joins(void **state)
{
    (void)state;
    rg_thread_pool_t *pool;
    work_t work = {0};
    assert_int_equal(rg_thread_pool_new(&pool, 2), 0);
    rg_thread_pool_run(pool, wait_for_the_other, &work);
    assert_int_equal(work.calls[0], 1);
    assert_int_equal(work.calls[1], 1);
    rg_thread_pool_destroy(&pool);
}

static void a_pool_of_one_thread_works(void **state)
{
    (void)state;
    rg_thread_pool_t *pool;
    work_t work = {0};
    assert_int_equal(rg_thread_pool_new(&pool, 1), 0);
    rg_thread_pool_run(pool, take_items, &work);
    assert_int_equal(work.calls[0], 1);
    assert_int_equal(work.next, ITEMS + 1);
    rg_thread_pool_destroy(&pool);
}

typedef struct {
    atomic_int begun, calls;
} job_t;

static int succeed(void *self, const atomic_int *stop)
{
    (void)stop;
    atomic_fetch_add(&((job_t *)self)->calls, 1);
    return 0;
}

static int diverge(void *self, const atomic_int *stop)
{
    (void)self, (void)stop;
    return rg_fail(RG_ENUMERIC, "loss is nan at iteration %d", 12);
}

static int until_stopped(void *self, const atomic_int *stop)
{
    atomic_store(&((job_t *)self)->begun, 1);
    while (!atomic_load(stop)) sched_yield();
    return rg_fail(RG_ESTOPPED, "stopped");
}

static int blocks_signals(void *self, const atomic_int *stop)
{
    (void)self, (void)stop;
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    return sigismember(&mask, SIGTERM) ? 0 : rg_fail(RG_EINVAL, "SIGTERM would end up here");
}

static int note_thread(void *self, const atomic_int *stop)
{
    (void)stop;
    *(pthread_t *)self = pthread_self();
    return 0;
}

static int returned(rg_worker_t *worker, int timeout_ms)
{
    struct pollfd fd = {.fd = rg_worker_fd(worker), .events = POLLIN};
    return poll(&fd, 1, timeout_ms) == 1;
}

static void a_finished_job_makes_the_descriptor_readable(void **state)
{
    (void)state;
    rg_worker_t *worker;
    job_t job = {0};
    assert_int_equal(rg_worker_new(&worker), 0);
    assert_false(returned(worker, 0));
    for (int round = 1; round <= 3; round++) {
        assert_int_equal(rg_worker_start(worker, succeed, &job), 0);
        assert_true(rg_worker_running(worker));
        assert_true(returned(worker, -1));
        assert_int_equal(rg_worker_finish(worker), 0);
        assert_false(rg_worker_running(worker));
        assert_false(returned(worker, 0));
        assert_int_equal(job.calls, round);
    }
    rg_worker_destroy(&worker);
    assert_null(worker);
}

// What a thread has made for itself, as OpenMP's threads, serves all jobs.
static void all_jobs_run_on_one_thread(void **state)
{
    (void)state;
    rg_worker_t *worker;
    pthread_t first, next;
    assert_int_equal(rg_worker_new(&worker), 0);
    assert_int_equal(rg_worker_start(worker, note_thread, &first), 0);
    assert_int_equal(rg_worker_finish(worker), 0);
    assert_false(pthread_equal(first, pthread_self()));
    for (int round = 0; round < 3; round++) {
        assert_int_equal(rg_worker_start(worker, note_thread, &next), 0);
        assert_int_equal(rg_worker_finish(worker), 0);
        assert_true(pthread_equal(first, next));
    }
    rg_worker_destroy(&worker);
}

static void a_failure_comes_with_its_sentence(void **state)
{
    (void)state;
    rg_worker_t *worker;
    assert_int_equal(rg_worker_new(&worker), 0);
    assert_int_equal(rg_worker_start(worker, diverge, NULL), 0);
    assert_true(returned(worker, -1));
    assert_int_equal(rg_worker_finish(worker), RG_ENUMERIC);
    assert_string_equal(rg_error(), "loss is nan at iteration 12");
    rg_worker_destroy(&worker);
}

static void a_second_job_is_refused_while_one_runs(void **state)
{
    (void)state;
    rg_worker_t *worker;
    job_t job = {0};
    assert_int_equal(rg_worker_new(&worker), 0);
    assert_int_equal(rg_worker_start(worker, until_stopped, &job), 0);
    assert_int_equal(rg_worker_start(worker, succeed, &job), RG_EBUSY);
    assert_string_equal(rg_error(), "another job is running");
    assert_false(returned(worker, 0));
    rg_worker_stop(worker);
    assert_true(returned(worker, -1));
    assert_int_equal(rg_worker_finish(worker), RG_ESTOPPED);
    assert_int_equal(rg_worker_start(worker, succeed, &job), 0); // the stop was that job's alone
    assert_int_equal(rg_worker_finish(worker), 0);
    rg_worker_destroy(&worker);
}

static void destroying_stops_the_job(void **state)
{
    (void)state;
    rg_worker_t *worker;
    job_t job = {0};
    assert_int_equal(rg_worker_new(&worker), 0);
    assert_int_equal(rg_worker_start(worker, until_stopped, &job), 0);
    while (!atomic_load(&job.begun)) sched_yield();
    rg_fail(RG_EIO, "what was wrong before");
    rg_worker_destroy(&worker);
    assert_string_equal(rg_error(), "what was wrong before");
    assert_null(worker);
    rg_worker_destroy(&worker);
}

static void jobs_run_with_signals_blocked(void **state)
{
    (void)state;
    rg_worker_t *worker;
    sigset_t mask;
    assert_int_equal(rg_worker_new(&worker), 0);
    assert_int_equal(rg_worker_start(worker, blocks_signals, NULL), 0);
    assert_int_equal(rg_worker_finish(worker), 0);
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    assert_false(sigismember(&mask, SIGTERM));
    rg_worker_destroy(&worker);
}

// ---- giving way

// Stands for the system's: whoever waits for the core has it for so long.
static atomic_int yields, yield_ms;
int sched_yield(void)
{
    const struct timespec pause = {.tv_nsec = yield_ms * 1000000L};
    yields++;
    return yield_ms ? nanosleep(&pause, NULL) : 0;
}

static int yields_of(rg_courtesy_t *courtesy, int steps)
{
    yields = 0;
    for (int i = 0; i < steps; i++) rg_give_way(courtesy);
    return yields;
}

// A job that has given nothing yet offers its core. If somebody takes it and never sleeps, the courtesy is soon used
// up, and comes back with the time of the job itself: these steps take next to none.
static void a_job_gives_way_as_long_as_that_is_cheap(void **state)
{
    (void)state;
    rg_courtesy_t courtesy = {0};
    yield_ms = 5;
    assert_in_range(yields_of(&courtesy, 100), 1, 99);
    courtesy.credit_ms = -1e6;
    assert_int_equal(yields_of(&courtesy, 100), 0);
    yield_ms = 0;
    for (int i = 0; i < 100; i++) {
        courtesy = (rg_courtesy_t){0};
        assert_int_equal(yields_of(&courtesy, 1), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_work_is_done_once),
        cmocka_unit_test(a_pool_thread_joins),
        cmocka_unit_test(a_pool_of_one_thread_works),
        cmocka_unit_test(a_finished_job_makes_the_descriptor_readable),
        cmocka_unit_test(all_jobs_run_on_one_thread),
        cmocka_unit_test(a_failure_comes_with_its_sentence),
        cmocka_unit_test(a_second_job_is_refused_while_one_runs),
        cmocka_unit_test(destroying_stops_the_job),
        cmocka_unit_test(jobs_run_with_signals_blocked),
        cmocka_unit_test(a_job_gives_way_as_long_as_that_is_cheap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
