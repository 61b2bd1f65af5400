#include <poll.h>
#include <pthread.h>
#include <stdio.h>

#include "common/wire/jobs.h"
#include "tests/support/test.h"

enum { MAX = 3 };

typedef struct {
    rg_jobs_t *jobs;
    int prepares, runs, dones, last_err;
    char sentence[64];
    rg_job_t *kept; // done, not ended
    int keep;
} fixture_t;

static void prepare(void *self)
{
    ((fixture_t *)self)->prepares++;
}

static int open_jobs(void **state)
{
    static fixture_t f;
    f = (fixture_t){0};
    *state = &f;
    const rg_jobs_options_t options = {.max = MAX, .prepare = prepare, .self = &f};
    return rg_jobs_new(&f.jobs, &options);
}

static int close_jobs(void **state)
{
    rg_jobs_destroy(&((fixture_t *)*state)->jobs);
    return 0;
}

// The result is an empty message of the kind of the request. Without a request the job fails.
static int run(void *self, const rg_msg_t *request, rg_msg_t **result)
{
    fixture_t *f = self;
    assert_int_equal(f->prepares, ++f->runs);
    if (!request) return rg_fail(RG_ENOENT, "nothing to do");
    *result = rg_msg_new(rg_msg_kind(request));
    return 0;
}

static void done(void *self, rg_job_t *job, int err)
{
    fixture_t *f = self;
    f->dones++;
    f->last_err = err;
    if (err)
        snprintf(f->sentence, sizeof f->sentence, "%s", rg_error());
    else
        assert_int_equal(rg_msg_kind(job->result), RG__V1__ENVELOPE__BODY_STATUS_REQUEST);
    if (f->keep)
        f->kept = job;
    else
        rg_jobs_end(&job);
}

static const rg_job_kind_t KIND = {run, done};

static int add_from(fixture_t *f, unsigned char sender)
{
    const rg_peer_t peer = {.client = sender};
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_STATUS_REQUEST);
    int err = rg_jobs_add(f->jobs, &KIND, &peer, request);
    rg_msg_destroy(&request);
    return err;
}

static int add(fixture_t *f)
{
    return add_from(f, 1);
}

static void step(fixture_t *f)
{
    struct pollfd ready = {.fd = rg_jobs_fd(f->jobs), .events = POLLIN};
    assert_int_equal(poll(&ready, 1, 60000), 1);
    rg_jobs_step(f->jobs);
}

static void jobs_run_one_after_another(void **state)
{
    fixture_t *f = *state;
    assert_ok(add(f));
    assert_ok(add(f));
    assert_int_equal(rg_jobs_count(f->jobs), 2);
    step(f);
    assert_int_equal(f->dones, 1);
    step(f);
    assert_int_equal(f->dones, 2);
    assert_int_equal(rg_jobs_count(f->jobs), 0);
}

static void jobs_are_bounded_until_they_are_ended(void **state)
{
    fixture_t *f = *state;
    f->keep = 1;
    assert_ok(add_from(f, 1));
    step(f);
    f->keep = 0;
    assert_ok(add_from(f, 2));
    assert_ok(add_from(f, 3));
    assert_fails(add_from(f, 4), RG_EBUSY, "3 requests are waiting");
    assert_ok(rg_jobs_add(f->jobs, &KIND, NULL, NULL)); // the service's own
    for (int i = 0; i < 3; i++) step(f);
    assert_int_equal(rg_jobs_count(f->jobs), 1);
    rg_jobs_end(&f->kept);
    assert_ok(add_from(f, 4));
    step(f);
    assert_int_equal(f->dones, 5);
}

static void one_sender_has_half_of_them(void **state)
{
    fixture_t *f = *state;
    f->keep = 1;
    assert_ok(add_from(f, 1));
    step(f);
    f->keep = 0;
    assert_ok(add_from(f, 1)); // the larger half of three
    assert_fails(add_from(f, 1), RG_EBUSY, "2 of them from here");
    assert_ok(add_from(f, 2));
    step(f);
    step(f);
    assert_ok(add_from(f, 1));
    step(f);
    rg_jobs_end(&f->kept);
    assert_int_equal(rg_jobs_count(f->jobs), 0);
}

static void the_only_job_may_be_anyones(void **state)
{
    fixture_t *f = *state;
    rg_jobs_destroy(&f->jobs);
    const rg_jobs_options_t options = {.max = 1, .self = f};
    assert_ok(rg_jobs_new(&f->jobs, &options));
    f->prepares = 1; // this queue does not count them
    assert_ok(add_from(f, 1));
    assert_fails(add_from(f, 2), RG_EBUSY, "1 requests are waiting");
    step(f);
}

static void a_failure_comes_with_its_sentence(void **state)
{
    fixture_t *f = *state;
    assert_ok(rg_jobs_add(f->jobs, &KIND, NULL, NULL));
    step(f);
    assert_int_equal(f->last_err, RG_ENOENT);
    assert_string_equal(f->sentence, "nothing to do");
}

static void held_jobs_wait(void **state)
{
    fixture_t *f = *state;
    rg_jobs_hold(f->jobs);
    assert_ok(add(f));
    assert_int_equal(f->runs, 0);
    rg_jobs_release(f->jobs);
    step(f);
    assert_int_equal(f->runs, 1);
}

static void parked_jobs_run_again(void **state)
{
    fixture_t *f = *state;
    f->keep = 1;
    assert_ok(add(f));
    step(f);
    rg_jobs_park(f->kept);
    assert_null(f->kept->result);
    assert_int_equal(rg_jobs_count(f->jobs), 1);
    assert_ok(add_from(f, 2)); // others go on meanwhile
    rg_job_t *parked = f->kept;
    step(f);
    rg_jobs_end(&f->kept);
    assert_int_equal(f->runs, 2);
    f->keep = 0;
    assert_int_equal(parked->runs, 1);
    rg_jobs_resume(f->jobs);
    step(f);
    assert_int_equal(f->runs, 3);
    assert_int_equal(f->dones, 3);
    rg_jobs_resume(f->jobs); // nothing is parked
    assert_int_equal(rg_jobs_count(f->jobs), 0);
}

static void destroying_ends_what_is_left(void **state)
{
    fixture_t *f = *state;
    assert_ok(add(f));
    assert_ok(add(f));
    rg_jobs_destroy(&f->jobs);
    assert_null(f->jobs);
    assert_int_equal(f->dones, 0);
}

// ---- tasks
typedef struct {
    pthread_t thread;
    int fails, runs, ends, err;
} task_t;

static int run_task(void *self)
{
    task_t *task = self;
    task->thread = pthread_self();
    task->runs++;
    return task->fails ? rg_fail(RG_EFORMAT, "spoilt") : 0;
}

static void end_task(void *self, int err)
{
    task_t *task = self;
    task->ends++;
    task->err = err;
}

static int add_task(fixture_t *f, task_t *task)
{
    return rg_jobs_add_task(f->jobs, run_task, end_task, task);
}

static void tasks_run_in_order_and_are_bounded(void **state)
{
    fixture_t *f = *state;
    task_t task[MAX + 1] = {{.fails = 0}, {.fails = 1}};
    for (int i = 0; i < MAX; i++) assert_ok(add_task(f, &task[i]));
    assert_fails(add_task(f, &task[MAX]), RG_EBUSY, "3 tasks are waiting");
    for (int i = 0; i < MAX; i++) {
        step(f);
        assert_int_equal(task[i].runs, 1);
        assert_int_equal(task[i].ends, 1);
        assert_int_equal(task[i].err, i == 1 ? RG_EFORMAT : 0);
        assert_false(pthread_equal(task[i].thread, pthread_self()));
    }
    assert_ok(add_task(f, &task[MAX]));
    step(f);
    assert_int_equal(task[MAX].ends, 1);
}

static void destroying_the_queue_stops_its_tasks(void **state)
{
    fixture_t *f = *state;
    task_t task[MAX] = {0};
    for (int i = 0; i < MAX; i++) assert_ok(add_task(f, &task[i]));
    rg_jobs_destroy(&f->jobs);
    for (int i = 0; i < MAX; i++) {
        assert_int_equal(task[i].ends, 1);
        assert_int_equal(task[i].err, RG_ESTOPPED);
        assert_int_equal(task[i].runs, i == 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_jobs, close_jobs)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(jobs_run_one_after_another),
        TEST(jobs_are_bounded_until_they_are_ended),
        TEST(one_sender_has_half_of_them),
        TEST(the_only_job_may_be_anyones),
        TEST(a_failure_comes_with_its_sentence),
        TEST(held_jobs_wait),
        TEST(parked_jobs_run_again),
        TEST(destroying_ends_what_is_left),
        TEST(tasks_run_in_order_and_are_bounded),
        TEST(destroying_the_queue_stops_its_tasks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
