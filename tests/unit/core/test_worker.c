#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>

#include "common/core/err.h"
#include "common/core/worker.h"

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

static int returned(rg_worker_t *worker, int timeout_ms)
{
    struct pollfd fd = {.fd = rg_worker_fd(worker), .events = POLLIN};
    return poll(&fd, 1, timeout_ms) == 1;
}

static void a_job_runs_and_says_so(void **state)
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

static void signals_stay_with_the_loop(void **state)
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_runs_and_says_so),
        cmocka_unit_test(a_failure_comes_with_its_sentence),
        cmocka_unit_test(a_second_job_is_refused_while_one_runs),
        cmocka_unit_test(destroying_stops_the_job),
        cmocka_unit_test(signals_stay_with_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
