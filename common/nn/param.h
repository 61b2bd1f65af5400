// The parameters of one network. Values, gradients, optimiser moments and averaged weights are one contiguous
// block each, with named views in PyTorch's layouts (conv [O,I,KH,KW], linear [O,I]). So saving, zeroing,
// clipping and updating are loops over a block.
//
// To build a set: rg_params_init, then rg_params_add for each view (layers keep the pointers), then
// rg_params_alloc.
#ifndef RG_NN_PARAM_H
#define RG_NN_PARAM_H

#include <stddef.h>
#include <stdint.h>

#include "common/core/rng.h"
#include "common/nn/backend.h"

struct rg_params;

typedef struct {
    char name[64]; // "content.res.0.a.weight"
    int rank, shape[4];
    size_t offset, count; // in the blocks
    float *value, *grad;  // views, valid after rg_params_alloc
    struct rg_params *set;
} rg_param_t;

typedef struct rg_params {
    char name[16]; // "content", prefix of its views' names
    rg_param_t **list;
    int n;
    size_t count; // floats in a block
    float *value, *grad, *m, *v, *ema;
    int grad_borrowed;
    struct { // the allocation in which grad lies
        float *base;
        size_t count;
    } grad_block;
    uint64_t version; // changes whenever value changes; keys packed copies of the weights
    int frozen;       // no gradients, no graph
    // On a backend whose device has memory of its own (backend.h): the blocks have two copies.
    rg_backend_t *backend; // where the other copies are, borrowed; NULL: nowhere
    uint64_t pushed;       // the version that the device has
    int is_stale;          // the host's copies are older than the device's
} rg_params_t;

void rg_params_init(rg_params_t *set, const char *name);
void rg_params_fini(rg_params_t *set);

// Declares a view "SET.name". Shape entries beyond rank are ignored.
rg_param_t *rg_params_add(rg_params_t *set, const char *name, int rank, const int shape[4]);

// Allocates value (zeroed); training sets also get grad, m, v (zeroed) and ema.
void rg_params_alloc(rg_params_t *set, int training);
// A training set whose gradient begins at float `at` of the caller's memory: grad [size], zeroed, borrowed.
// Without `averaged` the set has no ema.
void rg_params_alloc_in(rg_params_t *set, float *grad, size_t size, size_t at, int averaged);

rg_param_t *rg_params_find(const rg_params_t *set, const char *name); // full name, or NULL

// Must be called after value, m, v or ema was written on the host.
void rg_params_changed(rg_params_t *set);

// For ops and optimisers, before a kernel of the backend (borrowed; it must live as long as the set) reads or
// writes the set: brings what the host changed to the device. After a kernel wrote it, rg_params_updated.
void rg_params_use(rg_params_t *set, rg_backend_t *backend);
void rg_params_updated(rg_params_t *set);
// Must be called before the host reads or writes value, m, v or ema of a set that trains.
int rg_params_pull(rg_params_t *set);

// Exchanges values and averaged weights. A second call exchanges them back. Fails where rg_params_pull does.
int rg_params_swap_ema(rg_params_t *set);

// Kaiming normal, fan in, gain of ReLU: std = sqrt(2 / fan_in); He et al. 2015, eq. (10).
void rg_param_kaiming(rg_param_t *param, rg_rng_t *rng);
void rg_param_normal(rg_param_t *param, rg_rng_t *rng, float std);
void rg_param_fill(rg_param_t *param, float value);

#endif
