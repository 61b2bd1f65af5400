#include "common/model/perceptual.h"

#include <assert.h>

#include "common/core/err.h"
#include "common/model/layers.h"

enum { RELU5_3 = 13 }; // the number of that ReLU, from 1

static void init_normalise(rg_perceptual_t *net)
{
    rg_params_init(&net->normalise_set, "normalise");
    net->normalise =
        rg_layer_conv(&net->normalise_set, "rgb", (rg_conv_spec_t){.in = 3, .out = 3, .k = 1, .stride = 1});
    rg_params_alloc(&net->normalise_set, 0);
    for (int i = 0; i < 3; i++) {
        net->normalise.weight->value[4 * i] = 0.5f / RG_IMAGENET_DEVIATION[i]; // the diagonal
        net->normalise.bias->value[i] = (0.5f - RG_IMAGENET_MEAN[i]) / RG_IMAGENET_DEVIATION[i];
    }
}

static int find_relu5_3(rg_perceptual_t *net, const char *path, int side)
{
    const char *name = rg_onnx_nth(net->vgg16, "Relu", RELU5_3);
    if (!name) return rg_fail(RG_EMODEL, "%s: not VGG16, which has %d or more Relu nodes", path, RELU5_3);
    int err = rg_onnx_plan(net->vgg16, side, side, &name, 1);
    if (err) return err;
    rg_onnx_shape_t shape = rg_onnx_shape(net->vgg16, 0);
    if (shape.h == side / 16 && shape.w == side / 16) return 0;
    return rg_fail(RG_EMODEL,
                   "%s: not VGG16: of an image with side %d Relu number %d makes a map with side %d, not %d",
                   path, side, RELU5_3, shape.h, side / 16);
}

int rg_perceptual_init(rg_perceptual_t *net, const char *path, int side)
{
    *net = (rg_perceptual_t){0};
    int err = rg_onnx_open(&net->vgg16, path);
    if (!err) err = find_relu5_3(net, path, side);
    if (err) {
        rg_perceptual_fini(net);
        return err;
    }
    init_normalise(net);
    return 0;
}

void rg_perceptual_fini(rg_perceptual_t *net)
{
    rg_onnx_close(&net->vgg16);
    rg_params_fini(&net->normalise_set);
}

static rg_tensor_t *normalised_relu5_3(rg_tape_t *tape, const rg_perceptual_t *net, rg_tensor_t *x)
{
    rg_tensor_t *relu5_3;
    rg_onnx_run(net->vgg16, tape, rg_conv(tape, x, &net->normalise), &relu5_3);
    return rg_instance_norm(tape, relu5_3, RG_ACT_NONE, NULL);
}

void rg_loss_perceptual(rg_tape_t *tape, const rg_perceptual_t *net, rg_tensor_t *image, rg_tensor_t *source,
                        float weight, double *sum)
{
    assert(image->h >= 32 && image->w >= 32);
    rg_loss_l2(tape, normalised_relu5_3(tape, net, image), normalised_relu5_3(tape, net, source), weight,
               sum);
}
