// Chores: one after another, off the loop's thread, and all ended at the end.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>

#include "common/core/err.h"
#include "services/gateway/chores.h"
#include "tests/support/result.h"

enum { MAX = 3 };

typedef struct {
    pthread_t thread;
    int fails, runs, ends, err;
} chore_t;

static int work(void *self)
{
    chore_t *chore = self;
    chore->thread = pthread_self();
    chore->runs++;
    return chore->fails ? rg_fail(RG_EFORMAT, "spoilt") : 0;
}

static void end(void *self, int err)
{
    chore_t *chore = self;
    chore->ends++;
    chore->err = err;
}

static int add(rg_chores_t *chores, chore_t *chore)
{
    return rg_chores_add(chores, &(rg_chore_t){work, end, chore});
}

static void step(rg_chores_t *chores)
{
    struct pollfd readable = {.fd = rg_chores_fd(chores), .events = POLLIN};
    assert_int_equal(poll(&readable, 1, -1), 1);
    rg_chores_step(chores);
}

static void they_are_done_in_order(void **state)
{
    (void)state;
    rg_chores_t *chores;
    chore_t chore[MAX + 1] = {{.fails = 0}, {.fails = 1}};
    assert_ok(rg_chores_new(&chores, MAX));
    for (int i = 0; i < MAX; i++) assert_ok(add(chores, &chore[i]));
    assert_fails(add(chores, &chore[MAX]), RG_EBUSY, "3 pictures wait");
    for (int i = 0; i < MAX; i++) {
        step(chores);
        assert_int_equal(chore[i].runs, 1);
        assert_int_equal(chore[i].ends, 1);
        assert_int_equal(chore[i].err, i == 1 ? RG_EFORMAT : 0);
        assert_false(pthread_equal(chore[i].thread, pthread_self()));
    }
    assert_ok(add(chores, &chore[MAX]));
    step(chores);
    assert_int_equal(chore[MAX].ends, 1);
    rg_chores_destroy(&chores);
}

static void all_are_ended_at_the_end(void **state)
{
    (void)state;
    rg_chores_t *chores;
    chore_t chore[MAX] = {0};
    assert_ok(rg_chores_new(&chores, MAX));
    for (int i = 0; i < MAX; i++) assert_ok(add(chores, &chore[i]));
    rg_chores_destroy(&chores);
    for (int i = 0; i < MAX; i++) {
        assert_int_equal(chore[i].ends, 1);
        assert_int_equal(chore[i].err, RG_ESTOPPED);
        assert_int_equal(chore[i].runs, i == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(they_are_done_in_order),
                                       cmocka_unit_test(all_are_ended_at_the_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
