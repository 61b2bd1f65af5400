#include "services/trainer/reduce.h"

typedef struct {
    rg_ranks_t *ranks;
    const rg_params_t *set;
} reduce_ctx_t;

static void begin(rg_tape_t *tape, void *ctx)
{
    const reduce_ctx_t *op = ctx;
    (void)tape;
    rg_ranks_begin(op->ranks, op->set->grad, op->set->count);
}

void rg_reduce_when_complete(rg_tape_t *tape, rg_ranks_t *ranks, const rg_params_t *set)
{
    if (!ranks || !rg_tape_wants(tape, !set->frozen)) return;
    rg_tape_op(tape, "reduce gradients");
    reduce_ctx_t *op = rg_tape_alloc(tape, sizeof *op);
    *op = (reduce_ctx_t){ranks, set};
    rg_tape_record(tape, NULL, begin, op);
}
