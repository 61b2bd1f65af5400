// Arithmetic of a map with values that are repeated along some of its sides, and the length of an image. Our own
// networks use the fused norms instead, and of these a difference for model.detail; losses and networks from ONNX
// files are written with these.
#include <assert.h>

#include "common/nn/ops.h"

typedef struct {
    rg_tensor_t *a, *b, *y;
    rg_broadcast_shape_t shape;
} broadcast_ctx_t;

static void broadcast_backward(rg_tape_t *tape, void *ctx)
{
    const broadcast_ctx_t *op = ctx;
    rg_backend_t *backend = rg_tape_backend(tape);
    const float *dy = op->y->grad;
    int add;
    if (!dy) return;
    const float *a = rg_tape_data(tape, op->a), *b = rg_tape_data(tape, op->b);
    float *da = rg_tape_grad(tape, op->a, &add);
    if (da) backend->broadcast_backward_a(backend, da, add, dy, b, &op->shape);
    float *db = rg_tape_grad(tape, op->b, &add); // if a is b, its gradient exists by now
    if (db) backend->broadcast_backward_b(backend, db, add, dy, a, b, &op->shape);
}

static int is_repeatable(int side, int to)
{
    return side == to || side == 1;
}

rg_tensor_t *rg_broadcast(rg_tape_t *tape, enum rg_arithmetic what, rg_tensor_t *a, rg_tensor_t *b)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_tape_op(tape, "broadcast");
    assert(a->n == b->n && is_repeatable(b->h, a->h) && is_repeatable(b->w, a->w) &&
           is_repeatable(b->c, a->c));
    const rg_broadcast_shape_t shape = {what, a->n, a->h, a->w, a->c, b->h, b->w, b->c};
    rg_tensor_t *y = rg_tape_tensor(tape, a->n, a->h, a->w, a->c);
    backend->broadcast_forward(backend, y->data, a->data, b->data, &shape);
    if ((y->needs_grad = rg_tape_wants(tape, a->needs_grad || b->needs_grad))) {
        broadcast_ctx_t *op = rg_tape_alloc(tape, sizeof *op);
        *op = (broadcast_ctx_t){a, b, y, shape};
        rg_tape_record(tape, y, broadcast_backward, op);
    }
    return y;
}

// ---- lengths

static void length_backward(rg_tape_t *tape, void *ctx)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_unary_op_t *op = ctx;
    int add;
    if (!op->y->grad) return;
    const float *x = rg_tape_data(tape, op->x);
    float *dx = rg_tape_grad(tape, op->x, &add);
    backend->length_backward(backend, dx, add, op->y->grad, x, op->y->data, op->x->n,
                             rg_tensor_size(op->x) / (size_t)op->x->n);
}

rg_tensor_t *rg_length(rg_tape_t *tape, rg_tensor_t *x)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_tape_op(tape, "length");
    rg_tensor_t *y = rg_tape_tensor(tape, x->n, 1, 1, 1);
    backend->length_forward(backend, y->data, x->data, x->n, rg_tensor_size(x) / (size_t)x->n);
    return rg_tape_record_unary(tape, x, y, length_backward, NULL, 0);
}
