// Instance norm, AdaIN and MUNIT's layer norm, each fused with the activation or residual that follows; rows
// of unit length.
#include <assert.h>

#include "common/nn/ops.h"

static rg_map_t map_of(const rg_tensor_t *x)
{
    return (rg_map_t){x->data, x->half};
}

static void can_remake(rg_tensor_t *y, rg_backward_fn *forward, void *ctx)
{
    y->remake = forward;
    y->remake_ctx = ctx;
}

typedef struct {
    rg_tensor_t *x, *y, *residual;
    rg_tensor_t *style; // NULL: plain instance norm
    int offset;
    enum rg_act act;
    float *mean, *rstd; // [N,C]
} instance_ctx_t;

// Turns y's gradient into the gradient before the activation, in place: it has no other reader.
static void through_act(rg_tape_t *tape, rg_tensor_t *y, enum rg_act act)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    if (act != RG_ACT_NONE)
        backend->act_backward(backend, y->grad, 0, y->grad, rg_tape_data(tape, y), act, rg_tensor_size(y));
}

static void accumulate(rg_tape_t *tape, rg_tensor_t *x, const float *dy)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    int add;
    float *dx = rg_tape_grad(tape, x, &add);
    if (dx) backend->act_backward(backend, dx, add, dy, NULL, RG_ACT_NONE, rg_tensor_size(x));
}

static float *style_grad(rg_tape_t *tape, rg_tensor_t *style)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    int add;
    float *d = rg_tape_grad(tape, style, &add);
    if (d && !add) backend->fill(backend, d, 0, rg_tensor_size(style));
    return d;
}

static void instance_backward(rg_tape_t *tape, void *ctx)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    instance_ctx_t *op = ctx;
    rg_tensor_t *x = op->x, *y = op->y, *style = op->style;
    if (!y->grad) return;
    if (op->residual) accumulate(tape, op->residual, y->grad);
    through_act(tape, y, op->act);
    float *dshift = style ? style_grad(tape, style) : NULL;
    if (dshift) dshift += op->offset;
    int add = 0;
    float *dx = rg_tape_grad(tape, x, &add);
    backend->instance_backward(backend, dx, add, dshift ? dshift + x->c : NULL, dshift, y->grad, map_of(x),
                               op->mean, op->rstd, style ? style->data + op->offset + x->c : NULL,
                               style ? style->c : 0, x->n, x->h * x->w, x->c);
}

static void instance_forward(rg_tape_t *tape, void *ctx)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    instance_ctx_t *op = ctx;
    rg_tensor_t *x = op->x, *style = op->style;
    const float *shift = style ? style->data + op->offset : NULL;
    backend->instance_forward(backend, op->y->data, map_of(x), op->mean, op->rstd,
                              shift ? shift + x->c : NULL, shift, style ? style->c : 0,
                              op->residual ? op->residual->data : NULL, op->act, x->n, x->h * x->w, x->c);
}

static rg_tensor_t *instance(rg_tape_t *tape, rg_tensor_t *x, rg_tensor_t *style, int offset, enum rg_act act,
                             rg_tensor_t *residual)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    assert(!residual || act == RG_ACT_NONE);
    assert(!style || (style->n == x->n && offset + 2 * x->c <= style->c));
    rg_tensor_t *y = rg_tape_tensor(tape, x->n, x->h, x->w, x->c);
    size_t stats = (size_t)x->n * (size_t)x->c * sizeof(float);
    instance_ctx_t *op = rg_tape_alloc(tape, sizeof *op);
    *op = (instance_ctx_t){
        x, y, residual, style, offset, act, rg_tape_alloc(tape, stats), rg_tape_alloc(tape, stats)};
    backend->instance_moments(backend, op->mean, op->rstd, map_of(x), x->n, x->h * x->w, x->c);
    instance_forward(tape, op);
    int needs = x->needs_grad || (style && style->needs_grad) || (residual && residual->needs_grad);
    if ((y->needs_grad = rg_tape_wants(tape, needs))) {
        rg_tape_record(tape, y, instance_backward, op);
        if (!residual) can_remake(y, instance_forward, op); // a residual may be forgotten itself
    }
    return y;
}

rg_tensor_t *rg_instance_norm(rg_tape_t *tape, rg_tensor_t *x, enum rg_act act, rg_tensor_t *residual)
{
    rg_tape_op(tape, "instance norm");
    return instance(tape, x, NULL, 0, act, residual);
}

rg_tensor_t *rg_adain(rg_tape_t *tape, rg_tensor_t *x, rg_tensor_t *style, int offset, enum rg_act act,
                      rg_tensor_t *residual)
{
    rg_tape_op(tape, "adain");
    return instance(tape, x, style, offset, act, residual);
}

typedef struct {
    rg_tensor_t *x, *y;
    rg_param_t *gain, *bias;
    enum rg_act act;
    float *mean, *std; // [N]
} layer_ctx_t;

static void layer_backward(rg_tape_t *tape, void *ctx)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    layer_ctx_t *op = ctx;
    rg_tensor_t *x = op->x, *y = op->y;
    if (!y->grad) return;
    through_act(tape, y, op->act);
    int add = 0, trainable = !op->gain->set->frozen;
    float *dx = rg_tape_grad(tape, x, &add);
    float *room = rg_tape_alloc(tape, (size_t)(x->n * 2 * x->c) * sizeof *room);
    backend->layer_backward(backend, dx, add, trainable ? op->gain->grad : NULL,
                            trainable ? op->bias->grad : NULL, room, y->grad, map_of(x), op->mean, op->std,
                            op->gain->value, x->n, x->h * x->w, x->c);
}

static void layer_forward(rg_tape_t *tape, void *ctx)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    layer_ctx_t *op = ctx;
    rg_tensor_t *x = op->x;
    backend->layer_forward(backend, op->y->data, map_of(x), op->mean, op->std, op->gain->value,
                           op->bias->value, op->act, x->n, x->h * x->w, x->c);
}

rg_tensor_t *rg_layer_norm(rg_tape_t *tape, rg_tensor_t *x, rg_param_t *gain, rg_param_t *bias,
                           enum rg_act act)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_tape_op(tape, "layer norm");
    assert(gain->shape[0] == x->c && bias->shape[0] == x->c);
    rg_params_use(gain->set, backend);
    rg_tensor_t *y = rg_tape_tensor(tape, x->n, x->h, x->w, x->c);
    size_t stats = (size_t)x->n * sizeof(float);
    layer_ctx_t *op = rg_tape_alloc(tape, sizeof *op);
    *op = (layer_ctx_t){x, y, gain, bias, act, rg_tape_alloc(tape, stats), rg_tape_alloc(tape, stats)};
    backend->layer_moments(backend, op->mean, op->std, map_of(x), x->n, x->h * x->w, x->c);
    layer_forward(tape, op);
    if ((y->needs_grad = rg_tape_wants(tape, x->needs_grad || !gain->set->frozen))) {
        rg_tape_record(tape, y, layer_backward, op);
        can_remake(y, layer_forward, op);
    }
    return y;
}

typedef struct {
    rg_tensor_t *x, *y;
    float *length; // [N]
} unit_ctx_t;

static void unit_backward(rg_tape_t *tape, void *ctx)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    unit_ctx_t *op = ctx;
    int add = 0;
    if (!op->y->grad) return;
    float *dx = rg_tape_grad(tape, op->x, &add);
    backend->unit_backward(backend, dx, add, op->y->grad, op->y->data, op->length, op->x->n, op->x->c);
}

rg_tensor_t *rg_unit(rg_tape_t *tape, rg_tensor_t *x)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_tape_op(tape, "unit");
    assert(x->h == 1 && x->w == 1);
    rg_tensor_t *y = rg_tape_tensor(tape, x->n, 1, 1, x->c);
    unit_ctx_t *op = rg_tape_alloc(tape, sizeof *op);
    *op = (unit_ctx_t){x, y, rg_tape_alloc(tape, (size_t)x->n * sizeof(float))};
    backend->unit_forward(backend, y->data, op->length, x->data, x->n, x->c);
    if ((y->needs_grad = rg_tape_wants(tape, x->needs_grad))) rg_tape_record(tape, y, unit_backward, op);
    return y;
}
