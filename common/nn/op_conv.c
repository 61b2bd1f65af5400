// Convolution and linear layers.
#include <assert.h>

#include "common/nn/ops.h"

typedef struct {
    rg_tensor_t *x, *y;
    const rg_conv_t *layer;
    rg_conv_shape_t shape;
} conv_ctx_t;

static void name_op(rg_tape_t *tape, const char *kind, const rg_tensor_t *x, const rg_conv_t *layer)
{
    const int *w = layer->weight->shape;
    rg_tape_op(tape, "%s %dx%d/%d %d->%d at %dx%d%s", kind, w[2], w[3], layer->stride, w[1], w[0], x->h, x->w,
               layer->up ? " up" : "");
}

static rg_weights_t weights_of(rg_tape_t *tape, const rg_param_t *param)
{
    rg_params_use(param->set, rg_tape_backend(tape));
    return (rg_weights_t){.value = param->value, .version = param->set->version};
}

static void conv_backward(rg_tape_t *tape, void *ctx)
{
    conv_ctx_t *op = ctx;
    rg_backend_t *backend = rg_tape_backend(tape);
    const rg_conv_t *layer = op->layer;
    if (!op->y->grad) return;
    if (layer->act != RG_ACT_NONE)
        backend->act_backward(backend, op->y->grad, 0, op->y->grad, op->y->data, layer->act,
                              rg_tensor_size(op->y));
    int add = 0, trainable = !layer->weight->set->frozen;
    float *dx = rg_tape_grad(tape, op->x, &add);
    const float *x = trainable ? rg_tape_data(tape, op->x) : NULL;
    int err = backend->conv_backward(backend, dx, add, trainable ? layer->weight->grad : NULL,
                                     trainable && layer->bias ? layer->bias->grad : NULL, x, op->y->grad,
                                     weights_of(tape, layer->weight), &op->shape);
    if (err) rg_tape_fail(tape, err);
}

static rg_conv_shape_t shape_of(const rg_tensor_t *x, const rg_conv_t *layer)
{
    const int *w = layer->weight->shape;
    assert(!x->half && layer->weight->rank == 4 && w[1] == x->c && w[2] == w[3] &&
           layer->act <= RG_ACT_LEAKY);
    int scale = layer->up ? 2 : 1;
    rg_conv_shape_t shape = {.n = x->n,
                             .h = x->h,
                             .w = x->w,
                             .c = x->c,
                             .o = w[0],
                             .k = w[2],
                             .stride = layer->stride,
                             .pad = layer->pad,
                             .reflect = layer->reflect,
                             .up = layer->up,
                             .act = layer->act};
    shape.oh = (scale * x->h + 2 * shape.pad - shape.k) / shape.stride + 1;
    shape.ow = (scale * x->w + 2 * shape.pad - shape.k) / shape.stride + 1;
    assert(shape.oh >= 1 && shape.ow >= 1);
    return shape;
}

// A kernel that failed leaves zeros behind.
static void give_up(rg_tape_t *tape, rg_tensor_t *y, int err)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    backend->fill(backend, y->data, 0, rg_tensor_size(y) / (y->half ? 2 : 1)); // half: o is a multiple of 16
    rg_tape_fail(tape, err);
}

rg_tensor_t *rg_conv(rg_tape_t *tape, rg_tensor_t *x, const rg_conv_t *layer)
{
    name_op(tape, "conv", x, layer);
    rg_conv_shape_t shape = shape_of(x, layer);
    rg_backend_t *backend = rg_tape_backend(tape);
    shape.half = layer->half && backend->bf16 && shape.o % 16 == 0;
    rg_tensor_t *y =
        (shape.half ? rg_tape_tensor_half : rg_tape_tensor)(tape, x->n, shape.oh, shape.ow, shape.o);
    int err = backend->conv_forward(backend, y->data, x->data, weights_of(tape, layer->weight),
                                    layer->bias ? layer->bias->value : NULL, &shape);
    if (err) give_up(tape, y, err);
    if ((y->needs_grad = rg_tape_wants(tape, x->needs_grad || !layer->weight->set->frozen))) {
        conv_ctx_t *op = rg_tape_alloc(tape, sizeof *op);
        *op = (conv_ctx_t){x, y, layer, shape};
        rg_tape_record(tape, y, conv_backward, op);
    }
    return y;
}

rg_tensor_t *rg_conv_last(rg_tape_t *tape, rg_tensor_t *x, const rg_conv_t *layer)
{
    rg_tensor_t *y = rg_conv(tape, x, layer);
    rg_tape_forget(tape, x);
    return y;
}

// y = A(w)^T g, where A is the convolution. Its backward is A itself; the gradient of w follows from
// <u, A(w)^T g> = <A(w) u, g>.
static void adjoint_backward(rg_tape_t *tape, void *ctx)
{
    conv_ctx_t *op = ctx;
    rg_backend_t *backend = rg_tape_backend(tape);
    const rg_param_t *weight = op->layer->weight;
    rg_tensor_t *g = op->x, *y = op->y;
    int add = 0, err = 0;
    if (!y->grad) return;
    float *dg = rg_tape_grad(tape, g, &add);
    if (dg) {
        float *forward = add ? rg_tape_alloc(tape, rg_tensor_size(g) * sizeof *forward) : dg;
        err = backend->conv_forward(backend, forward, y->grad, weights_of(tape, weight), NULL, &op->shape);
        if (!err && add) backend->add(backend, dg, dg, forward, rg_tensor_size(g));
    }
    if (!err && !weight->set->frozen)
        err = backend->conv_backward(backend, NULL, 0, weight->grad, NULL, y->grad, g->data,
                                     weights_of(tape, weight), &op->shape);
    if (err) rg_tape_fail(tape, err);
}

rg_tensor_t *rg_conv_adjoint(rg_tape_t *tape, rg_tensor_t *g, const rg_conv_t *layer, const rg_tensor_t *x)
{
    name_op(tape, "conv adjoint", x, layer);
    rg_conv_shape_t shape = shape_of(x, layer);
    shape.act = RG_ACT_NONE;
    assert(g->n == x->n && g->h == shape.oh && g->w == shape.ow && g->c == shape.o);
    rg_tensor_t *y = rg_tape_tensor(tape, x->n, x->h, x->w, x->c);
    rg_backend_t *backend = rg_tape_backend(tape);
    int err = backend->conv_backward(backend, y->data, 0, NULL, NULL, NULL, g->data,
                                     weights_of(tape, layer->weight), &shape);
    if (err) give_up(tape, y, err);
    if ((y->needs_grad = rg_tape_wants(tape, g->needs_grad || !layer->weight->set->frozen))) {
        conv_ctx_t *op = rg_tape_alloc(tape, sizeof *op);
        *op = (conv_ctx_t){g, y, layer, shape};
        rg_tape_record(tape, y, adjoint_backward, op);
    }
    return y;
}

// ---- convolution with any window

typedef struct {
    rg_tensor_t *x, *y;
    const rg_window_conv_t *layer;
    rg_window_conv_shape_t shape;
} window_ctx_t;

static rg_window_conv_shape_t window_shape_of(const rg_tensor_t *x, const rg_window_conv_t *layer)
{
    const int *w = layer->weight->shape;
    const rg_window_t *window = &layer->window;
    assert(layer->weight->set->frozen && layer->weight->rank == 4 && layer->act <= RG_ACT_LEAKY);
    assert(w[0] % layer->groups == 0 && w[1] * layer->groups == x->c && w[2] == window->h.k &&
           w[3] == window->w.k);
    rg_window_conv_shape_t shape = {.n = x->n,
                                    .h = x->h,
                                    .w = x->w,
                                    .c = x->c,
                                    .o = w[0],
                                    .groups = layer->groups,
                                    .oh = rg_window_positions(&window->h, x->h, 0),
                                    .ow = rg_window_positions(&window->w, x->w, 0),
                                    .window = *window,
                                    .act = layer->act};
    assert(shape.oh >= 1 && shape.ow >= 1);
    return shape;
}

static void window_backward(rg_tape_t *tape, void *ctx)
{
    window_ctx_t *op = ctx;
    rg_backend_t *backend = rg_tape_backend(tape);
    const rg_window_conv_t *layer = op->layer;
    rg_tensor_t *y = op->y;
    int add;
    if (!y->grad) return;
    if (layer->act != RG_ACT_NONE)
        backend->act_backward(backend, y->grad, 0, y->grad, y->data, layer->act, rg_tensor_size(y));
    float *dx = rg_tape_grad(tape, op->x, &add);
    int err =
        backend->window_conv_backward(backend, dx, add, y->grad, weights_of(tape, layer->weight), &op->shape);
    if (err) rg_tape_fail(tape, err);
}

rg_tensor_t *rg_window_conv(rg_tape_t *tape, rg_tensor_t *x, const rg_window_conv_t *layer)
{
    rg_window_conv_shape_t shape = window_shape_of(x, layer);
    rg_tape_op(tape, "conv %dx%d/%d %d->%d by %d at %dx%d", layer->window.h.k, layer->window.w.k,
               layer->window.h.stride, shape.c, shape.o, shape.groups, x->h, x->w);
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_tensor_t *y = rg_tape_tensor(tape, x->n, shape.oh, shape.ow, shape.o);
    int err = backend->window_conv_forward(backend, y->data, x->data, weights_of(tape, layer->weight),
                                           layer->bias->value, &shape);
    if (err) give_up(tape, y, err);
    if ((y->needs_grad = rg_tape_wants(tape, x->needs_grad))) {
        window_ctx_t *op = rg_tape_alloc(tape, sizeof *op);
        *op = (window_ctx_t){x, y, layer, shape};
        rg_tape_record(tape, y, window_backward, op);
    }
    return y;
}

// ---- linear

typedef struct {
    rg_tensor_t *x, *y;
    const rg_linear_t *layer;
} linear_ctx_t;

static void linear_backward(rg_tape_t *tape, void *ctx)
{
    linear_ctx_t *op = ctx;
    rg_backend_t *backend = rg_tape_backend(tape);
    const rg_linear_t *layer = op->layer;
    rg_tensor_t *x = op->x, *y = op->y;
    if (!y->grad) return;
    if (layer->act != RG_ACT_NONE)
        backend->act_backward(backend, y->grad, 0, y->grad, y->data, layer->act, rg_tensor_size(y));
    if (!layer->weight->set->frozen) {
        backend->gemm(backend, 1, 0, y->c, x->c, x->n, 1, y->grad, x->data, 1, layer->weight->grad);
        backend->bias_backward(backend, layer->bias->grad, y->grad, y->n, y->c);
    }
    int add;
    float *dx = rg_tape_grad(tape, x, &add);
    if (dx) backend->gemm(backend, 0, 0, x->n, x->c, y->c, 1, y->grad, layer->weight->value, add ? 1 : 0, dx);
}

rg_tensor_t *rg_linear(rg_tape_t *tape, rg_tensor_t *x, const rg_linear_t *layer)
{
    rg_tape_op(tape, "linear");
    int outputs = layer->weight->shape[0];
    assert(layer->weight->rank == 2 && layer->weight->shape[1] == x->c && x->h == 1 && x->w == 1);
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_tensor_t *y = rg_tape_tensor(tape, x->n, 1, 1, outputs);
    rg_params_use(layer->weight->set, backend);
    backend->gemm(backend, 0, 1, x->n, outputs, x->c, 1, x->data, layer->weight->value, 0, y->data);
    backend->bias_forward(backend, y->data, layer->bias->value, layer->act, x->n, outputs);
    if ((y->needs_grad = rg_tape_wants(tape, x->needs_grad || !layer->weight->set->frozen))) {
        linear_ctx_t *op = rg_tape_alloc(tape, sizeof *op);
        *op = (linear_ctx_t){x, y, layer};
        rg_tape_record(tape, y, linear_backward, op);
    }
    return y;
}
