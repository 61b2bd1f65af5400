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

// ---- the copies on a device

static int list_blocks(const rg_params_t *set, float *blocks[4])
{
    float *const all[] = {set->value, set->m, set->v, set->ema};
    int n = 0;
    for (int i = 0; i < 4; i++)
        if (all[i]) blocks[n++] = all[i];
    return n;
}

static void release_blocks(const rg_params_t *set)
{
    float *part[4];
    for (int i = list_blocks(set, part) - 1; i >= 0; i--) rg_backend_release(set->backend, part[i]);
    if (set->grad) rg_backend_release(set->backend, set->grad_block.base);
}

static void move_blocks(rg_params_t *set, rg_backend_t *backend)
{
    float *part[4];
    if (set->backend) release_blocks(set);
    set->backend = backend;
    if (!backend) return;
    for (int i = list_blocks(set, part) - 1; i >= 0; i--)
        rg_backend_cover(backend, part[i], set->count * sizeof(float));
    if (!set->grad) return;
    // Sets may share the block (model.c): the one that comes first brings its zeros.
    size_t size = set->grad_block.count * sizeof(float);
    if (rg_backend_cover(backend, set->grad_block.base, size) > 0)
        rg_backend_push(backend, set->grad_block.base, size);
}

void rg_params_use(rg_params_t *set, rg_backend_t *backend)
{
    float *part[4];
    if (!backend->apart || (set->backend == backend && set->pushed == set->version)) return;
    if (set->backend != backend) move_blocks(set, backend);
    for (int i = list_blocks(set, part) - 1; i >= 0; i--)
        rg_backend_push(backend, part[i], set->count * sizeof(float));
    set->pushed = set->version;
}

void rg_params_updated(rg_params_t *set)
{
    rg_params_changed(set);
    if (!set->backend) return;
    set->pushed = set->version;
    set->is_stale = 1;
}

int rg_params_pull(rg_params_t *set)
{
    float *part[4];
    int err = 0;
    if (!set->is_stale) return 0;
    for (int i = list_blocks(set, part) - 1; i >= 0 && !err; i--)
        err = rg_backend_pull(set->backend, part[i], set->count * sizeof(float));
    if (!err) set->is_stale = 0;
    return err;
}

// ---- sets

void rg_params_init(rg_params_t *set, const char *name)
{
    memset(set, 0, sizeof *set);
    snprintf(set->name, sizeof set->name, "%s", name);
    set->version = next_version();
}

void rg_params_fini(rg_params_t *set)
{
    move_blocks(set, NULL);
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

void rg_params_alloc_in(rg_params_t *set, float *grad, size_t size, size_t at, int averaged)
{
    set->value = block(set);
    set->grad = grad + at;
    set->grad_borrowed = 1;
    set->grad_block.base = grad;
    set->grad_block.count = size;
    set->m = block(set);
    set->v = block(set);
    set->ema = averaged ? block(set) : NULL;
    set_views(set);
}

void rg_params_alloc(rg_params_t *set, int training)
{
    if (training) {
        rg_params_alloc_in(set, block(set), set->count, 0, 1);
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

int rg_params_swap_ema(rg_params_t *set)
{
    int err = rg_params_pull(set);
    for (size_t i = 0; i < set->count; i++) {
        float value = set->value[i];
        set->value[i] = set->ema[i];
        set->ema[i] = value;
    }
    rg_params_changed(set);
    return err;
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
