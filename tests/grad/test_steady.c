// After two iterations of stage 1 the arena has grown to its size: further iterations call no allocator.
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "tests/grad/fixture.h"
#include "tests/support/allocations.h"
#include "tests/support/translation_step.h"
#include "tests/support/test.h"

enum { N = 4, SIDE = 32, WARM_UP = 2, STEPS = 3 };

// ---- the step

static void set_config(rg_config_t *config, int precision)
{
    rg_config_init(config);
    config->data.img_size = SIDE;
    config->model.gf = 16;
    config->model.n_res = 1;
    config->model.df = 16;
    config->model.d_layers = 3;
    config->stage1.batch = N;
    config->stage1.clip = 2;
    config->targets = RG_TARGETS_BOTH;
    config->precision = precision;
}

static float *pixels(int images, uint64_t seed)
{
    size_t n = (size_t)(images * SIDE * SIDE * 3);
    float *x = rg_alloc(n * sizeof *x);
    rg_fixture_normal(x, n, seed);
    return x;
}

static void run(int precision)
{
    rg_config_t config;
    rg_model_t *model;
    rg_translation_t translation;
    rg_losses_t losses;
    rg_backend_t *backend;
    int bf16 = precision == RG_PRECISION_BF16;
    int err = bf16 ? rg_cpu_backend_new(&backend, 1) : rg_fixture_backend_new(&backend);
    if (err) skip(); // a processor without bfloat16
    set_config(&config, precision);
    rg_model_new(&model, &config, RG_STAGE1_PARTS, RG_STAGE1_TRAINS);
    assert_int_equal(
        rg_translation_init(&translation, model, backend, &config.stage1, &config.stage1_loss, NULL), 0);
    unsigned char labels[N * RG_ATTRIBUTES_MAX] = {0, 1, 0, 1, 1},
                             targets[N * RG_ATTRIBUTES_MAX] = {1, 0, 0, 0, 1};
    float *x = pixels(N, 1), *references = pixels(N, 2);
    const rg_batch_t batch = {.n = N,
                              .references = N,
                              .pixels = x,
                              .reference_pixels = references,
                              .labels = labels,
                              .target_labels = targets,
                              .columns = config.data.attributes.count};
    int i = 0;
    while (i < WARM_UP) assert_int_equal(translation_step(&translation, 1, &batch, i++, &losses), 0);
    size_t peak = rg_tape_peak_bytes(translation.tape);
    rg_allocations_start();
    err = 0;
    while (!err && i < WARM_UP + STEPS) err = translation_step(&translation, 1, &batch, i++, &losses);
    assert_int_equal(rg_allocations_stop(), 0);
    assert_int_equal(err, 0);
    assert_int_equal(rg_tape_peak_bytes(translation.tape), peak);
    free(x);
    free(references);
    rg_translation_fini(&translation);
    rg_model_destroy(&model);
    rg_backend_destroy(&backend);
}

static void test_f32(void **state)
{
    (void)state;
    run(RG_PRECISION_F32);
}

static void test_bf16(void **state)
{
    (void)state;
    run(RG_PRECISION_BF16);
}

static void test_allocations_are_seen(void **state)
{
    (void)state;
    rg_allocations_start();
    free(rg_alloc(10));
    free(rg_alloc_lines(10));
    assert_int_equal(rg_allocations_stop(), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations_are_seen),
        cmocka_unit_test(test_f32),
        cmocka_unit_test(test_bf16),
    };
    return cmocka_run_group_tests_name("steady", tests, NULL, NULL);
}
