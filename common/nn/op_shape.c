// Operations without parameters: means, joining, slicing, masking, activations.
#include <assert.h>
#include <string.h>

#include "common/nn/ops.h"

static void global_mean_backward(rg_tape_t *tape, void *ctx)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_unary_op_t *op = ctx;
    int add;
    if (!op->y->grad) return;
    float *dx = rg_tape_grad(tape, op->x, &add);
    backend->mean_backward(backend, dx, add, op->y->grad, op->x->n, op->x->h * op->x->w, op->x->c);
}

rg_tensor_t *rg_global_mean(rg_tape_t *tape, rg_tensor_t *x)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_tape_op(tape, "global mean");
    rg_tensor_t *y = rg_tape_tensor(tape, x->n, 1, 1, x->c);
    backend->mean_forward(backend, y->data, x->data, x->n, x->h * x->w, x->c);
    return rg_tape_record_unary(tape, x, y, global_mean_backward, NULL, 0);
}

// ---- layout

static void flatten_backward(rg_tape_t *tape, void *ctx)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_unary_op_t *op = ctx;
    rg_tensor_t *x = op->x;
    int add;
    if (!op->y->grad) return;
    float *dx = rg_tape_grad(tape, x, &add);
    backend->transpose(backend, dx, add, op->y->grad, (size_t)x->n, (size_t)x->c,
                       (size_t)x->h * (size_t)x->w);
}

rg_tensor_t *rg_flatten(rg_tape_t *tape, rg_tensor_t *x)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_tape_op(tape, "flatten");
    rg_tensor_t *y = rg_tape_tensor(tape, x->n, 1, 1, x->h * x->w * x->c);
    backend->transpose(backend, y->data, 0, x->data, (size_t)x->n, (size_t)x->h * (size_t)x->w, (size_t)x->c);
    return rg_tape_record_unary(tape, x, y, flatten_backward, NULL, 0);
}

typedef struct {
    rg_tensor_t **x, *y;
    int count;
} concat_ctx_t;

static void concat_backward(rg_tape_t *tape, void *ctx)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    concat_ctx_t *op = ctx;
    size_t rows = rg_tensor_size(op->y) / (size_t)op->y->c, offset = 0;
    if (!op->y->grad) return;
    for (int i = 0; i < op->count; i++) {
        rg_tensor_t *x = op->x[i];
        size_t width = (size_t)x->c;
        int add;
        float *dx = rg_tape_grad(tape, x, &add);
        if (dx)
            backend->copy_columns(backend, dx, width, add, op->y->grad + offset, (size_t)op->y->c, rows,
                                  width);
        offset += width;
    }
}

rg_tensor_t *rg_concat(rg_tape_t *tape, rg_tensor_t *const *x, int count)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_tape_op(tape, "concat");
    int channels = 0, needs = 0;
    for (int i = 0; i < count; i++) {
        assert(x[i]->n == x[0]->n && x[i]->h == x[0]->h && x[i]->w == x[0]->w);
        channels += x[i]->c;
        needs |= x[i]->needs_grad;
    }
    rg_tensor_t *y = rg_tape_tensor(tape, x[0]->n, x[0]->h, x[0]->w, channels);
    size_t rows = rg_tensor_size(y) / (size_t)channels, offset = 0;
    for (int i = 0; i < count; i++) {
        size_t width = (size_t)x[i]->c;
        backend->copy_columns(backend, y->data + offset, (size_t)channels, 0, x[i]->data, width, rows, width);
        offset += width;
    }
    if ((y->needs_grad = rg_tape_wants(tape, needs))) {
        concat_ctx_t *op = rg_tape_alloc(tape, sizeof *op);
        *op = (concat_ctx_t){rg_tape_alloc(tape, (size_t)count * sizeof *x), y, count};
        memcpy(op->x, x, (size_t)count * sizeof *x);
        rg_tape_record(tape, y, concat_backward, op);
    }
    return y;
}

// Overwrites dx[0..n) with dy[0..n), or adds it.
static void pass_gradient(rg_tape_t *tape, float *dx, int add, const float *dy, size_t n)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    backend->act_backward(backend, dx, add, dy, NULL, RG_ACT_NONE, n);
}

static void stack_backward(rg_tape_t *tape, void *ctx)
{
    concat_ctx_t *op = ctx;
    const float *dy = op->y->grad;
    if (!dy) return;
    for (int i = 0; i < op->count; i++) {
        int add;
        float *dx = rg_tape_grad(tape, op->x[i], &add);
        if (dx) pass_gradient(tape, dx, add, dy, rg_tensor_size(op->x[i]));
        dy += rg_tensor_size(op->x[i]);
    }
}

rg_tensor_t *rg_stack(rg_tape_t *tape, rg_tensor_t *a, rg_tensor_t *b)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_tape_op(tape, "stack");
    assert(a->h == b->h && a->w == b->w && a->c == b->c);
    rg_tensor_t *y = rg_tape_tensor(tape, a->n + b->n, a->h, a->w, a->c);
    backend->copy(backend, y->data, a->data, rg_tensor_size(a));
    backend->copy(backend, y->data + rg_tensor_size(a), b->data, rg_tensor_size(b));
    if ((y->needs_grad = rg_tape_wants(tape, a->needs_grad || b->needs_grad))) {
        concat_ctx_t *op = rg_tape_alloc(tape, sizeof *op);
        *op = (concat_ctx_t){rg_tape_alloc(tape, 2 * sizeof *op->x), y, 2};
        op->x[0] = a;
        op->x[1] = b;
        rg_tape_record(tape, y, stack_backward, op);
    }
    return y;
}

static void rows_backward(rg_tape_t *tape, void *ctx)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_unary_op_t *op = ctx;
    rg_tensor_t *x = op->x, *y = op->y;
    int add;
    if (!y->grad) return;
    float *dx = rg_tape_grad(tape, x, &add);
    if (!add) backend->fill(backend, dx, 0, rg_tensor_size(x));
    size_t image = rg_tensor_size(x) / (size_t)x->n;
    pass_gradient(tape, dx + (size_t)op->value * image, 1, y->grad, rg_tensor_size(y));
}

rg_tensor_t *rg_rows(rg_tape_t *tape, rg_tensor_t *x, int first, int count)
{
    rg_tape_op(tape, "rows");
    assert(first >= 0 && count >= 1 && first + count <= x->n);
    size_t row = rg_tensor_size(x) / (size_t)x->n;
    rg_tensor_t *y = rg_tape_view(tape, count, x->h, x->w, x->c, x->data + (size_t)first * row);
    return rg_tape_record_unary(tape, x, y, rows_backward, NULL, first);
}

static void reshape_backward(rg_tape_t *tape, void *ctx)
{
    rg_unary_op_t *op = ctx;
    int add;
    if (!op->y->grad) return;
    float *dx = rg_tape_grad(tape, op->x, &add);
    pass_gradient(tape, dx, add, op->y->grad, rg_tensor_size(op->y));
}

rg_tensor_t *rg_reshape(rg_tape_t *tape, rg_tensor_t *x, int h, int w, int c)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_tape_op(tape, "reshape");
    rg_tensor_t *y = rg_tape_tensor(tape, x->n, h, w, c);
    assert(rg_tensor_size(y) == rg_tensor_size(x));
    backend->copy(backend, y->data, x->data, rg_tensor_size(x));
    return rg_tape_record_unary(tape, x, y, reshape_backward, NULL, 0);
}

static void channels_backward(rg_tape_t *tape, void *ctx)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_unary_op_t *op = ctx;
    rg_tensor_t *x = op->x, *y = op->y;
    size_t width = (size_t)y->c, rows = rg_tensor_size(y) / width;
    int add;
    if (!y->grad) return;
    float *dx = rg_tape_grad(tape, x, &add);
    if (!add) backend->fill(backend, dx, 0, rg_tensor_size(x));
    backend->copy_columns(backend, dx + op->value, (size_t)x->c, 1, y->grad, width, rows, width);
}

rg_tensor_t *rg_channels(rg_tape_t *tape, rg_tensor_t *x, int first, int count)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_tape_op(tape, "channels");
    assert(first >= 0 && count >= 1 && first + count <= x->c);
    rg_tensor_t *y = rg_tape_tensor(tape, x->n, x->h, x->w, count);
    size_t width = (size_t)count, rows = rg_tensor_size(y) / width;
    backend->copy_columns(backend, y->data, width, 0, x->data + first, (size_t)x->c, rows, width);
    return rg_tape_record_unary(tape, x, y, channels_backward, NULL, first);
}

// ---- masks and activations

typedef struct {
    rg_tensor_t *a, *b, *y;
    const unsigned char *mask;
} select_ctx_t;

static void select_one(rg_tape_t *tape, rg_tensor_t *x, const select_ctx_t *op, int taken)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    int add;
    float *dx = rg_tape_grad(tape, x, &add);
    if (dx) backend->select_backward(backend, dx, add, op->y->grad, op->mask, taken, rg_tensor_size(x));
}

static void select_backward(rg_tape_t *tape, void *ctx)
{
    select_ctx_t *op = ctx;
    if (!op->y->grad) return;
    select_one(tape, op->a, op, 1);
    select_one(tape, op->b, op, 0);
}

rg_tensor_t *rg_select(rg_tape_t *tape, const unsigned char *mask, rg_tensor_t *a, rg_tensor_t *b)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_tape_op(tape, "select");
    assert(rg_tensor_size(a) == rg_tensor_size(b));
    rg_tensor_t *y = rg_tape_tensor(tape, a->n, a->h, a->w, a->c);
    mask = rg_tape_upload(tape, mask, rg_tensor_size(a));
    backend->select_forward(backend, y->data, mask, a->data, b->data, rg_tensor_size(y));
    if ((y->needs_grad = rg_tape_wants(tape, a->needs_grad || b->needs_grad))) {
        select_ctx_t *op = rg_tape_alloc(tape, sizeof *op);
        *op = (select_ctx_t){a, b, y, mask};
        rg_tape_record(tape, y, select_backward, op);
    }
    return y;
}

static void dropout_backward(rg_tape_t *tape, void *ctx)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_unary_op_t *op = ctx;
    const float *keep = op->extra;
    int add;
    if (!op->y->grad) return;
    float *dx = rg_tape_grad(tape, op->x, &add);
    backend->scale_backward(backend, dx, add, op->y->grad, keep, 1, rg_tensor_size(op->x));
}

rg_tensor_t *rg_dropout(rg_tape_t *tape, rg_tensor_t *x, const float *keep)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_tape_op(tape, "dropout");
    rg_tensor_t *y = rg_tape_tensor(tape, x->n, x->h, x->w, x->c);
    keep = rg_tape_upload(tape, keep, rg_tensor_size(x) * sizeof *keep);
    backend->scale_forward(backend, y->data, x->data, keep, NULL, RG_ACT_NONE, 1, rg_tensor_size(x));
    return rg_tape_record_unary(tape, x, y, dropout_backward, keep, 0);
}

static void act_backward(rg_tape_t *tape, void *ctx)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_unary_op_t *op = ctx;
    int add;
    if (!op->y->grad) return;
    float *dx = rg_tape_grad(tape, op->x, &add);
    backend->act_backward(backend, dx, add, op->y->grad, op->y->data, (enum rg_act)op->value,
                          rg_tensor_size(op->y));
}

rg_tensor_t *rg_act(rg_tape_t *tape, rg_tensor_t *x, enum rg_act act)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_tape_op(tape, "activation");
    rg_tensor_t *y = rg_tape_tensor(tape, x->n, x->h, x->w, x->c);
    backend->act_forward(backend, y->data, x->data, act, rg_tensor_size(x));
    return rg_tape_record_unary(tape, x, y, act_backward, NULL, (int)act);
}

static void act_adjoint_backward(rg_tape_t *tape, void *ctx)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_unary_op_t *op = ctx;
    int add;
    if (!op->y->grad) return;
    float *dg = rg_tape_grad(tape, op->x, &add);
    backend->act_backward(backend, dg, add, op->y->grad, op->extra, (enum rg_act)op->value,
                          rg_tensor_size(op->y));
}

rg_tensor_t *rg_act_adjoint(rg_tape_t *tape, rg_tensor_t *g, const rg_tensor_t *y, enum rg_act act)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_tape_op(tape, "activation");
    assert(act <= RG_ACT_LEAKY && rg_tensor_size(g) == rg_tensor_size(y));
    rg_tensor_t *out = rg_tape_tensor(tape, g->n, g->h, g->w, g->c);
    backend->act_backward(backend, out->data, 0, g->data, y->data, act, rg_tensor_size(g));
    return rg_tape_record_unary(tape, g, out, act_adjoint_backward, y->data, (int)act);
}
