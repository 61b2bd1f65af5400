#include "common/model/critic.h"

#include <assert.h>
#include <math.h>

typedef struct {
    rg_tensor_t *x;
    float *each; // [N]: what an element of image n adds to its gradient, as a constant or as a factor
} critic_ctx_t;

// ---- wgan

static void mean_backward(rg_tape_t *tape, void *ctx)
{
    critic_ctx_t *op = ctx;
    int add = 0;
    float *dx = rg_tape_grad(tape, op->x, &add);
    for (size_t i = 0; i < rg_tensor_size(op->x); i++) dx[i] = (add ? dx[i] : 0) + *op->each;
}

// The mean of x; the gradient is multiplied by weight, which may be negative.
static double mean(rg_tape_t *tape, rg_tensor_t *x, float weight)
{
    rg_tape_op(tape, "losses");
    double sum = 0, size = (double)rg_tensor_size(x);
    for (size_t i = 0; i < rg_tensor_size(x); i++) sum += (double)x->data[i];
    if (weight != 0 && rg_tape_wants(tape, x->needs_grad)) {
        critic_ctx_t *op = rg_tape_alloc(tape, sizeof *op);
        *op = (critic_ctx_t){x, rg_tape_alloc(tape, sizeof *op->each)};
        *op->each = (float)((double)weight / size);
        rg_tape_record(tape, NULL, mean_backward, op);
    }
    return sum / size;
}

double rg_loss_adversarial(rg_tape_t *tape, const rg_discriminator_t *net, const rg_verdict_t *verdict,
                           enum rg_gan form, int wanted, float weight)
{
    double sum = 0, sign = wanted ? -1 : 1;
    for (int s = 0; s < net->scales; s++)
        sum += form == RG_GAN_LSGAN ? rg_loss_square(tape, verdict->source[s], (float)wanted, weight)
                                    : sign * mean(tape, verdict->source[s], (float)sign * weight);
    return sum;
}

// ---- gradient penalty

static void length_backward(rg_tape_t *tape, void *ctx)
{
    critic_ctx_t *op = ctx;
    rg_tensor_t *x = op->x;
    size_t image = rg_tensor_size(x) / (size_t)x->n;
    int add = 0;
    float *dx = rg_tape_grad(tape, x, &add);
    for (size_t i = 0; i < rg_tensor_size(x); i++)
        dx[i] = (add ? dx[i] : 0) + op->each[i / image] * x->data[i];
}

static double length(const float *x, size_t n)
{
    double squares = 0;
    for (size_t i = 0; i < n; i++) squares += (double)x[i] * (double)x[i];
    return sqrt(squares);
}

// Mean over images of (|x|_2 - 1)^2.
static double unit_length(rg_tape_t *tape, rg_tensor_t *x, float weight)
{
    rg_tape_op(tape, "losses");
    size_t image = rg_tensor_size(x) / (size_t)x->n;
    critic_ctx_t *op = rg_tape_alloc(tape, sizeof *op);
    *op = (critic_ctx_t){x, rg_tape_alloc(tape, (size_t)x->n * sizeof *op->each)};
    double sum = 0;
    for (int n = 0; n < x->n; n++) {
        double l = length(x->data + (size_t)n * image, image);
        sum += (l - 1) * (l - 1);
        op->each[n] = l > 0 ? (float)(2 * (double)weight / x->n * (l - 1) / l) : 0; // no direction at 0
    }
    if (weight != 0 && rg_tape_wants(tape, x->needs_grad)) rg_tape_record(tape, NULL, length_backward, op);
    return sum / x->n;
}

double rg_loss_gradient_penalty(rg_tape_t *tape, const rg_discriminator_t *net, const rg_tensor_t *real,
                                const rg_tensor_t *fake, const float *mix, float weight)
{
    assert(rg_tensor_size(real) == rg_tensor_size(fake));
    rg_tensor_t *x = rg_tape_tensor(tape, real->n, real->h, real->w, real->c);
    size_t image = rg_tensor_size(x) / (size_t)x->n;
    double sum = 0;
    x->needs_grad = 0;
    for (size_t i = 0; i < rg_tensor_size(x); i++) {
        float share = mix[i / image];
        x->data[i] = share * real->data[i] + (1 - share) * fake->data[i];
    }
    for (int s = 0; s < net->scales; s++)
        sum += unit_length(tape, rg_discriminator_slope(tape, net, s, x), weight);
    return sum;
}
