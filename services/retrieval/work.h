// Long work on a thread of its own: it can be stopped, tells how far it is, and gives way to searches. Any thread may
// read and stop it.
#ifndef RG_RETRIEVAL_WORK_H
#define RG_RETRIEVAL_WORK_H

#include <stdatomic.h>
#include <stdint.h>

#include "common/core/err.h"
#include "common/core/thread.h"

// Begins zeroed.
typedef struct {
    atomic_int is_stopped;
    _Atomic(const char *) phase; // a constant, for people; NULL: nothing goes on
    atomic_ullong done, total;   // steps of the phase; total 0: not known
    rg_courtesy_t courtesy;      // only of the thread that works
} rg_work_t;

// Tells that `done` of `total` steps of a phase are done, and gives way. RG_ESTOPPED once the work is stopped.
static inline int rg_work_step(rg_work_t *work, const char *phase, uint64_t done, uint64_t total)
{
    atomic_store(&work->phase, phase);
    atomic_store(&work->done, done);
    atomic_store(&work->total, total);
    rg_give_way(&work->courtesy);
    return atomic_load(&work->is_stopped) ? rg_fail(RG_ESTOPPED, "%s: stopped", phase) : 0;
}

static inline void rg_work_end(rg_work_t *work)
{
    atomic_store(&work->phase, NULL);
}

#endif
