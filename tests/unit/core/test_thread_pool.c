#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sched.h>
#include <stdatomic.h>

#include "common/core/thread_pool.h"

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

// The caller waits inside its own part until a helper is there.
static void wait_for_help(void *self, int i)
{
    work_t *work = self;
    atomic_fetch_add(&work->calls[i], 1);
    while (!atomic_load(&work->calls[1])) sched_yield();
}

static void helpers_come(void **state)
{
    (void)state;
    rg_thread_pool_t *pool;
    work_t work = {0};
    assert_int_equal(rg_thread_pool_new(&pool, 2), 0);
    rg_thread_pool_run(pool, wait_for_help, &work);
    assert_int_equal(work.calls[0], 1);
    assert_int_equal(work.calls[1], 1);
    rg_thread_pool_destroy(&pool);
}

static void one_may_work_alone(void **state)
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_work_is_done_once),
        cmocka_unit_test(helpers_come),
        cmocka_unit_test(one_may_work_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
