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

// The backend that these programs test: the CPU's, or that of the OpenCL device whose number is in RG_TEST_DEVICE.
// Its kernels are kept in RG_TEST_CACHE. A program has one at a time.
int rg_fixture_backend_new(rg_backend_t **backend);

// Where the device has memory of its own: the numbers x [n] as the device has them, for the host to read; and the
// numbers that the host wrote, for the device. rg_fixture_cover first makes a place for them.
float *rg_fixture_pull(float *x, size_t n);
void rg_fixture_push(const float *x, size_t n);
void rg_fixture_cover(const float *x, size_t n);
void rg_fixture_release(const float *x);
// The gradients of a set: pulled; and set to zero.
float *rg_fixture_pull_gradients(rg_params_t *set);
void rg_fixture_zero_gradients(rg_params_t *set);

// cmocka group fixtures: *state is an rg_fixture_t.
int rg_fixture_setup(void **state);
int rg_fixture_teardown(void **state);

// cmocka test fixture: an empty tape and no parameters left over.
int rg_fixture_clean(void **state);

// An input that needs a gradient; data borrowed until the tape's reset.
rg_tensor_t *rg_fixture_leaf(rg_fixture_t *fixture, const int shape[4], const float *data);

// Runs backward from dy [size of y]. Fails the test if the tape has an error.
void rg_fixture_backward(rg_fixture_t *fixture, rg_tensor_t *y, const float *dy);

// The value of a loss: RG_FIXTURE_LOSS(rg_loss_l1, tape, a, b, weight).
double *rg_fixture_sum(rg_tape_t *tape);
double rg_fixture_value(rg_tape_t *tape); // of the last sum
#define RG_FIXTURE_LOSS(loss, tape, ...)                                                                     \
    (loss(tape, __VA_ARGS__, rg_fixture_sum(tape)), rg_fixture_value(tape))

// Fails the test, with `what` in the message, unless all numbers are finite and
// max |got - want| <= tolerance * max |want|. Pulls got.
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
