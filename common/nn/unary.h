// What ops with one input share: their record on the tape.
#ifndef RG_NN_UNARY_H
#define RG_NN_UNARY_H

#include "common/nn/ops.h"

typedef struct {
    rg_tensor_t *x, *y;
    const void *extra; // what the op needs beyond its tensors
    int value;
} rg__unary_t;

// y's flag and, where a gradient will flow, the record of backward, whose context is a rg__unary_t.
rg_tensor_t *rg__unary(rg_tape_t *tape, rg_tensor_t *x, rg_tensor_t *y, rg_backward_fn *backward,
                       const void *extra, int value);

#endif
