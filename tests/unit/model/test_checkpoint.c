#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "common/core/alloc.h"
#include "common/core/file.h"
#include "common/model/checkpoint.h"
#include "tests/support/test.h"
#include "tests/unit/model/small.h"

static const rg_checkpoint_info_t INFO = {.stage = "stage3",
                                          .iteration = 7,
                                          .iterations = 9,
                                          .fingerprint = UINT64_MAX,
                                          .set_generation = 3,
                                          .retrieved = 50,
                                          .retrieved_new = 5,
                                          .last_new_generation = 4,
                                          .attributes = {.count = 2, .name = {"Male", "Young"}}};

static char *path_in(void **state)
{
    return rg_format("%s/stage.safetensors", (char *)*state);
}

// Different numbers in every block of every set.
static void fill(rg_model_t *model, float start)
{
    for (int part = 0; part < RG_PARTS; part++) {
        rg_params_t *set = &model->set[part];
        float *const blocks[] = {set->value, set->m, set->v, set->ema};
        for (int b = 0; b < 4; b++)
            for (int i = 0; blocks[b] && i < set->n; i++)
                for (size_t j = 0; j < set->list[i]->count; j++)
                    blocks[b][set->list[i]->offset + j] = start + (float)(part * 4 + b) + 1e-3f * (float)j;
    }
}

static void assert_block(const float *a, const float *b, size_t count)
{
    assert_memory_equal(a, b, count * sizeof *a);
}

static void resuming_restores_every_block(void **state)
{
    rg_config_t config;
    rg_model_t *saved, *loaded;
    rg_params_t *sets[RG_PARTS];
    rg_checkpoint_info_t info;
    char *path = path_in(state);
    small_config(&config);
    rg_model_new(&saved, &config, RG_STAGE3_PARTS, RG_STAGE3_TRAINS);
    rg_model_new(&loaded, &config, RG_STAGE3_PARTS, RG_STAGE3_TRAINS);
    fill(saved, 1);
    fill(loaded, 100);
    assert_ok(rg_checkpoint_save(path, &config, sets, rg_model_sets(saved, sets), &INFO));
    assert_ok(rg_checkpoint_load(path, sets, rg_model_sets(loaded, sets), RG_CHECKPOINT_RESUME, &info));
    for (int part = 0; part < RG_PARTS; part++) {
        const rg_params_t *a = &saved->set[part], *b = &loaded->set[part];
        assert_block(a->value, b->value, a->count);
        if (!a->ema) continue;
        assert_block(a->m, b->m, a->count);
        assert_block(a->v, b->v, a->count);
        assert_block(a->ema, b->ema, a->count);
    }
    assert_string_equal(info.stage, "stage3");
    assert_int_equal(info.iteration, 7);
    assert_true(info.fingerprint == UINT64_MAX);
    assert_int_equal(info.retrieved_new, 5);
    assert_int_equal(info.attributes.count, 2);
    assert_string_equal(info.attributes.name[1], "Young");
    rg_model_destroy(&saved);
    rg_model_destroy(&loaded);
    free(path);
}

static void starting_takes_the_averaged_weights(void **state)
{
    rg_config_t config;
    rg_model_t *saved, *loaded;
    rg_params_t *sets[RG_PARTS];
    rg_checkpoint_info_t info;
    char *path = path_in(state);
    small_config(&config);
    rg_model_new(&saved, &config, RG_STAGE1_PARTS, RG_STAGE1_TRAINS);
    rg_model_new(&loaded, &config, RG_STAGE1_PARTS, 0);
    fill(saved, 1);
    assert_ok(rg_checkpoint_save(path, &config, sets, rg_model_sets(saved, sets), &INFO));
    assert_ok(rg_checkpoint_load(path, sets, rg_model_sets(loaded, sets), RG_CHECKPOINT_START, &info));
    assert_block(saved->set[RG_GENERATOR].ema, loaded->set[RG_GENERATOR].value,
                 saved->set[RG_GENERATOR].count);
    rg_model_destroy(&saved);
    rg_model_destroy(&loaded);
    free(path);
}

static void another_architecture_is_named(void **state)
{
    rg_config_t config;
    rg_model_t *saved, *wider;
    rg_params_t *sets[RG_PARTS];
    rg_checkpoint_info_t info;
    char *path = path_in(state);
    small_config(&config);
    rg_model_new(&saved, &config, RG_STAGE1_PARTS, RG_STAGE1_TRAINS);
    assert_ok(rg_checkpoint_save(path, &config, sets, rg_model_sets(saved, sets), &INFO));
    config.model.gf = 8;
    rg_model_new(&wider, &config, RG_STAGE1_PARTS, 0);
    assert_fails(rg_checkpoint_load(path, sets, rg_model_sets(wider, sets), RG_CHECKPOINT_START, &info),
                 RG_EMODEL,
                 "content.in.weight is 4x3x7x7, needed is 8x3x7x7: a checkpoint of another architecture");
    rg_model_destroy(&wider);
    rg_model_new(&wider, &config, RG_STAGE2_PARTS, 0);
    rg_params_t *embedder = &wider->set[RG_EMBEDDER];
    assert_fails(rg_checkpoint_load(path, &embedder, 1, RG_CHECKPOINT_START, &info), RG_EMODEL,
                 "no tensor embedder.");
    rg_model_destroy(&wider);
    rg_model_destroy(&saved);
    free(path);
}

// The attention's head must be there where the configuration has it, and only there.
static void attention_is_part_of_the_architecture(void **state)
{
    rg_config_t config;
    rg_model_t *plain, *masked;
    rg_params_t *sets[RG_PARTS];
    rg_checkpoint_info_t info;
    char *path = path_in(state);
    small_config(&config);
    rg_model_new(&plain, &config, RG_STAGE1_PARTS, RG_STAGE1_TRAINS);
    config.model.attention = 1;
    rg_model_new(&masked, &config, RG_STAGE1_PARTS, RG_STAGE1_TRAINS);
    assert_ok(rg_checkpoint_save(path, &config, sets, rg_model_sets(plain, sets), &INFO));
    assert_fails(rg_checkpoint_load(path, sets, rg_model_sets(masked, sets), RG_CHECKPOINT_START, &info),
                 RG_EMODEL, "no tensor ema.generator.mask.weight: a checkpoint of another architecture");
    assert_ok(rg_checkpoint_save(path, &config, sets, rg_model_sets(masked, sets), &INFO));
    assert_ok(rg_checkpoint_load(path, sets, rg_model_sets(masked, sets), RG_CHECKPOINT_RESUME, &info));
    assert_fails(rg_checkpoint_load(path, sets, rg_model_sets(plain, sets), RG_CHECKPOINT_START, &info),
                 RG_EMODEL, "generator.mask.weight has no place in this configuration");
    rg_model_destroy(&plain);
    rg_model_destroy(&masked);
    free(path);
}

// Writing fails in the middle (a file size limit stands for a full disk): the old checkpoint stays, no part
// of a new one.
static void a_failed_save_leaves_the_old_one(void **state)
{
    rg_config_t config;
    rg_model_t *model;
    rg_params_t *sets[RG_PARTS];
    rg_checkpoint_info_t info = INFO;
    struct rlimit before, small = {4096, 4096};
    char *path = path_in(state), **names;
    size_t count;
    small_config(&config);
    rg_model_new(&model, &config, RG_STAGE1_PARTS, RG_STAGE1_TRAINS);
    int n = rg_model_sets(model, sets);
    assert_ok(rg_checkpoint_save(path, &config, sets, n, &info));
    getrlimit(RLIMIT_FSIZE, &before);
    small.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    info.iteration = 8;
    int err = rg_checkpoint_save(path, &config, sets, n, &info);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_fails(err, RG_EIO, path);
    assert_ok(rg_checkpoint_peek(path, &info));
    assert_int_equal(info.iteration, 7);
    assert_ok(rg_list_dir(*state, &names, &count));
    assert_int_equal(count, 1);
    rg_names_free(&names, count);
    rg_model_destroy(&model);
    free(path);
}

static void other_files_are_no_checkpoints(void **state)
{
    rg_checkpoint_info_t info;
    char *path = path_in(state);
    assert_fails(rg_checkpoint_peek(path, &info), RG_ENOENT, path);
    assert_ok(rg_file_write(path, "\0\0\0\0\0\0\0\0", 8));
    assert_fails(rg_checkpoint_peek(path, &info), RG_EFORMAT, path);
    assert_ok(rg_file_write(path, "\2\0\0\0\0\0\0\0{}", 10));
    assert_fails(rg_checkpoint_peek(path, &info), RG_EVERSION, "not a checkpoint of this program");
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(resuming_restores_every_block),  IN_FOLDER(starting_takes_the_averaged_weights),
        IN_FOLDER(another_architecture_is_named),  IN_FOLDER(a_failed_save_leaves_the_old_one),
        IN_FOLDER(other_files_are_no_checkpoints), IN_FOLDER(attention_is_part_of_the_architecture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
