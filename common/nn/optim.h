// Optimisers, clipping, schedules and averaged weights over parameter blocks.
#ifndef RG_NN_OPTIM_H
#define RG_NN_OPTIM_H

#include "common/config/config.h"
#include "common/nn/backend.h"
#include "common/nn/param.h"

// Learning rate of iteration i (0-based): linear warm-up over config->warmup, then constant; or constant
// until half of the iterations and linear or cosine decay to 0 over the second half; or in steps, multiplied
// by step_factor at every multiple of step_every (torch.optim.lr_scheduler.StepLR).
double rg_optim_lr(const rg_train_config_t *config, int iteration);

// One update of n sets with one global gradient norm: scales the gradients so that the norm is at most
// config->clip (as torch.nn.utils.clip_grad_norm_), applies SGD, Adam or AdamW, zeroes the gradients and
// moves ema (decay config->ema, less in the first iterations). norm (may be NULL) is the norm before
// clipping. RG_ENUMERIC if it is not finite: nothing was changed then.
int rg_optim_step(rg_backend_t *backend, const rg_train_config_t *config, int iteration,
                  rg_params_t *const *sets, int n, double *norm);

#endif
