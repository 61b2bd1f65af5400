#include "services/trainer/losses.h"

#include <assert.h>
#include <math.h>

#include "common/core/err.h"

void rg_losses_add(rg_losses_t *losses, const char *name, double value)
{
    assert(losses->n < RG_LOSSES_MAX);
    losses->item[losses->n].name = name;
    losses->item[losses->n].value = value;
    losses->n++;
}

int rg_losses_check(const rg_losses_t *losses, int iteration)
{
    for (int i = 0; i < losses->n; i++)
        if (!isfinite(losses->item[i].value))
            return rg_fail(RG_ENUMERIC, "loss %s is not finite at iteration %d", losses->item[i].name,
                           iteration);
    return 0;
}
