// The fixture of the gradient tests: one backend and one tape per program, one parameter set per test, and
// comparisons of computed with expected numbers.
#ifndef RG_GRAD_FIXTURE_H
#define RG_GRAD_FIXTURE_H

#include "common/nn/ops.h"
#include "tests/support/reference.h"

typedef struct {
    rg_backend_t *backend;
    rg_tape_t *tape;
    rg_params_t params; // of the running test
} rg_fixture_t;

// cmocka group fixtures: *state is an rg_fixture_t.
int rg_fixture_setup(void **state);
int rg_fixture_teardown(void **state);

// cmocka test fixture: an empty tape and no parameters left over.
int rg_fixture_clean(void **state);

// An input that needs a gradient; data borrowed until the tape's reset.
rg_tensor_t *rg_fixture_leaf(rg_fixture_t *fixture, const int shape[4], const float *data);

// Runs backward from dy [size of y]. Fails the test if the tape has an error.
void rg_fixture_backward(rg_fixture_t *fixture, rg_tensor_t *y, const float *dy);

// Fails the test, with `what` in the message, unless all numbers are finite and
// max |got - want| <= tolerance * max |want|.
void rg_fixture_compare(const char *what, const float *got, const float *want, size_t n, double tolerance);

// The same, relative to max |want| or scale, whichever is larger: for values that may cancel to zero.
void rg_fixture_compare_scaled(const char *what, const float *got, const float *want, size_t n, double scale,
                               double tolerance);

// Standard normal numbers that depend on the seed only.
void rg_fixture_normal(float *x, size_t n, uint64_t seed);

// Numbers in [-scale, scale). filling.py computes the same numbers from the same name.
void rg_fixture_fill(const char *name, float *x, size_t n, float scale);

// Fills a set by the names of its parameters, as `initialise` in filling.py does: Kaiming uniform weights, gains
// around 1.
void rg_fixture_fill_params(rg_params_t *set);

#endif
