#include "common/nn/optim.h"

#include <math.h>

#include "common/core/err.h"

double rg_optim_lr(const rg_train_config_t *config, int iteration)
{
    if (iteration < config->warmup) return config->lr * (iteration + 1) / config->warmup;
    if (config->schedule == RG_SCHEDULE_STEP)
        return config->lr * pow(config->step_factor, iteration / config->step_every);
    double half = config->iterations / 2.0, into = (iteration - half) / (config->iterations - half);
    if (config->schedule == RG_SCHEDULE_CONSTANT || into <= 0) return config->lr;
    if (into > 1) into = 1;
    return config->lr * (config->schedule == RG_SCHEDULE_LINEAR ? 1 - into : 0.5 * (1 + cos(M_PI * into)));
}

// The decay of the averaged weights: the configured one, or (1 + i) / (10 + i) while that is smaller. So the
// average of a short stage forgets the initial weights.
static float ema_decay(const rg_train_config_t *config, int iteration)
{
    double warm = (1.0 + iteration) / (10.0 + iteration);
    return (float)(warm < config->ema ? warm : config->ema);
}

static void update(rg_backend_t *backend, const rg_train_config_t *config, int iteration, rg_params_t *set,
                   float gscale)
{
    const rg_block_t block = {set->value, set->grad, set->m, set->v, set->ema, set->count};
    const rg_update_t how = {.gscale = gscale,
                             .lr = (float)rg_optim_lr(config, iteration),
                             .decay = (float)config->weight_decay,
                             .ema = ema_decay(config, iteration),
                             .momentum = (float)config->momentum,
                             .beta1 = (float)config->beta1,
                             .beta2 = (float)config->beta2,
                             .decoupled = config->optimizer == RG_OPTIMIZER_ADAMW,
                             .t = (uint64_t)iteration + 1};
    (config->optimizer == RG_OPTIMIZER_SGD ? backend->sgd : backend->adam)(backend, &block, &how);
    rg_params_updated(set);
}

void rg_optim_norm(rg_backend_t *backend, rg_params_t *const *sets, int n, double *squares)
{
    for (int i = 0; i < n; i++) rg_params_use(sets[i], backend);
    for (int i = 0; i < n; i++) backend->sum_squares(backend, squares, sets[i]->grad, sets[i]->count);
}

int rg_optim_step(rg_backend_t *backend, const rg_train_config_t *config, int iteration,
                  rg_params_t *const *sets, int n, double norm)
{
    if (!isfinite(norm))
        return rg_fail(RG_ENUMERIC, "gradient of %s is not finite at iteration %d", sets[0]->name, iteration);
    double scale = config->clip > 0 ? config->clip / (norm + 1e-6) : 1;
    if (scale > 1) scale = 1;
    for (int i = 0; i < n; i++) update(backend, config, iteration, sets[i], (float)scale);
    return 0;
}
