// Pooling under windows of any geometry, and the adjoint of D's 3x3/2 average.
#include <assert.h>

#include "common/nn/ops.h"

static rg_pool_shape_t shape_of(const rg_tensor_t *x, const rg_pool_t *pool)
{
    rg_pool_shape_t shape = {.n = x->n,
                             .h = x->h,
                             .w = x->w,
                             .c = x->c,
                             .oh = rg_window_positions(&pool->window.h, x->h, pool->partial),
                             .ow = rg_window_positions(&pool->window.w, x->w, pool->partial),
                             .window = pool->window,
                             .kind = pool->kind};
    assert(shape.oh >= 1 && shape.ow >= 1);
    return shape;
}

static void pool_backward(rg_tape_t *tape, void *ctx)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_unary_op_t *op = ctx;
    const rg_pool_shape_t *shape = op->extra;
    int add;
    if (!op->y->grad) return;
    const float *x = shape->kind == RG_POOLING_MAX ? rg_tape_data(tape, op->x) : NULL;
    float *dx = rg_tape_grad(tape, op->x, &add);
    backend->pool_backward(backend, dx, add, op->y->grad, x, shape);
}

rg_tensor_t *rg_pool(rg_tape_t *tape, rg_tensor_t *x, const rg_pool_t *pool)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_tape_op(tape, pool->kind == RG_POOLING_MAX ? "max pool" : "pool");
    rg_pool_shape_t *shape = rg_tape_alloc(tape, sizeof *shape);
    *shape = shape_of(x, pool);
    rg_tensor_t *y = rg_tape_tensor(tape, x->n, shape->oh, shape->ow, x->c);
    backend->pool_forward(backend, y->data, x->data, shape);
    return rg_tape_record_unary(tape, x, y, pool_backward, shape, 0);
}

static const rg_window_side_t SIDE3 = {.k = 3, .stride = 2, .dilation = 1, .before = 1, .after = 1};

rg_tensor_t *rg_pool3(rg_tape_t *tape, rg_tensor_t *x)
{
    return rg_pool(tape, x, &(rg_pool_t){.window = {SIDE3, SIDE3}, .kind = RG_POOLING_MEAN});
}

static void pool_adjoint_backward(rg_tape_t *tape, void *ctx)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_unary_op_t *op = ctx;
    rg_tensor_t *g = op->x, *y = op->y;
    int add;
    if (!y->grad) return;
    float *dg = rg_tape_grad(tape, g, &add);
    float *pooled = add ? rg_tape_alloc(tape, rg_tensor_size(g) * sizeof *pooled) : dg;
    backend->pool_forward(backend, pooled, y->grad, op->extra);
    if (add) backend->add(backend, dg, dg, pooled, rg_tensor_size(g));
}

rg_tensor_t *rg_pool3_adjoint(rg_tape_t *tape, rg_tensor_t *g, const rg_tensor_t *x)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_tape_op(tape, "pool adjoint");
    rg_pool_shape_t *shape = rg_tape_alloc(tape, sizeof *shape);
    *shape = shape_of(x, &(rg_pool_t){.window = {SIDE3, SIDE3}, .kind = RG_POOLING_MEAN});
    assert(g->n == x->n && g->h == shape->oh && g->w == shape->ow && g->c == x->c);
    rg_tensor_t *y = rg_tape_tensor(tape, x->n, x->h, x->w, x->c);
    backend->pool_backward(backend, y->data, 0, g->data, NULL, shape);
    return rg_tape_record_unary(tape, g, y, pool_adjoint_backward, shape, 0);
}
