// Losses. The value is computed when the loss is recorded, the weighted gradient when the tape runs backward.
#include <assert.h>

#include "common/nn/ops.h"

typedef struct {
    rg_tensor_t *a, *b;
    const float *labels;
    float target, weight;
} loss_ctx_t;

// Records backward if a gradient is wanted.
static void record(rg_tape_t *tape, rg_backward_fn *backward, loss_ctx_t loss)
{
    if (loss.weight == 0) return;
    if (!rg_tape_wants(tape, loss.a->needs_grad || (loss.b && loss.b->needs_grad))) return;
    loss_ctx_t *op = rg_tape_alloc(tape, sizeof *op);
    *op = loss;
    rg_tape_record(tape, NULL, backward, op);
}

static void l1_backward(rg_tape_t *tape, void *ctx)
{
    loss_ctx_t *op = ctx;
    int add_a = 0, add_b = 0;
    float *da = rg_tape_grad(tape, op->a, &add_a), *db = rg_tape_grad(tape, op->b, &add_b);
    rg_tape_backend(tape)->l1(da, add_a, db, add_b, op->a->data, op->b->data, op->weight,
                              rg_tensor_size(op->a));
}

double rg_loss_l1(rg_tape_t *tape, rg_tensor_t *a, rg_tensor_t *b, float weight)
{
    rg_tape_op(tape, "losses");
    assert(rg_tensor_size(a) == rg_tensor_size(b));
    record(tape, l1_backward, (loss_ctx_t){.a = a, .b = b, .weight = weight});
    return rg_tape_backend(tape)->l1(NULL, 0, NULL, 0, a->data, b->data, 0, rg_tensor_size(a));
}

static void l2_backward(rg_tape_t *tape, void *ctx)
{
    loss_ctx_t *op = ctx;
    int add_a = 0, add_b = 0;
    float *da = rg_tape_grad(tape, op->a, &add_a), *db = rg_tape_grad(tape, op->b, &add_b);
    rg_tape_backend(tape)->l2(da, add_a, db, add_b, op->a->data, op->b->data, op->weight,
                              rg_tensor_size(op->a));
}

double rg_loss_l2(rg_tape_t *tape, rg_tensor_t *a, rg_tensor_t *b, float weight)
{
    rg_tape_op(tape, "losses");
    assert(rg_tensor_size(a) == rg_tensor_size(b));
    record(tape, l2_backward, (loss_ctx_t){.a = a, .b = b, .weight = weight});
    return rg_tape_backend(tape)->l2(NULL, 0, NULL, 0, a->data, b->data, 0, rg_tensor_size(a));
}

static void square_backward(rg_tape_t *tape, void *ctx)
{
    loss_ctx_t *op = ctx;
    int add = 0;
    float *da = rg_tape_grad(tape, op->a, &add);
    rg_tape_backend(tape)->square(da, add, op->a->data, op->target, op->weight, rg_tensor_size(op->a));
}

double rg_loss_square(rg_tape_t *tape, rg_tensor_t *a, float target, float weight)
{
    rg_tape_op(tape, "losses");
    record(tape, square_backward, (loss_ctx_t){.a = a, .target = target, .weight = weight});
    return rg_tape_backend(tape)->square(NULL, 0, a->data, target, 0, rg_tensor_size(a));
}

static void bce_backward(rg_tape_t *tape, void *ctx)
{
    loss_ctx_t *op = ctx;
    int add = 0;
    float *da = rg_tape_grad(tape, op->a, &add);
    rg_tape_backend(tape)->bce(da, add, op->a->data, op->labels, op->weight, rg_tensor_size(op->a));
}

double rg_loss_bce(rg_tape_t *tape, rg_tensor_t *logits, const float *labels, float weight)
{
    rg_tape_op(tape, "losses");
    record(tape, bce_backward, (loss_ctx_t){.a = logits, .labels = labels, .weight = weight});
    return rg_tape_backend(tape)->bce(NULL, 0, logits->data, labels, 0, rg_tensor_size(logits));
}
