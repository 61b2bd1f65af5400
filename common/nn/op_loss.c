// Losses. The value is computed when the loss is recorded, the weighted gradient when the tape runs backward.
#include <assert.h>

#include "common/nn/ops.h"

typedef struct {
    rg_tensor_t *a, *b; // b NULL: a constant
    rg_loss_t loss;
} loss_ctx_t;

static void loss_backward(rg_tape_t *tape, void *ctx)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    loss_ctx_t *op = ctx;
    rg_loss_t loss = op->loss;
    loss.da = rg_tape_grad(tape, op->a, &loss.add_a);
    if (op->b) loss.db = rg_tape_grad(tape, op->b, &loss.add_b);
    backend->loss(backend, NULL, &loss);
}

// loss->b is b's data, or what stands for it.
static void add_loss(rg_tape_t *tape, double *sum, rg_tensor_t *a, rg_tensor_t *b, rg_loss_t loss)
{
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_tape_op(tape, "losses");
    loss.a = a->data;
    loss.n = rg_tensor_size(a);
    if (b) loss.b = b->data;
    if (!loss.count) loss.count = loss.n;
    backend->loss(backend, sum, &loss);
    if (loss.weight == 0 || !rg_tape_wants(tape, a->needs_grad || (b && b->needs_grad))) return;
    loss_ctx_t *op = rg_tape_alloc(tape, sizeof *op);
    *op = (loss_ctx_t){a, b, loss};
    rg_tape_record(tape, NULL, loss_backward, op);
}

void rg_loss_l1(rg_tape_t *tape, rg_tensor_t *a, rg_tensor_t *b, float weight, double *sum)
{
    assert(rg_tensor_size(a) == rg_tensor_size(b));
    add_loss(tape, sum, a, b, (rg_loss_t){.kind = RG_LOSS_L1, .weight = weight});
}

void rg_loss_l2(rg_tape_t *tape, rg_tensor_t *a, rg_tensor_t *b, float weight, double *sum)
{
    assert(rg_tensor_size(a) == rg_tensor_size(b));
    add_loss(tape, sum, a, b, (rg_loss_t){.kind = RG_LOSS_L2, .weight = weight});
}

void rg_loss_square(rg_tape_t *tape, rg_tensor_t *a, float target, float weight, double *sum)
{
    add_loss(tape, sum, a, NULL, (rg_loss_t){.kind = RG_LOSS_L2, .target = target, .weight = weight});
}

void rg_loss_product(rg_tape_t *tape, rg_tensor_t *a, float factor, float weight, double *sum)
{
    add_loss(tape, sum, a, NULL, (rg_loss_t){.kind = RG_LOSS_PRODUCT, .target = factor, .weight = weight});
}

void rg_loss_bce(rg_tape_t *tape, rg_tensor_t *logits, const float *labels, float weight, double *sum)
{
    labels = rg_tape_upload(tape, labels, rg_tensor_size(logits) * sizeof *labels);
    add_loss(tape, sum, logits, NULL, (rg_loss_t){.kind = RG_LOSS_BCE, .b = labels, .weight = weight});
}

void rg_loss_gaussian(rg_tape_t *tape, const rg_gaussian_t *gaussian, rg_tensor_t *mean, rg_tensor_t *logvar,
                      float weight, double *sum)
{
    assert(rg_tensor_size(mean) == rg_tensor_size(logvar));
    add_loss(tape, sum, mean, logvar,
             (rg_loss_t){.kind = gaussian->form,
                         .c = rg_tape_upload(tape, gaussian->mean, rg_tensor_size(mean) * sizeof(float)),
                         .target = gaussian->std,
                         .weight = weight,
                         .count = gaussian->count});
}
