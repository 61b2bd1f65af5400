// Operations without parameters: means, joining, slicing, masking, activations.
#include <assert.h>
#include <string.h>

#include "common/nn/ops.h"

static void global_mean_backward(rg_tape_t *tape, void *ctx)
{
    rg_unary_op_t *op = ctx;
    int add;
    if (!op->y->grad) return;
    float *dx = rg_tape_grad(tape, op->x, &add);
    rg_tape_backend(tape)->mean_backward(dx, add, op->y->grad, op->x->n, op->x->h * op->x->w, op->x->c);
}

rg_tensor_t *rg_global_mean(rg_tape_t *tape, rg_tensor_t *x)
{
    rg_tape_op(tape, "global mean");
    rg_tensor_t *y = rg_tape_tensor(tape, x->n, 1, 1, x->c);
    rg_tape_backend(tape)->mean_forward(y->data, x->data, x->n, x->h * x->w, x->c);
    return rg_tape_record_unary(tape, x, y, global_mean_backward, NULL, 0);
}

// ---- layout

// to[c][p] (+)= from[p][c] over one image, or from[c][p] to to[p][c] if `back`.
static void transpose(float *to, const float *from, int pixels, int channels, int back, int add)
{
    for (int p = 0; p < pixels; p++)
        for (int c = 0; c < channels; c++) {
            size_t nhwc = (size_t)p * (size_t)channels + (size_t)c,
                   nchw = (size_t)c * (size_t)pixels + (size_t)p;
            size_t target = back ? nhwc : nchw, source = back ? nchw : nhwc;
            to[target] = add ? to[target] + from[source] : from[source];
        }
}

static void flatten_backward(rg_tape_t *tape, void *ctx)
{
    rg_unary_op_t *op = ctx;
    rg_tensor_t *x = op->x;
    int add;
    if (!op->y->grad) return;
    float *dx = rg_tape_grad(tape, x, &add);
    size_t image = rg_tensor_size(x) / (size_t)x->n;
    for (int n = 0; n < x->n; n++)
        transpose(dx + (size_t)n * image, op->y->grad + (size_t)n * image, x->h * x->w, x->c, 1, add);
}

rg_tensor_t *rg_flatten(rg_tape_t *tape, rg_tensor_t *x)
{
    rg_tape_op(tape, "flatten");
    rg_tensor_t *y = rg_tape_tensor(tape, x->n, 1, 1, x->h * x->w * x->c);
    for (int n = 0; n < x->n; n++)
        transpose(y->data + (size_t)n * (size_t)y->c, x->data + (size_t)n * (size_t)y->c, x->h * x->w, x->c,
                  0, 0);
    return rg_tape_record_unary(tape, x, y, flatten_backward, NULL, 0);
}

typedef struct {
    rg_tensor_t **x, *y;
    int count;
} concat_ctx_t;

// Copies x's channels into (out) or adds/copies y's channels back into (in) rows of width y.
static void concat_backward(rg_tape_t *tape, void *ctx)
{
    concat_ctx_t *op = ctx;
    size_t rows = rg_tensor_size(op->y) / (size_t)op->y->c, offset = 0;
    if (!op->y->grad) return;
    for (int i = 0; i < op->count; i++) {
        rg_tensor_t *x = op->x[i];
        size_t width = (size_t)x->c;
        int add;
        float *dx = rg_tape_grad(tape, x, &add);
        for (size_t r = 0; dx && r < rows; r++) {
            const float *from = op->y->grad + r * (size_t)op->y->c + offset;
            for (size_t c = 0; c < width; c++) dx[r * width + c] = from[c] + (add ? dx[r * width + c] : 0);
        }
        offset += width;
    }
}

rg_tensor_t *rg_concat(rg_tape_t *tape, rg_tensor_t *const *x, int count)
{
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
        for (size_t r = 0; r < rows; r++)
            memcpy(y->data + r * (size_t)channels + offset, x[i]->data + r * width, width * sizeof(float));
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
    rg_tape_backend(tape)->act_backward(dx, add, dy, NULL, RG_ACT_NONE, n);
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
    rg_tape_op(tape, "stack");
    assert(a->h == b->h && a->w == b->w && a->c == b->c);
    rg_tensor_t *y = rg_tape_tensor(tape, a->n + b->n, a->h, a->w, a->c);
    memcpy(y->data, a->data, rg_tensor_size(a) * sizeof(float));
    memcpy(y->data + rg_tensor_size(a), b->data, rg_tensor_size(b) * sizeof(float));
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
    rg_unary_op_t *op = ctx;
    rg_tensor_t *x = op->x, *y = op->y;
    int add;
    if (!y->grad) return;
    float *dx = rg_tape_grad(tape, x, &add);
    if (!add) memset(dx, 0, rg_tensor_size(x) * sizeof(float));
    size_t image = rg_tensor_size(x) / (size_t)x->n;
    pass_gradient(tape, dx + (size_t)op->value * image, 1, y->grad, rg_tensor_size(y));
}

rg_tensor_t *rg_rows(rg_tape_t *tape, rg_tensor_t *x, int first, int count)
{
    rg_tape_op(tape, "rows");
    assert(first >= 0 && count >= 1 && first + count <= x->n);
    size_t row = rg_tensor_size(x) / (size_t)x->n;
    rg_tensor_t *y = rg_tape_input(tape, count, x->h, x->w, x->c, x->data + (size_t)first * row);
    return rg_tape_record_unary(tape, x, y, rows_backward, NULL, first);
}

static void channels_backward(rg_tape_t *tape, void *ctx)
{
    rg_unary_op_t *op = ctx;
    rg_tensor_t *x = op->x, *y = op->y;
    size_t width = (size_t)y->c, rows = rg_tensor_size(y) / width;
    int add;
    if (!y->grad) return;
    float *dx = rg_tape_grad(tape, x, &add);
    if (!add) memset(dx, 0, rg_tensor_size(x) * sizeof(float));
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < width; c++)
            dx[r * (size_t)x->c + (size_t)op->value + c] += y->grad[r * width + c];
}

rg_tensor_t *rg_channels(rg_tape_t *tape, rg_tensor_t *x, int first, int count)
{
    rg_tape_op(tape, "channels");
    assert(first >= 0 && count >= 1 && first + count <= x->c);
    rg_tensor_t *y = rg_tape_tensor(tape, x->n, x->h, x->w, count);
    size_t width = (size_t)count, rows = rg_tensor_size(y) / width;
    for (size_t r = 0; r < rows; r++)
        memcpy(y->data + r * width, x->data + r * (size_t)x->c + first, width * sizeof(float));
    return rg_tape_record_unary(tape, x, y, channels_backward, NULL, first);
}

// ---- masks and activations

typedef struct {
    rg_tensor_t *a, *b, *y;
    const unsigned char *mask;
} select_ctx_t;

static void select_one(rg_tape_t *tape, rg_tensor_t *x, const select_ctx_t *op, int wanted)
{
    int add;
    float *dx = rg_tape_grad(tape, x, &add);
    for (size_t i = 0; dx && i < rg_tensor_size(x); i++)
        dx[i] = (add ? dx[i] : 0) + ((op->mask[i] != 0) == wanted ? op->y->grad[i] : 0);
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
    rg_tape_op(tape, "select");
    assert(rg_tensor_size(a) == rg_tensor_size(b));
    rg_tensor_t *y = rg_tape_tensor(tape, a->n, a->h, a->w, a->c);
    for (size_t i = 0; i < rg_tensor_size(y); i++) y->data[i] = mask[i] ? a->data[i] : b->data[i];
    if ((y->needs_grad = rg_tape_wants(tape, a->needs_grad || b->needs_grad))) {
        select_ctx_t *op = rg_tape_alloc(tape, sizeof *op);
        *op = (select_ctx_t){a, b, y, mask};
        rg_tape_record(tape, y, select_backward, op);
    }
    return y;
}

typedef struct {
    rg_tensor_t *mask, *a, *b, *y;
} blend_ctx_t;

// dx (+)= dy * share of the pixel: the mask for a, 1 - mask for b.
static void blend_one(rg_tape_t *tape, rg_tensor_t *x, const blend_ctx_t *op, int rest)
{
    size_t channels = (size_t)x->c;
    int add;
    float *dx = rg_tape_grad(tape, x, &add);
    for (size_t p = 0; dx && p < rg_tensor_size(op->mask); p++) {
        float share = rest ? 1 - op->mask->data[p] : op->mask->data[p];
        for (size_t i = p * channels; i < (p + 1) * channels; i++)
            dx[i] = (add ? dx[i] : 0) + share * op->y->grad[i];
    }
}

static void blend_backward(rg_tape_t *tape, void *ctx)
{
    blend_ctx_t *op = ctx;
    size_t channels = (size_t)op->y->c;
    int add;
    if (!op->y->grad) return;
    blend_one(tape, op->a, op, 0);
    blend_one(tape, op->b, op, 1);
    float *dmask = rg_tape_grad(tape, op->mask, &add);
    for (size_t p = 0; dmask && p < rg_tensor_size(op->mask); p++) {
        float sum = add ? dmask[p] : 0;
        for (size_t i = p * channels; i < (p + 1) * channels; i++)
            sum += op->y->grad[i] * (op->a->data[i] - op->b->data[i]);
        dmask[p] = sum;
    }
}

rg_tensor_t *rg_blend(rg_tape_t *tape, rg_tensor_t *mask, rg_tensor_t *a, rg_tensor_t *b)
{
    rg_tape_op(tape, "blend");
    assert(rg_tensor_size(a) == rg_tensor_size(b) && a->c == b->c && mask->c == 1);
    assert(rg_tensor_size(mask) * (size_t)a->c == rg_tensor_size(a));
    rg_tensor_t *y = rg_tape_tensor(tape, a->n, a->h, a->w, a->c);
    size_t channels = (size_t)y->c;
    for (size_t p = 0; p < rg_tensor_size(mask); p++) {
        float share = mask->data[p];
        for (size_t i = p * channels; i < (p + 1) * channels; i++)
            y->data[i] = a->data[i] * share + b->data[i] * (1 - share);
    }
    if ((y->needs_grad = rg_tape_wants(tape, mask->needs_grad || a->needs_grad || b->needs_grad))) {
        blend_ctx_t *op = rg_tape_alloc(tape, sizeof *op);
        *op = (blend_ctx_t){mask, a, b, y};
        rg_tape_record(tape, y, blend_backward, op);
    }
    return y;
}

static void dropout_backward(rg_tape_t *tape, void *ctx)
{
    rg_unary_op_t *op = ctx;
    const float *keep = op->extra;
    int add;
    if (!op->y->grad) return;
    float *dx = rg_tape_grad(tape, op->x, &add);
    for (size_t i = 0; i < rg_tensor_size(op->x); i++) dx[i] = (add ? dx[i] : 0) + keep[i] * op->y->grad[i];
}

rg_tensor_t *rg_dropout(rg_tape_t *tape, rg_tensor_t *x, const float *keep)
{
    rg_tape_op(tape, "dropout");
    rg_tensor_t *y = rg_tape_tensor(tape, x->n, x->h, x->w, x->c);
    for (size_t i = 0; i < rg_tensor_size(x); i++) y->data[i] = keep[i] * x->data[i];
    return rg_tape_record_unary(tape, x, y, dropout_backward, keep, 0);
}

static void act_backward(rg_tape_t *tape, void *ctx)
{
    rg_unary_op_t *op = ctx;
    int add;
    if (!op->y->grad) return;
    float *dx = rg_tape_grad(tape, op->x, &add);
    rg_tape_backend(tape)->act_backward(dx, add, op->y->grad, op->y->data, (enum rg_act)op->value,
                                        rg_tensor_size(op->y));
}

rg_tensor_t *rg_act(rg_tape_t *tape, rg_tensor_t *x, enum rg_act act)
{
    rg_tape_op(tape, "activation");
    rg_tensor_t *y = rg_tape_tensor(tape, x->n, x->h, x->w, x->c);
    rg_tape_backend(tape)->act_forward(y->data, x->data, act, rg_tensor_size(x));
    return rg_tape_record_unary(tape, x, y, act_backward, NULL, (int)act);
}

static void act_adjoint_backward(rg_tape_t *tape, void *ctx)
{
    rg_unary_op_t *op = ctx;
    int add;
    if (!op->y->grad) return;
    float *dg = rg_tape_grad(tape, op->x, &add);
    rg_tape_backend(tape)->act_backward(dg, add, op->y->grad, op->extra, (enum rg_act)op->value,
                                        rg_tensor_size(op->y));
}

rg_tensor_t *rg_act_adjoint(rg_tape_t *tape, rg_tensor_t *g, const rg_tensor_t *y, enum rg_act act)
{
    rg_tape_op(tape, "activation");
    assert(act <= RG_ACT_LEAKY && rg_tensor_size(g) == rg_tensor_size(y));
    rg_tensor_t *out = rg_tape_tensor(tape, g->n, g->h, g->w, g->c);
    rg_tape_backend(tape)->act_backward(out->data, 0, g->data, y->data, act, rg_tensor_size(g));
    return rg_tape_record_unary(tape, g, out, act_adjoint_backward, y->data, (int)act);
}
