// Operations on single values: sums, products, scales per channel, bounds, softmax.
#include <assert.h>

#include "common/nn/ops.h"

typedef struct {
    rg_tensor_t *a, *b, *y;
} binary_ctx_t;

static rg_tensor_t *binary(rg_tape_t *tape, rg_tensor_t *a, rg_tensor_t *b, rg_tensor_t *y,
                           rg_backward_fn *backward)
{
    if ((y->needs_grad = rg_tape_wants(tape, a->needs_grad || b->needs_grad))) {
        binary_ctx_t *op = rg_tape_alloc(tape, sizeof *op);
        *op = (binary_ctx_t){a, b, y};
        rg_tape_record(tape, y, backward, op);
    }
    return y;
}

static int shapes_match(const rg_tensor_t *a, const rg_tensor_t *b)
{
    return a->n == b->n && a->h == b->h && a->w == b->w && a->c == b->c;
}

static rg_tensor_t *like(rg_tape_t *tape, const rg_tensor_t *x)
{
    return rg_tape_tensor(tape, x->n, x->h, x->w, x->c);
}

// ---- sums

static void add_one(rg_tape_t *tape, rg_tensor_t *x, const rg_tensor_t *y)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    int add;
    float *dx = rg_tape_grad(tape, x, &add);
    if (dx) backend->act_backward(backend, dx, add, y->grad, NULL, RG_ACT_NONE, rg_tensor_size(y));
}

static void add_backward(rg_tape_t *tape, void *ctx)
{
    binary_ctx_t *op = ctx;
    if (!op->y->grad) return;
    add_one(tape, op->a, op->y);
    add_one(tape, op->b, op->y);
}

rg_tensor_t *rg_add(rg_tape_t *tape, rg_tensor_t *a, rg_tensor_t *b)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_tape_op(tape, "add");
    assert(shapes_match(a, b));
    rg_tensor_t *y = like(tape, a);
    backend->add(backend, y->data, a->data, b->data, rg_tensor_size(y));
    return binary(tape, a, b, y, add_backward);
}

// ---- products: each value of b multiplies one value of a, or one channel's map of an image

static size_t rows_per_value(const rg_tensor_t *a, const rg_tensor_t *b)
{
    return shapes_match(a, b) ? 1 : (size_t)a->h * (size_t)a->w;
}

static void multiply_backward(rg_tape_t *tape, void *ctx)
{
    binary_ctx_t *op = ctx;
    rg_backend_t *backend = rg_tape_backend(tape);
    if (!op->y->grad) return;
    const float *a = rg_tape_data(tape, op->a), *b = rg_tape_data(tape, op->b);
    size_t rows = rows_per_value(op->a, op->b), columns = rg_tensor_size(op->b) / (size_t)op->b->n;
    int add_a, add_b;
    float *da = rg_tape_grad(tape, op->a, &add_a);
    for (size_t n = 0; da && n < (size_t)op->a->n; n++)
        backend->scale_backward(backend, da + n * rows * columns, add_a, op->y->grad + n * rows * columns,
                                b + n * columns, rows, columns);
    float *db = rg_tape_grad(tape, op->b, &add_b); // if a is b, its gradient exists by now
    for (size_t n = 0; db && n < (size_t)op->a->n; n++)
        backend->scale_sums(backend, db + n * columns, add_b, op->y->grad + n * rows * columns,
                            a + n * rows * columns, rows, columns);
}

rg_tensor_t *rg_multiply(rg_tape_t *tape, rg_tensor_t *a, rg_tensor_t *b)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_tape_op(tape, "multiply");
    assert(shapes_match(a, b) || (a->n == b->n && a->c == b->c && b->h == 1 && b->w == 1));
    rg_tensor_t *y = like(tape, a);
    size_t rows = rows_per_value(a, b), columns = rg_tensor_size(b) / (size_t)b->n;
    for (size_t n = 0; n < (size_t)a->n; n++)
        backend->scale_forward(backend, y->data + n * rows * columns, a->data + n * rows * columns,
                               b->data + n * columns, NULL, RG_ACT_NONE, rows, columns);
    return binary(tape, a, b, y, multiply_backward);
}

// ---- scales by channel

static size_t map_pixels(const rg_tensor_t *x)
{
    return rg_tensor_size(x) / (size_t)x->c;
}

static void scale_backward(rg_tape_t *tape, void *ctx)
{
    rg_unary_op_t *op = ctx;
    const rg_scale_t *layer = op->extra;
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_tensor_t *y = op->y;
    int add;
    if (!y->grad) return;
    if (layer->act != RG_ACT_NONE)
        backend->act_backward(backend, y->grad, 0, y->grad, y->data, layer->act, rg_tensor_size(y));
    float *dx = rg_tape_grad(tape, op->x, &add);
    backend->scale_backward(backend, dx, add, y->grad, layer->scale->value, map_pixels(y), (size_t)y->c);
}

rg_tensor_t *rg_scale(rg_tape_t *tape, rg_tensor_t *x, const rg_scale_t *layer)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_tape_op(tape, "scale");
    assert(layer->scale->set->frozen && layer->scale->count == (size_t)x->c &&
           layer->shift->count == (size_t)x->c);
    rg_params_use(layer->scale->set, backend);
    rg_tensor_t *y = like(tape, x);
    backend->scale_forward(backend, y->data, x->data, layer->scale->value, layer->shift->value, layer->act,
                           map_pixels(x), (size_t)x->c);
    return rg_tape_record_unary(tape, x, y, scale_backward, layer, 0);
}

// ---- bounds

static void clip_backward(rg_tape_t *tape, void *ctx)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_unary_op_t *op = ctx;
    const rg_clip_t *clip = op->extra;
    int add;
    if (!op->y->grad) return;
    const float *x = rg_tape_data(tape, op->x);
    float *dx = rg_tape_grad(tape, op->x, &add);
    backend->clip_backward(backend, dx, add, op->y->grad, x, *clip, rg_tensor_size(op->x));
}

rg_tensor_t *rg_clip(rg_tape_t *tape, rg_tensor_t *x, const rg_clip_t *clip)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_tape_op(tape, "clip");
    rg_tensor_t *y = like(tape, x);
    backend->clip_forward(backend, y->data, x->data, *clip, rg_tensor_size(x));
    return rg_tape_record_unary(tape, x, y, clip_backward, clip, 0);
}

// ---- softmax

static void softmax_backward(rg_tape_t *tape, void *ctx)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_unary_op_t *op = ctx;
    int add;
    if (!op->y->grad) return;
    float *dx = rg_tape_grad(tape, op->x, &add);
    backend->softmax_backward(backend, dx, add, op->y->grad, op->y->data, map_pixels(op->x),
                              (size_t)op->x->c);
}

rg_tensor_t *rg_softmax(rg_tape_t *tape, rg_tensor_t *x)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_tape_op(tape, "softmax");
    rg_tensor_t *y = like(tape, x);
    backend->softmax_forward(backend, y->data, x->data, map_pixels(x), (size_t)x->c);
    return rg_tape_record_unary(tape, x, y, softmax_backward, NULL, 0);
}
