// What the gradient tests share: one backend and one tape for a program, one parameter set for a test, and
// the comparison of what was computed with what should have been.
#ifndef RG_GRAD_BENCH_H
#define RG_GRAD_BENCH_H

#include "common/nn/ops.h"
#include "tests/support/fixture.h"

typedef struct {
    rg_backend_t *backend;
    rg_tape_t *tape;
    rg_params_t params; // of the running test
} rg_bench_t;

// cmocka group fixtures: *state is an rg_bench_t.
int rg_bench_setup(void **state);
int rg_bench_teardown(void **state);

// cmocka test fixture: an empty tape and no parameters left over.
int rg_bench_clean(void **state);

// An input that wants a gradient; data borrowed until the tape's reset.
rg_tensor_t *rg_bench_leaf(rg_bench_t *bench, const int shape[4], const float *data);

// Starts backward from dy [size of y] and runs it; the tape must be without error.
void rg_bench_backward(rg_bench_t *bench, rg_tensor_t *y, const float *dy);

// max |got - want| <= tolerance * max |want|, and everything finite; names what failed.
void rg_bench_compare(const char *what, const float *got, const float *want, size_t n, double tolerance);

// The same relative to the larger of max |want| and scale, for values that may cancel to zero.
void rg_bench_compare_scaled(const char *what, const float *got, const float *want, size_t n, double scale,
                             double tolerance);

// Standard normal numbers, always the same for a seed.
void rg_bench_normal(float *x, size_t n, uint64_t seed);

// Numbers in [-scale, scale) that filling.py computes alike from the same name.
void rg_bench_fill(const char *name, float *x, size_t n, float scale);

// Fills a set by its parameters' names, as `initialise` of filling.py: Kaiming uniform weights, gains
// around 1.
void rg_bench_fill_params(rg_params_t *set);

#endif
