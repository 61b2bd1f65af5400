// Convolution and linear layers.
#include <assert.h>
#include <string.h>

#include "common/nn/ops.h"

typedef struct {
    rg_tensor_t *x, *y; // x is behind the explicit padding
    const rg_conv_t *layer;
    rg_conv_shape_t shape;
} conv_ctx_t;

static rg_weights_t weights_of(const rg_param_t *param)
{
    return (rg_weights_t){.value = param->value, .version = param->set->version};
}

static void conv_backward(rg_tape_t *tape, void *ctx)
{
    conv_ctx_t *op = ctx;
    rg_backend_t *backend = rg_tape_backend(tape);
    const rg_conv_t *layer = op->layer;
    if (!op->y->grad) return;
    if (layer->act != RG_ACT_NONE)
        backend->act_backward(op->y->grad, 0, op->y->grad, op->y->data, layer->act, rg_tensor_size(op->y));
    int add, err = 0;
    if (!layer->weight->set->frozen)
        err = backend->conv_backward_weights(backend, layer->weight->grad,
                                             layer->bias ? layer->bias->grad : NULL, op->x->data, op->y->grad,
                                             &op->shape);
    float *dx = rg_tape_grad(tape, op->x, &add);
    if (dx && !err)
        err =
            backend->conv_backward_data(backend, dx, add, op->y->grad, weights_of(layer->weight), &op->shape);
    if (err) rg_tape_fail(tape, err);
}

typedef struct {
    rg_tensor_t *x, *y;
    int pad;
} reflect_ctx_t;

static void reflect_backward(rg_tape_t *tape, void *ctx)
{
    reflect_ctx_t *op = ctx;
    rg_tensor_t *x = op->x;
    int add;
    if (!op->y->grad) return;
    float *dx = rg_tape_grad(tape, x, &add);
    rg_tape_backend(tape)->reflect_backward(dx, add, op->y->grad, x->n, x->h, x->w, x->c, op->pad);
}

static rg_tensor_t *reflect(rg_tape_t *tape, rg_tensor_t *x, int pad)
{
    assert(pad < x->h && pad < x->w);
    rg_tensor_t *y = rg_tape_tensor(tape, x->n, x->h + 2 * pad, x->w + 2 * pad, x->c);
    rg_tape_backend(tape)->reflect_forward(y->data, x->data, x->n, x->h, x->w, x->c, pad);
    if ((y->needs_grad = rg_tape_wants(tape, x->needs_grad))) {
        reflect_ctx_t *op = rg_tape_alloc(tape, sizeof *op);
        *op = (reflect_ctx_t){x, y, pad};
        rg_tape_record(tape, reflect_backward, op);
    }
    return y;
}

rg_tensor_t *rg_conv(rg_tape_t *tape, rg_tensor_t *x, const rg_conv_t *layer)
{
    const int *w = layer->weight->shape;
    assert(layer->weight->rank == 4 && w[1] == x->c && w[2] == w[3] && layer->act != RG_ACT_TANH);
    if (layer->reflect) x = reflect(tape, x, layer->pad);
    rg_conv_shape_t shape = {.n = x->n,
                             .h = x->h,
                             .w = x->w,
                             .c = x->c,
                             .o = w[0],
                             .k = w[2],
                             .stride = layer->stride,
                             .pad = layer->reflect ? 0 : layer->pad,
                             .act = layer->act};
    shape.oh = (x->h + 2 * shape.pad - shape.k) / shape.stride + 1;
    shape.ow = (x->w + 2 * shape.pad - shape.k) / shape.stride + 1;
    assert(shape.oh >= 1 && shape.ow >= 1);
    rg_tensor_t *y = rg_tape_tensor(tape, x->n, shape.oh, shape.ow, shape.o);
    rg_backend_t *backend = rg_tape_backend(tape);
    int err = backend->conv_forward(backend, y->data, x->data, weights_of(layer->weight),
                                    layer->bias ? layer->bias->value : NULL, &shape);
    if (err) {
        memset(y->data, 0, rg_tensor_size(y) * sizeof(float));
        rg_tape_fail(tape, err);
    }
    if ((y->needs_grad = rg_tape_wants(tape, x->needs_grad || !layer->weight->set->frozen))) {
        conv_ctx_t *op = rg_tape_alloc(tape, sizeof *op);
        *op = (conv_ctx_t){x, y, layer, shape};
        rg_tape_record(tape, conv_backward, op);
    }
    return y;
}

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
        backend->act_backward(y->grad, 0, y->grad, y->data, layer->act, rg_tensor_size(y));
    if (!layer->weight->set->frozen) {
        backend->gemm(1, 0, y->c, x->c, x->n, 1, y->grad, x->data, 1, layer->weight->grad);
        backend->bias_backward(layer->bias->grad, y->grad, y->n, y->c);
    }
    int add;
    float *dx = rg_tape_grad(tape, x, &add);
    if (dx) backend->gemm(0, 0, x->n, x->c, y->c, 1, y->grad, layer->weight->value, add ? 1 : 0, dx);
}

rg_tensor_t *rg_linear(rg_tape_t *tape, rg_tensor_t *x, const rg_linear_t *layer)
{
    int outputs = layer->weight->shape[0];
    assert(layer->weight->rank == 2 && layer->weight->shape[1] == x->c && x->h == 1 && x->w == 1);
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_tensor_t *y = rg_tape_tensor(tape, x->n, 1, 1, outputs);
    backend->gemm(0, 1, x->n, outputs, x->c, 1, x->data, layer->weight->value, 0, y->data);
    backend->bias_forward(y->data, layer->bias->value, layer->act, x->n, outputs);
    if ((y->needs_grad = rg_tape_wants(tape, x->needs_grad || !layer->weight->set->frozen))) {
        linear_ctx_t *op = rg_tape_alloc(tape, sizeof *op);
        *op = (linear_ctx_t){x, y, layer};
        rg_tape_record(tape, linear_backward, op);
    }
    return y;
}
