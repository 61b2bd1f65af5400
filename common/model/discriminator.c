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
    rg_backend_t *backend = rg_tape_backend(tape);
    rg_tensor_t *map[RG_SCALES_MAX] = {x}, *h[RG_D_LAYERS_MAX + 1];
    rg_tape_pause(tape); // of the way forward only the signs are used
    for (int s = 0; s < scale; s++) map[s + 1] = rg_pool3(tape, map[s]);
    h[0] = map[scale];
    for (int i = 0; i < net->layers; i++) h[i + 1] = rg_conv(tape, h[i], &conv[i]);
    rg_tape_resume(tape);
    rg_tensor_t *last = h[net->layers], *g = rg_tape_tensor(tape, x->n, last->h, last->w, 1);
    backend->fill(backend, g->data, 1.0f / (float)(g->h * g->w), rg_tensor_size(g));
    g = rg_conv_adjoint(tape, g, source, last);
    for (int i = net->layers - 1; i >= 0; i--)
        g = rg_conv_adjoint(tape, rg_act_adjoint(tape, g, h[i + 1], conv[i].act), &conv[i], h[i]);
    for (int s = scale - 1; s >= 0; s--) g = rg_pool3_adjoint(tape, g, map[s]);
    return g;
}

// ---- losses

void rg_loss_adversarial(rg_tape_t *tape, const rg_discriminator_t *net,
                         const rg_discriminator_output_t *output, enum rg_gan form, int wanted, float weight,
                         double *sum)
{
    for (int s = 0; s < net->scales; s++)
        if (form == RG_GAN_LSGAN)
            rg_loss_square(tape, output->source[s], (float)wanted, weight, sum);
        else
            rg_loss_product(tape, output->source[s], wanted ? -1 : 1, weight, sum);
}

// mix * real + (1 - mix) * fake, without a graph
static rg_tensor_t *mix_images(rg_tape_t *tape, rg_tensor_t *real, rg_tensor_t *fake, const float *mix)
{
    rg_tape_pause(tape);
    rg_tensor_t *share = rg_tape_input(tape, real->n, 1, 1, 1, mix),
                *step = rg_broadcast(tape, RG_TIMES, rg_broadcast(tape, RG_MINUS, real, fake), share),
                *x = rg_add(tape, fake, step);
    rg_tape_resume(tape);
    return x;
}

void rg_loss_gradient_penalty(rg_tape_t *tape, const rg_discriminator_t *net, rg_tensor_t *real,
                              rg_tensor_t *fake, const float *mix, float weight, double *sum)
{
    rg_tensor_t *x = mix_images(tape, real, fake, mix);
    for (int s = 0; s < net->scales; s++)
        rg_loss_square(tape, rg_length(tape, rg_discriminator_slope(tape, net, s, x)), 1, weight, sum);
}
