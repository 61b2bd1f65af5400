// What D and G play for, summed over D's scales (losses return the unweighted value).
//   lsgan    mean (D - wanted)^2, wanted 1 or 0 (Mao et al. 2017, eq. 9 with a = 0, b = c = 1)
//   wgan_gp  mean D of what shall look false, -mean D of what shall look real (Arjovsky et al. 2017), with
//   the
//            gradient penalty of Gulrajani et al. 2017, eq. 3, for D
// One D step is done per G step in either form.
#ifndef RG_MODEL_CRITIC_H
#define RG_MODEL_CRITIC_H

#include "common/model/discriminator.h"

enum rg_gan { RG_GAN_LSGAN, RG_GAN_WGAN_GP }; // key STAGE.loss.gan

double rg_loss_adversarial(rg_tape_t *tape, const rg_discriminator_t *net, const rg_verdict_t *verdict,
                           enum rg_gan form, int wanted, float weight);

// Mean over images of (|slope of D_s at x^|_2 - 1)^2, D_s the mean of scale s's map as in the loss above, x^
// = mix * real + (1 - mix) * fake, both [N,S,S,3], mix [N] in 0..1.
double rg_loss_gradient_penalty(rg_tape_t *tape, const rg_discriminator_t *net, const rg_tensor_t *real,
                                const rg_tensor_t *fake, const float *mix, float weight);

#endif
