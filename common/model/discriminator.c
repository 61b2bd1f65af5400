// The gradient penalty needs the gradient of a gradient: it depends on D's slope with respect to the input, and
// D learns from its gradient with respect to the weights. D is a chain of convolutions and leaky ReLUs, so its
// slope is a chain too: from the mean of the last map back to the image, each convolution's adjoint and each
// activation's factor, 1 or RG_LEAKY_SLOPE by the sign of its output. rg_discriminator_slope writes that chain
// as a graph of ops:
//
//     x ──conv──act──conv──act── source ── mean      forward: not recorded, only the signs are used
//     g ◄─conv'─act'─conv'─act'─ source' ◄ 1/(h*w)   the slope: recorded, its backward reaches the weights
//
// So the second derivative is exact, and the tape needs no support for second derivatives.
#include "common/model/discriminator.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

#include "common/model/layers.h"

static void declare_scale(rg_discriminator_t *net, int s, rg_params_t *set, const rg_config_t *config)
{
    int width = 3, side = (config->data.img_size >> s) >> net->layers;
    char name[32];
    for (int i = 0; i < net->layers; i++) {
        int out = i == 0 ? config->model.df : 2 * width;
        if (out > RG_D_WIDTH_MAX) out = RG_D_WIDTH_MAX;
        snprintf(name, sizeof name, "%d.conv.%d", s, i);
        net->scale[s].conv[i] = rg_layer_conv(
            set, name,
            (rg_conv_spec_t){
                .in = width, .out = out, .k = 4, .stride = 2, .pad = 1, .reflect = 1, .act = RG_ACT_LEAKY});
        width = out;
    }
    snprintf(name, sizeof name, "%d.source", s);
    net->scale[s].source =
        rg_layer_conv(set, name, (rg_conv_spec_t){.in = width, .out = 1, .k = 1, .stride = 1});
    snprintf(name, sizeof name, "%d.class", s);
    net->scale[s].classes = rg_layer_conv(
        set, name,
        (rg_conv_spec_t){
            .in = width, .out = config->data.attributes.count, .k = side, .stride = 1, .no_bias = 1});
}

void rg_discriminator_declare(rg_discriminator_t *net, rg_params_t *set, const rg_config_t *config)
{
    net->scales = config->model.d_scales;
    net->layers = config->model.d_layers;
    for (int s = 0; s < net->scales; s++) declare_scale(net, s, set, config);
}

rg_discriminator_output_t rg_discriminate(rg_tape_t *tape, const rg_discriminator_t *net, rg_tensor_t *x)
{
    rg_discriminator_output_t output = {0};
    for (int s = 0; s < net->scales; s++) {
        if (s > 0) x = rg_pool3(tape, x);
        rg_tensor_t *h = x;
        for (int i = 0; i < net->layers; i++) h = rg_conv(tape, h, &net->scale[s].conv[i]);
        output.source[s] = rg_conv(tape, h, &net->scale[s].source);
        output.logits[s] = rg_conv(tape, h, &net->scale[s].classes);
    }
    return output;
}

rg_tensor_t *rg_discriminator_slope(rg_tape_t *tape, const rg_discriminator_t *net, int scale, rg_tensor_t *x)
{
    const rg_conv_t *conv = net->scale[scale].conv, *source = &net->scale[scale].source;
    rg_tensor_t *map[RG_SCALES_MAX] = {x}, *h[RG_D_LAYERS_MAX + 1];
    rg_tape_pause(tape); // of the way forward only the signs are used
    for (int s = 0; s < scale; s++) map[s + 1] = rg_pool3(tape, map[s]);
    h[0] = map[scale];
    for (int i = 0; i < net->layers; i++) h[i + 1] = rg_conv(tape, h[i], &conv[i]);
    rg_tape_resume(tape);
    rg_tensor_t *last = h[net->layers], *g = rg_tape_tensor(tape, x->n, last->h, last->w, 1);
    for (size_t i = 0; i < rg_tensor_size(g); i++) g->data[i] = 1.0f / (float)(g->h * g->w);
    g = rg_conv_adjoint(tape, g, source, last);
    for (int i = net->layers - 1; i >= 0; i--)
        g = rg_conv_adjoint(tape, rg_act_adjoint(tape, g, h[i + 1], conv[i].act), &conv[i], h[i]);
    for (int s = scale - 1; s >= 0; s--) g = rg_pool3_adjoint(tape, g, map[s]);
    return g;
}

typedef struct {
    rg_tensor_t *x;
    float *each; // [1] the gradient of every element; or [N], of image n's elements, times the element
} slope_ctx_t;

// ---- the adversarial loss

static void weighted_mean_backward(rg_tape_t *tape, void *ctx)
{
    slope_ctx_t *op = ctx;
    int add = 0;
    float *dx = rg_tape_grad(tape, op->x, &add);
    for (size_t i = 0; i < rg_tensor_size(op->x); i++) dx[i] = (add ? dx[i] : 0) + *op->each;
}

// The mean of x; the gradient is multiplied by weight, which may be negative.
static double weighted_mean(rg_tape_t *tape, rg_tensor_t *x, float weight)
{
    rg_tape_op(tape, "losses");
    double sum = 0, size = (double)rg_tensor_size(x);
    for (size_t i = 0; i < rg_tensor_size(x); i++) sum += (double)x->data[i];
    if (weight != 0 && rg_tape_wants(tape, x->needs_grad)) {
        slope_ctx_t *op = rg_tape_alloc(tape, sizeof *op);
        *op = (slope_ctx_t){x, rg_tape_alloc(tape, sizeof *op->each)};
        *op->each = (float)((double)weight / size);
        rg_tape_record(tape, NULL, weighted_mean_backward, op);
    }
    return sum / size;
}

double rg_loss_adversarial(rg_tape_t *tape, const rg_discriminator_t *net,
                           const rg_discriminator_output_t *output, enum rg_gan form, int wanted,
                           float weight)
{
    double sum = 0, sign = wanted ? -1 : 1;
    for (int s = 0; s < net->scales; s++)
        sum += form == RG_GAN_LSGAN ? rg_loss_square(tape, output->source[s], (float)wanted, weight)
                                    : sign * weighted_mean(tape, output->source[s], (float)sign * weight);
    return sum;
}

// ---- gradient penalty

static void length_backward(rg_tape_t *tape, void *ctx)
{
    slope_ctx_t *op = ctx;
    rg_tensor_t *x = op->x;
    size_t image = rg_tensor_size(x) / (size_t)x->n;
    int add = 0;
    float *dx = rg_tape_grad(tape, x, &add);
    for (size_t i = 0; i < rg_tensor_size(x); i++)
        dx[i] = (add ? dx[i] : 0) + op->each[i / image] * x->data[i];
}

static double vector_length(const float *x, size_t n)
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
    slope_ctx_t *op = rg_tape_alloc(tape, sizeof *op);
    *op = (slope_ctx_t){x, rg_tape_alloc(tape, (size_t)x->n * sizeof *op->each)};
    double sum = 0;
    for (int n = 0; n < x->n; n++) {
        double l = vector_length(x->data + (size_t)n * image, image);
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
