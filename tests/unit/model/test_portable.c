// The checkpoint in tests/unit/fixtures was written on amd64. It opens everywhere with the same contents.
//   unit-model-portable FILE   writes it, after its version changed
#include "common/model/checkpoint.h"
#include "common/model/model.h"
#include "tests/unit/model/tiny.h"

#define CHECKPOINT "tests/unit/fixtures/stage1.safetensors"

enum { PARTS = RG_PART_BIT(RG_CONTENT) | RG_PART_BIT(RG_ATTRIBUTE), TRAINS = RG_PART_BIT(RG_ATTRIBUTE) };

static const rg_checkpoint_info_t INFO = {
    .stage = "stage1",
    .iteration = 7,
    .iterations = (uint64_t)1 << 40,
    .fingerprint = 0xfedcba9876543210,
    .data_sets = {1, {{0xfedcba9876543210, 3}}},
    .attributes = {.count = A, .name = {"Blond_Hair", "Male", "Young"}}};

static rg_model_t *new_model(rg_config_t *config)
{
    rg_model_t *model;
    tiny_configure(config, "run");
    rg_model_new(&model, config, PARTS, TRAINS);
    return model;
}

// Whole numbers and their eighths, which every machine computes alike.
static float number(int block, size_t i)
{
    return (float)((i * 7 + (size_t)block * 1000) % 4096) / 8 - 100;
}

typedef void (*block_fn)(float *values, int block, size_t count);

static void fill(float *values, int block, size_t count)
{
    for (size_t i = 0; i < count; i++) values[i] = number(block, i);
}

static void compare(float *values, int block, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (values[i] != number(block, i))
            fail_msg("block %d has %g at %zu, not %g", block, values[i], i, number(block, i));
}

// Every parameter of every set, with what its optimizer keeps.
static void each_block(rg_model_t *model, block_fn fn)
{
    for (int part = 0; part < RG_PARTS; part++) {
        rg_params_t *set = &model->set[part];
        float *const blocks[] = {set->value, set->m, set->v, set->ema};
        for (int b = 0; b < 4; b++)
            for (int i = 0; blocks[b] && i < set->n; i++)
                fn(blocks[b] + set->list[i]->offset, part * 4 + b, set->list[i]->count);
    }
}

static void write_checkpoint(const char *path)
{
    rg_config_t config;
    rg_params_t *sets[RG_PARTS];
    rg_model_t *model = new_model(&config);
    each_block(model, fill);
    assert_ok(rg_checkpoint_save(path, &config, sets, rg_model_sets(model, sets), &INFO));
    rg_model_destroy(&model);
}

static void the_checkpoint_has_its_numbers_and_its_id(void **state)
{
    (void)state;
    rg_config_t config;
    rg_params_t *sets[RG_PARTS];
    rg_checkpoint_info_t info;
    char id[17];
    rg_model_t *model = new_model(&config);
    const rg_checkpoint_wanted_t wanted = {&config, &config.data.attributes, RG_CHECKPOINT_RESUME};
    assert_ok(rg_checkpoint_load(CHECKPOINT, &wanted, sets, rg_model_sets(model, sets), &info));
    each_block(model, compare);
    assert_string_equal(info.stage, INFO.stage);
    assert_int_equal(info.iteration, INFO.iteration);
    assert_int_equal(info.iterations, INFO.iterations);
    assert_int_equal(info.fingerprint, INFO.fingerprint);
    assert_memory_equal(&info.data_sets, &INFO.data_sets, sizeof info.data_sets);
    assert_memory_equal(&info.attributes, &INFO.attributes, sizeof info.attributes);
    rg_model_id(model, id);
    assert_string_equal(id, "fe0522699269eb32");
    rg_model_destroy(&model);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_checkpoint_has_its_numbers_and_its_id)};
    if (argc != 2) return cmocka_run_group_tests(tests, NULL, NULL);
    write_checkpoint(argv[1]);
    return 0;
}
