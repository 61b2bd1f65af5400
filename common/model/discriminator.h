// D, the discriminator (rg-unit section 3): d_scales copies on the image and its halvings (3x3 stride-2
// averages); each a stack of conv 4x4/2 doubling from df to at most 512, leaky ReLU, reflection padding, then
// a 1x1 real/fake head and a full-map attribute head without bias.
//   x [N,S,S,3] -> per scale: source [N,s,s,1], logits [N,1,1,A]
#ifndef RG_MODEL_DISCRIMINATOR_H
#define RG_MODEL_DISCRIMINATOR_H

#include "common/config/config.h"
#include "common/nn/ops.h"

enum { RG_SCALES_MAX = 4, RG_D_LAYERS_MAX = 8, RG_D_WIDTH_MAX = 512 };

typedef struct {
    struct {
        rg_conv_t conv[RG_D_LAYERS_MAX], source, classes;
    } scale[RG_SCALES_MAX];
    int scales, layers;
} rg_discriminator_t;

typedef struct {
    rg_tensor_t *source[RG_SCALES_MAX], *logits[RG_SCALES_MAX];
} rg_verdict_t;

void rg_discriminator_declare(rg_discriminator_t *net, rg_params_t *set, const rg_config_t *config);
rg_verdict_t rg_discriminate(rg_tape_t *tape, const rg_discriminator_t *net, rg_tensor_t *x);

// Gradient with respect to x [N,S,S,3] of each image's mean of source[scale], [N,S,S,3], as a graph whose
// backward reaches D's weights. Exact but at the kinks of the activations: D is piecewise linear in x, so its
// slopes do not depend on x or the biases otherwise. x gets no gradient.
rg_tensor_t *rg_discriminator_slope(rg_tape_t *tape, const rg_discriminator_t *net, int scale,
                                    rg_tensor_t *x);

#endif
