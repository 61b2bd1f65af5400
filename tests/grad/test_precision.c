// bfloat16 against f32: a convolution and the norm behind it, forward and backward, in every way that the CPU
// backend convolves. bfloat16 has 8 significant bits, so operands are off by up to 2^-9 of themselves; sums
// of many such products differ by half a percent of the largest, four times that behind Winograd's
// transforms, which subtract. There is no activation: a unit near zero may be on in one precision and off in
// the other.
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "tests/grad/fixture.h"
#include "tests/support/test.h"

#define PLAIN    0.006
#define WINOGRAD 0.025

typedef struct {
    const char *name;
    double tolerance;
    int x[4], out;
    rg_conv_t layer;
} way_t;

static const way_t WAYS[] = {
    {"Winograd 3x3", WINOGRAD, {2, 16, 16, 32}, 32, {.stride = 1, .pad = 1}},
    {"Winograd 3x3 mirrored", WINOGRAD, {2, 19, 18, 32}, 48, {.stride = 1, .pad = 1, .reflect = 1}},
    {"Winograd 4x4/2", WINOGRAD, {2, 32, 32, 32}, 64, {.stride = 2, .pad = 1, .reflect = 1}},
    {"Winograd upsampled 5x5", WINOGRAD, {2, 16, 16, 32}, 16, {.stride = 1, .pad = 2, .up = 1}},
    {"from RGB", PLAIN, {2, 16, 16, 3}, 16, {.stride = 1, .pad = 3, .reflect = 1}},
    {"patches", PLAIN, {2, 8, 8, 64}, 32, {.stride = 2, .pad = 1, .reflect = 1}},
    {"direct", PLAIN, {1, 40, 40, 20}, 32, {.stride = 1, .pad = 0}},
};

static int kernel_of(const way_t *way)
{
    return way->layer.up ? 5 : way->layer.stride == 2 ? 4 : way->x[3] == 3 ? 7 : way->layer.pad ? 3 : 1;
}

typedef struct {
    float *y, *dx, *gradients;
    size_t outputs, inputs, parameters;
    int half; // the norm read bfloat16
} result_t;

static void keep(float **to, size_t *count, const float *from, size_t n)
{
    *to = rg_alloc(n * sizeof **to);
    memcpy(*to, from, n * sizeof **to);
    *count = n;
}

static result_t run(const way_t *way, int bf16)
{
    result_t result;
    rg_fixture_t fixture;
    rg_conv_t layer = way->layer;
    int k = kernel_of(way);
    assert_int_equal(rg_cpu_backend_new(&fixture.backend, bf16), 0);
    assert_int_equal(rg_tape_new(&fixture.tape, fixture.backend), 0);
    rg_params_init(&fixture.params, "p");
    layer.half = 1;
    layer.weight = rg_params_add(&fixture.params, "conv.weight", 4, (int[4]){way->out, way->x[3], k, k});
    layer.bias = rg_params_add(&fixture.params, "conv.bias", 1, (int[4]){way->out});
    rg_params_alloc(&fixture.params, 1);
    rg_fixture_fill_params(&fixture.params);
    size_t inputs = (size_t)(way->x[0] * way->x[1] * way->x[2] * way->x[3]);
    float *x = rg_alloc(inputs * sizeof *x);
    rg_fixture_normal(x, inputs, 1);
    rg_tensor_t *leaf = rg_fixture_leaf(&fixture, way->x, x), *said = rg_conv(fixture.tape, leaf, &layer);
    result.half = said->half;
    rg_tensor_t *y = rg_instance_norm(fixture.tape, said, RG_ACT_NONE, NULL);
    keep(&result.y, &result.outputs, y->data, rg_tensor_size(y));
    float *dy = rg_alloc(result.outputs * sizeof *dy);
    rg_fixture_normal(dy, result.outputs, 2);
    rg_fixture_backward(&fixture, y, dy);
    keep(&result.dx, &result.inputs, leaf->grad, inputs);
    keep(&result.gradients, &result.parameters, layer.weight->grad, layer.weight->count);
    free(x);
    free(dy);
    rg_params_fini(&fixture.params);
    rg_tape_destroy(&fixture.tape);
    rg_backend_destroy(&fixture.backend);
    return result;
}

static void result_fini(result_t *result)
{
    free(result->y);
    free(result->dx);
    free(result->gradients);
}

static void test_bf16_is_near_f32(void **state)
{
    (void)state;
    rg_backend_t *backend;
    if (rg_cpu_backend_new(&backend, 1) != 0) skip(); // a processor without bfloat16
    rg_backend_destroy(&backend);
    for (size_t i = 0; i < sizeof WAYS / sizeof *WAYS; i++) {
        result_t wide = run(&WAYS[i], 0), narrow = run(&WAYS[i], 1);
        assert_int_equal(wide.half, 0);
        assert_int_equal(narrow.half, 1);
        assert_memory_not_equal(narrow.y, wide.y, wide.outputs * sizeof *wide.y);
        rg_fixture_compare(WAYS[i].name, narrow.y, wide.y, wide.outputs, WAYS[i].tolerance);
        rg_fixture_compare(WAYS[i].name, narrow.dx, wide.dx, wide.inputs, WAYS[i].tolerance);
        rg_fixture_compare(WAYS[i].name, narrow.gradients, wide.gradients, wide.parameters,
                           WAYS[i].tolerance);
        result_fini(&wide);
        result_fini(&narrow);
    }
}

// Runs where oneDNN is limited to AVX2, as it limits itself on processors that have no more.
static void test_bf16_is_refused_without_avx512(void **state)
{
    (void)state;
    rg_backend_t *backend = NULL;
    assert_fails(rg_cpu_backend_new(&backend, 1), RG_EVERSION,
                 "this processor has no bfloat16 products (oneDNN cannot");
    assert_non_null(strstr(rg_error(), "use `precision: f32`"));
    assert_null(backend);
    assert_ok(rg_cpu_backend_new(&backend, 0));
    rg_backend_destroy(&backend);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest near[] = {cmocka_unit_test(test_bf16_is_near_f32)},
                            refused[] = {cmocka_unit_test(test_bf16_is_refused_without_avx512)};
    if (argc == 2 && strcmp(argv[1], "refused") == 0) return cmocka_run_group_tests(refused, NULL, NULL);
    return cmocka_run_group_tests_name("precision", near, NULL, NULL);
}
