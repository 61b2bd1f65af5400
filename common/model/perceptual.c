#include "common/model/perceptual.h"

#include <assert.h>
#include <stdio.h>

#include "common/model/layers.h"
#include "common/model/safetensors.h"

const int RG_VGG16_WIDTHS[RG_VGG_BLOCKS] = {64, 128, 256, 512, 512};

static const int DEPTHS[RG_VGG_BLOCKS] = {2, 2, 3, 3, 3}; // convolutions per block

static const float MEAN[3] = {0.485f, 0.456f, 0.406f}, STD[3] = {0.229f, 0.224f, 0.225f}; // of 0..1

static void init_normalise(rg_perceptual_t *net)
{
    rg_params_init(&net->normalise_set, "normalise");
    net->normalise =
        rg_layer_conv(&net->normalise_set, "rgb", (rg_conv_spec_t){.in = 3, .out = 3, .k = 1, .stride = 1});
    rg_params_alloc(&net->normalise_set, 0);
    for (int i = 0; i < 3; i++) {
        net->normalise.weight->value[4 * i] = 0.5f / STD[i]; // the diagonal
        net->normalise.bias->value[i] = (0.5f - MEAN[i]) / STD[i];
    }
}

void rg_perceptual_init(rg_perceptual_t *net, const int widths[RG_VGG_BLOCKS])
{
    int position = 0, in = 3; // torchvision counts convolutions, activations and maxima
    rg_conv_t *conv = net->conv;
    rg_params_init(&net->set, "features");
    for (int b = 0; b < RG_VGG_BLOCKS; b++, position++)
        for (int i = 0; i < DEPTHS[b]; i++, position += 2, in = widths[b]) {
            char name[16];
            snprintf(name, sizeof name, "%d", position);
            *conv++ = rg_layer_conv(
                &net->set, name,
                (rg_conv_spec_t){
                    .in = in, .out = widths[b], .k = 3, .stride = 1, .pad = 1, .act = RG_ACT_RELU});
        }
    rg_params_alloc(&net->set, 0);
    init_normalise(net);
}

void rg_perceptual_fini(rg_perceptual_t *net)
{
    rg_params_fini(&net->set);
    rg_params_fini(&net->normalise_set);
}

int rg_perceptual_load(rg_perceptual_t *net, const char *path)
{
    rg_safetensors_t *file;
    int err = rg_safetensors_open(&file, path);
    if (err) return err;
    for (int i = 0; !err && i < net->set.n; i++) {
        const rg_param_t *param = net->set.list[i];
        err = rg_safetensors_read(file, path, param->name, param->rank, param->shape, param->value);
    }
    rg_safetensors_close(&file);
    rg_params_changed(&net->set);
    return err;
}

static rg_tensor_t *features(rg_tape_t *tape, const rg_perceptual_t *net, rg_tensor_t *x)
{
    const rg_conv_t *conv = net->conv;
    x = rg_conv(tape, x, &net->normalise);
    for (int b = 0; b < RG_VGG_BLOCKS; b++) {
        if (b > 0) x = rg_max_pool2(tape, x);
        for (int i = 0; i < DEPTHS[b]; i++) x = rg_conv(tape, x, conv++);
    }
    return rg_instance_norm(tape, x, RG_ACT_NONE, NULL);
}

double rg_loss_perceptual(rg_tape_t *tape, const rg_perceptual_t *net, rg_tensor_t *image,
                          rg_tensor_t *source, float weight)
{
    assert(image->h >= 32 && image->w >= 32);
    return rg_loss_l2(tape, features(tape, net, image), features(tape, net, source), weight);
}
