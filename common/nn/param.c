#include "common/nn/param.h"

#include <assert.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"

// Versions are unique over all sets. So a packed copy, which is keyed by address and version, is never taken
// for the weights of another set that was later allocated at the same address.
static uint64_t next_version(void)
{
    static atomic_uint_fast64_t last;
    return atomic_fetch_add(&last, 1) + 1;
}

void rg_params_init(rg_params_t *set, const char *name)
{
    memset(set, 0, sizeof *set);
    snprintf(set->name, sizeof set->name, "%s", name);
    set->version = next_version();
}

void rg_params_fini(rg_params_t *set)
{
    for (int i = 0; i < set->n; i++) free(set->list[i]);
    free(set->list);
    free(set->value);
    if (!set->grad_borrowed) free(set->grad);
    free(set->m);
    free(set->v);
    free(set->ema);
    memset(set, 0, sizeof *set);
}

rg_param_t *rg_params_add(rg_params_t *set, const char *name, int rank, const int shape[4])
{
    assert(!set->value && rank >= 1 && rank <= 4);
    rg_param_t *param = rg_alloc(sizeof *param);
    snprintf(param->name, sizeof param->name, "%s.%s", set->name, name);
    param->rank = rank;
    param->count = 1;
    for (int i = 0; i < rank; i++) {
        param->shape[i] = shape[i];
        param->count *= (size_t)shape[i];
    }
    param->offset = set->count;
    param->set = set;
    set->count += (param->count + 15) & ~(size_t)15; // views start on cache lines; padding stays zero
    set->list = rg_realloc(set->list, (size_t)(set->n + 1) * sizeof *set->list);
    set->list[set->n++] = param;
    return param;
}

static float *block(const rg_params_t *set)
{
    return rg_alloc_lines(set->count * sizeof(float));
}

static void set_views(rg_params_t *set)
{
    for (int i = 0; i < set->n; i++) {
        set->list[i]->value = set->value + set->list[i]->offset;
        set->list[i]->grad = set->grad ? set->grad + set->list[i]->offset : NULL;
    }
    set->frozen = !set->grad;
}

void rg_params_alloc_in(rg_params_t *set, float *grad, int averaged)
{
    set->value = block(set);
    set->grad = grad;
    set->grad_borrowed = 1;
    set->m = block(set);
    set->v = block(set);
    set->ema = averaged ? block(set) : NULL;
    set_views(set);
}

void rg_params_alloc(rg_params_t *set, int training)
{
    if (training) {
        rg_params_alloc_in(set, block(set), 1);
        set->grad_borrowed = 0;
    } else {
        set->value = block(set);
        set_views(set);
    }
}

rg_param_t *rg_params_find(const rg_params_t *set, const char *name)
{
    for (int i = 0; i < set->n; i++)
        if (strcmp(set->list[i]->name, name) == 0) return set->list[i];
    return NULL;
}

void rg_params_changed(rg_params_t *set)
{
    set->version = next_version();
}

void rg_params_swap_ema(rg_params_t *set)
{
    for (size_t i = 0; i < set->count; i++) {
        float value = set->value[i];
        set->value[i] = set->ema[i];
        set->ema[i] = value;
    }
    rg_params_changed(set);
}

void rg_param_kaiming(rg_param_t *param, rg_rng_t *rng)
{
    size_t fan_in = param->count / (size_t)param->shape[0];
    rg_param_normal(param, rng, sqrtf(2.0f / (float)fan_in));
}

void rg_param_normal(rg_param_t *param, rg_rng_t *rng, float std)
{
    for (size_t i = 0; i < param->count; i++) param->value[i] = std * rg_rng_normal(rng);
}

void rg_param_fill(rg_param_t *param, float value)
{
    for (size_t i = 0; i < param->count; i++) param->value[i] = value;
}
