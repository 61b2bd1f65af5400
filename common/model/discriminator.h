// D, the discriminator, and the two forms of the real/fake game that D and G play.
//
// D (rg-unit section 3) is d_scales copies of one network, on the image and on its halvings (3x3 stride-2
// averages). Each copy is a stack of conv 4x4/2 that doubles the width from df to at most 512, with leaky ReLU
// and reflection padding; then a 1x1 head says real or fake, and a head over the whole map, without bias, says
// which attributes are shown.
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
} rg_discriminator_output_t;

void rg_discriminator_declare(rg_discriminator_t *net, rg_params_t *set, const rg_config_t *config);
rg_discriminator_output_t rg_discriminate(rg_tape_t *tape, const rg_discriminator_t *net, rg_tensor_t *x);

// The gradient with respect to x [N,S,S,3] of each image's mean of source[scale]: [N,S,S,3], as a graph whose
// backward pass reaches D's weights. x gets no gradient. The result is exact except at the kinks of the
// activations: D is piecewise linear in x, so its slopes depend on x only through the signs of activations.
rg_tensor_t *rg_discriminator_slope(rg_tape_t *tape, const rg_discriminator_t *net, int scale,
                                    rg_tensor_t *x);

enum rg_gan { RG_GAN_LSGAN, RG_GAN_WGAN_GP }; // key STAGE.loss.gan

// The adversarial loss, summed over D's scales; adds the unweighted value to *sum, a scalar of the tape.
//   lsgan    mean (D - wanted)^2, wanted 1 or 0 (Mao et al. 2017, eq. 9 with a = 0, b = c = 1)
//   wgan_gp  mean D where wanted is 0, -mean D where it is 1 (Arjovsky et al. 2017); D's step adds the
//            gradient penalty
// In either form one D step is done per G step.
void rg_loss_adversarial(rg_tape_t *tape, const rg_discriminator_t *net,
                         const rg_discriminator_output_t *output, enum rg_gan form, int wanted, float weight,
                         double *sum);

// The gradient penalty (Gulrajani et al. 2017, eq. 3), summed over D's scales: the mean over images of
// (|slope of D_s at x^|_2 - 1)^2, where D_s is the mean of scale s's map, x^ = mix * real + (1 - mix) * fake,
// both [N,S,S,3], and mix [N], borrowed until backward, is in 0..1.
void rg_loss_gradient_penalty(rg_tape_t *tape, const rg_discriminator_t *net, rg_tensor_t *real,
                              rg_tensor_t *fake, const float *mix, float weight, double *sum);

#endif
