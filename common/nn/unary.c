#include "common/nn/unary.h"

rg_tensor_t *rg__unary(rg_tape_t *tape, rg_tensor_t *x, rg_tensor_t *y, rg_backward_fn *backward,
                       const void *extra, int value)
{
    if ((y->needs_grad = rg_tape_wants(tape, x->needs_grad))) {
        rg__unary_t *op = rg_tape_alloc(tape, sizeof *op);
        *op = (rg__unary_t){x, y, extra, value};
        rg_tape_record(tape, y, backward, op);
    }
    return y;
}
