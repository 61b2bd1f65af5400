#include "services/gateway/chores.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/thread.h"

struct rg_chores {
    rg_worker_t *worker;
    rg_chore_t *chore; // [max], the first count wait, the very first of them runs
    int count, max, stopping;
};

int rg_chores_new(rg_chores_t **out, int max)
{
    rg_worker_t *worker;
    int err = rg_worker_new(&worker);
    if (err) return err;
    rg_chores_t *chores = rg_alloc(sizeof *chores);
    *chores =
        (rg_chores_t){.worker = worker, .chore = rg_alloc((size_t)max * sizeof *chores->chore), .max = max};
    *out = chores;
    return 0;
}

static rg_chore_t take_first(rg_chores_t *chores)
{
    rg_chore_t first = chores->chore[0];
    memmove(chores->chore, chores->chore + 1, (size_t)--chores->count * sizeof first);
    return first;
}

void rg_chores_destroy(rg_chores_t **out)
{
    rg_chores_t *chores = *out;
    if (!chores) return;
    chores->stopping = 1;
    rg_worker_destroy(&chores->worker);
    while (chores->count > 0) {
        rg_chore_t chore = take_first(chores);
        chore.done(chore.self, rg_fail(RG_ESTOPPED, "the gateway is stopping"));
    }
    free(chores->chore);
    free(chores);
    *out = NULL;
}

static int run(void *self, const atomic_int *stop)
{
    const rg_chores_t *chores = self;
    (void)stop;
    return chores->chore[0].run(chores->chore[0].self);
}

int rg_chores_add(rg_chores_t *chores, const rg_chore_t *chore)
{
    if (chores->stopping) return rg_fail(RG_ESTOPPED, "the gateway is stopping");
    if (chores->count == chores->max)
        return rg_fail(RG_EBUSY, "%d pictures wait to be read already; try again later", chores->count);
    chores->chore[chores->count] = *chore;
    int err = chores->count == 0 ? rg_worker_start(chores->worker, run, chores) : 0;
    if (!err) chores->count++;
    return err;
}

int rg_chores_fd(const rg_chores_t *chores)
{
    return rg_worker_fd(chores->worker);
}

// Where no thread can be had, what waits is done at once, with that error.
void rg_chores_step(void *self)
{
    rg_chores_t *chores = self;
    int err = rg_worker_finish(chores->worker);
    do {
        rg_chore_t chore = take_first(chores);
        int next = chores->count > 0 ? rg_worker_start(chores->worker, run, chores) : 0;
        chore.done(chore.self, err);
        err = next;
    } while (err);
}
