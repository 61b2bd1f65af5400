#include "tests/grad/fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/nn/opencl.h"
#include "tests/support/test.h"

static rg_backend_t *tested; // of the program

int rg_fixture_backend_new(rg_backend_t **backend)
{
    const char *device = getenv("RG_TEST_DEVICE"), *cache = getenv("RG_TEST_CACHE");
    int err = device ? rg_opencl_backend_new(backend, atoi(device), cache ? cache : "build/opencl")
                     : rg_cpu_backend_new(backend, 0);
    if (!err) tested = *backend;
    return err;
}

float *rg_fixture_pull(float *x, size_t n)
{
    assert_int_equal(rg_backend_pull(tested, x, n * sizeof *x), 0);
    return x;
}

void rg_fixture_push(const float *x, size_t n)
{
    rg_backend_push(tested, x, n * sizeof *x);
}

void rg_fixture_cover(const float *x, size_t n)
{
    assert_true(rg_backend_cover(tested, x, n * sizeof *x) >= 0);
    rg_fixture_push(x, n);
}

void rg_fixture_release(const float *x)
{
    rg_backend_release(tested, x);
}

float *rg_fixture_pull_gradients(rg_params_t *set)
{
    return rg_fixture_pull(set->grad, set->count);
}

void rg_fixture_zero_gradients(rg_params_t *set)
{
    memset(set->grad, 0, set->count * sizeof *set->grad);
    rg_fixture_push(set->grad, set->count);
}

static const double *last_sum;

double *rg_fixture_sum(rg_tape_t *tape)
{
    double *sum = rg_tape_scalar(tape);
    last_sum = sum;
    return sum;
}

double rg_fixture_value(rg_tape_t *tape)
{
    assert_int_equal(rg_tape_read_scalars(tape), 0);
    return *last_sum;
}

int rg_fixture_setup(void **state)
{
    rg_fixture_t *fixture = rg_alloc(sizeof *fixture);
    if (rg_fixture_backend_new(&fixture->backend) || rg_tape_new(&fixture->tape, fixture->backend)) {
        print_error("%s\n", rg_error());
        return -1;
    }
    rg_params_init(&fixture->params, "p");
    *state = fixture;
    return 0;
}

int rg_fixture_teardown(void **state)
{
    rg_fixture_t *fixture = *state;
    rg_params_fini(&fixture->params);
    rg_tape_destroy(&fixture->tape);
    rg_backend_destroy(&fixture->backend);
    free(fixture);
    return 0;
}

int rg_fixture_clean(void **state)
{
    rg_fixture_t *fixture = *state;
    rg_tape_reset(fixture->tape);
    rg_params_fini(&fixture->params);
    rg_params_init(&fixture->params, "p");
    return 0;
}

rg_tensor_t *rg_fixture_leaf(rg_fixture_t *fixture, const int shape[4], const float *data)
{
    rg_tensor_t *x = rg_tape_input(fixture->tape, shape[0], shape[1], shape[2], shape[3], data);
    x->needs_grad = 1;
    return x;
}

void rg_fixture_backward(rg_fixture_t *fixture, rg_tensor_t *y, const float *dy)
{
    int add = 0;
    float *grad = rg_tape_grad(fixture->tape, y, &add);
    assert_non_null(grad);
    assert_int_equal(add, 0);
    memcpy(grad, dy, rg_tensor_size(y) * sizeof *dy);
    rg_backend_push(fixture->backend, grad, rg_tensor_size(y) * sizeof *grad);
    assert_int_equal(rg_tape_backward(fixture->tape), 0);
}

void rg_fixture_compare(const char *what, const float *got, const float *want, size_t n, double tolerance)
{
    rg_fixture_compare_scaled(what, got, want, n, 0, tolerance);
}

void rg_fixture_compare_scaled(const char *what, const float *got, const float *want, size_t n, double scale,
                               double tolerance)
{
    double error = 0;
    if (tested) rg_fixture_pull((float *)got, n);
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(got[i])) fail_msg("%s: element %zu is %g", what, i, got[i]);
        error = fmax(error, fabs((double)got[i] - want[i]));
        scale = fmax(scale, fabs((double)want[i]));
    }
    if (error > tolerance * scale)
        fail_msg("%s: off by %.3g on a scale of %.3g: %.2g relative, allowed %.2g", what, error, scale,
                 error / scale, tolerance);
}

void rg_fixture_normal(float *x, size_t n, uint64_t seed)
{
    rg_rng_t rng;
    rg_rng_init(&rng, seed, RG_RNG_INIT, 0);
    for (size_t i = 0; i < n; i++) x[i] = rg_rng_normal(&rng);
}

// splitmix64 from the name's FNV-1a hash on
void rg_fixture_fill(const char *name, float *x, size_t n, float scale)
{
    uint64_t seed = 14695981039346656037u;
    for (const char *c = name; *c; c++) seed = (seed ^ (unsigned char)*c) * 1099511628211u;
    for (size_t i = 0; i < n; i++) {
        uint64_t z = seed + (i + 1) * 0x9E3779B97F4A7C15u;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        z = z ^ (z >> 31);
        x[i] = ((float)(z >> 40) * 0x1p-23f - 1) * scale;
    }
}

void rg_fixture_fill_params(rg_params_t *set)
{
    for (int i = 0; i < set->n; i++) {
        rg_param_t *p = set->list[i];
        const char *what = strrchr(p->name, '.') + 1;
        double fan_in = (double)(p->count / (size_t)p->shape[0]);
        rg_fixture_fill(p->name, p->value, p->count,
                        strcmp(what, "weight") == 0 ? (float)sqrt(6 / fan_in) : 0.5f);
        if (strcmp(what, "gain") == 0)
            for (size_t k = 0; k < p->count; k++) p->value[k] += 1;
    }
    rg_params_changed(set);
}
