// Optimiser updates (optim.cl).
#include <math.h>

#include "common/nn/opencl/device.h"

static void ocl_adam(rg_backend_t *self, const rg_block_t *b, const rg_update_t *u)
{
    float correct1 = (float)(1 / (1 - pow((double)u->beta1, (double)u->t))),
          correct2 = (float)(1 / (1 - pow((double)u->beta2, (double)u->t)));
    float shrink = u->decoupled ? u->lr * u->decay : 0, decay = u->decoupled ? 0 : u->decay;
    RG__LAUNCH(self, "adam", b->n, rg__a(b->value), rg__a(b->grad), rg__a(b->m), rg__a(b->v), rg__a(b->ema),
               rg__f(u->gscale), rg__f(u->lr), rg__f(shrink), rg__f(decay), rg__f(u->beta1), rg__f(u->beta2),
               rg__f(correct1), rg__f(correct2), rg__f(u->ema), rg__n(b->n));
}

static void ocl_sgd(rg_backend_t *self, const rg_block_t *b, const rg_update_t *u)
{
    RG__LAUNCH(self, "sgd", b->n, rg__a(b->value), rg__a(b->grad), rg__a(b->m), rg__a(b->ema),
               rg__f(u->gscale), rg__f(u->lr), rg__f(u->decay), rg__f(u->momentum), rg__f(u->ema),
               rg__n(b->n));
}

void rg__ocl_optim_table(rg_backend_t *table)
{
    table->adam = ocl_adam;
    table->sgd = ocl_sgd;
}
