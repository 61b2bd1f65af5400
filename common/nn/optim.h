// Optimisation of parameter blocks: learning rate schedules, gradient clipping, SGD, Adam and AdamW, and
// averaged weights.
#ifndef RG_NN_OPTIM_H
#define RG_NN_OPTIM_H

#include "common/config/config.h"
#include "common/nn/backend.h"
#include "common/nn/param.h"

// Keys STAGE.optimizer and STAGE.schedule.
enum rg_optimizer { RG_OPTIMIZER_SGD, RG_OPTIMIZER_ADAM, RG_OPTIMIZER_ADAMW };
enum rg_schedule { RG_SCHEDULE_CONSTANT, RG_SCHEDULE_LINEAR, RG_SCHEDULE_COSINE, RG_SCHEDULE_STEP };

// The learning rate of an iteration, counted from 0. It rises linearly over config->warmup iterations and
// then follows config->schedule: constant; linear or cosine, which stay constant for half of the iterations
// and decay to 0 over the second half; or step, which multiplies the rate by step_factor at every multiple of
// step_every (torch.optim.lr_scheduler.StepLR).
double rg_optim_lr(const rg_train_config_t *config, int iteration);

// Adds the squares of the gradients of n sets to *squares, a scalar of a tape: the square of their norm.
void rg_optim_norm(rg_backend_t *backend, rg_params_t *const *sets, int n, double *squares);

// Updates n sets once. Scales the gradients, whose norm is `norm`, to a norm of at most config->clip (as
// torch.nn.utils.clip_grad_norm_), applies SGD, Adam or AdamW, zeroes the gradients and moves the averaged weights
// (decay config->ema, smaller in the first iterations). RG_ENUMERIC if the norm is not finite; nothing has changed
// then.
int rg_optim_step(rg_backend_t *backend, const rg_train_config_t *config, int iteration,
                  rg_params_t *const *sets, int n, double norm);

#endif
