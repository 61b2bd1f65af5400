#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "common/core/alloc.h"
#include "common/core/file.h"
#include "common/model/checkpoint.h"
#include "tests/support/test.h"
#include "tests/unit/model/tiny.h"

static const rg_checkpoint_info_t INFO = {.stage = "stage3",
                                          .iteration = 7,
                                          .iterations = 9,
                                          .fingerprint = UINT64_MAX,
                                          .set_generation = 3,
                                          .retrieved = 50,
                                          .retrieved_new = 5,
                                          .last_new_generation = 4,
                                          .attributes = {.count = 2, .name = {"Male", "Young"}}};

// A folder with one checkpoint, which the tests write and read.
typedef struct {
    void *folder;
    char *path;
    rg_config_t config;
    rg_checkpoint_info_t info; // of the last load
} lab_t;

static int lab_open(void **state)
{
    lab_t *lab = rg_alloc(sizeof *lab);
    *state = lab;
    if (folder_make(&lab->folder)) return -1;
    lab->path = rg_format("%s/stage.safetensors", (char *)lab->folder);
    tiny_configure(&lab->config, "run");
    return 0;
}

static int lab_close(void **state)
{
    lab_t *lab = *state;
    int failed = folder_remove(&lab->folder);
    free(lab->path);
    free(lab);
    return failed;
}

static rg_model_t *lab_model(const lab_t *lab, unsigned parts, unsigned trains)
{
    rg_model_t *model;
    rg_model_new(&model, &lab->config, parts, trains);
    return model;
}

static int save_model(const lab_t *lab, rg_model_t *model, const rg_checkpoint_info_t *info)
{
    rg_params_t *sets[RG_PARTS];
    return rg_checkpoint_save(lab->path, &lab->config, sets, rg_model_sets(model, sets), info);
}

static int load_into(lab_t *lab, rg_model_t *model, enum rg_checkpoint_use use)
{
    rg_params_t *sets[RG_PARTS];
    return rg_checkpoint_load(lab->path, sets, rg_model_sets(model, sets), use, &lab->info);
}

// Different numbers in every block of every set.
static void fill_blocks(rg_model_t *model, float start)
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
    lab_t *lab = *state;
    rg_model_t *saved = lab_model(lab, RG_STAGE3_PARTS, RG_STAGE3_TRAINS),
               *loaded = lab_model(lab, RG_STAGE3_PARTS, RG_STAGE3_TRAINS);
    fill_blocks(saved, 1);
    fill_blocks(loaded, 100);
    assert_ok(save_model(lab, saved, &INFO));
    assert_ok(load_into(lab, loaded, RG_CHECKPOINT_RESUME));
    for (int part = 0; part < RG_PARTS; part++) {
        const rg_params_t *a = &saved->set[part], *b = &loaded->set[part];
        assert_block(a->value, b->value, a->count);
        if (!a->ema) continue;
        assert_block(a->m, b->m, a->count);
        assert_block(a->v, b->v, a->count);
        assert_block(a->ema, b->ema, a->count);
    }
    assert_string_equal(lab->info.stage, "stage3");
    assert_int_equal(lab->info.iteration, 7);
    assert_true(lab->info.fingerprint == UINT64_MAX);
    assert_int_equal(lab->info.retrieved_new, 5);
    assert_int_equal(lab->info.attributes.count, 2);
    assert_string_equal(lab->info.attributes.name[1], "Young");
    rg_model_destroy(&saved);
    rg_model_destroy(&loaded);
}

static void starting_takes_the_averaged_weights(void **state)
{
    lab_t *lab = *state;
    rg_model_t *saved = lab_model(lab, RG_STAGE1_PARTS, RG_STAGE1_TRAINS),
               *loaded = lab_model(lab, RG_STAGE1_PARTS, 0);
    fill_blocks(saved, 1);
    assert_ok(save_model(lab, saved, &INFO));
    assert_ok(load_into(lab, loaded, RG_CHECKPOINT_START));
    assert_block(saved->set[RG_GENERATOR].ema, loaded->set[RG_GENERATOR].value,
                 saved->set[RG_GENERATOR].count);
    rg_model_destroy(&saved);
    rg_model_destroy(&loaded);
}

static void another_architecture_is_named(void **state)
{
    lab_t *lab = *state;
    rg_model_t *saved = lab_model(lab, RG_STAGE1_PARTS, RG_STAGE1_TRAINS);
    assert_ok(save_model(lab, saved, &INFO));
    lab->config.model.gf = 8;
    rg_model_t *wider = lab_model(lab, RG_STAGE1_PARTS, 0), *more = lab_model(lab, RG_STAGE2_PARTS, 0);
    assert_fails(load_into(lab, wider, RG_CHECKPOINT_START), RG_EMODEL,
                 "content.in.weight is 4x3x7x7, needed is 8x3x7x7: a checkpoint of another architecture");
    rg_params_t *embedder = &more->set[RG_EMBEDDER];
    assert_fails(rg_checkpoint_load(lab->path, &embedder, 1, RG_CHECKPOINT_START, &lab->info), RG_EMODEL,
                 "no tensor embedder.");
    rg_model_destroy(&more);
    rg_model_destroy(&wider);
    rg_model_destroy(&saved);
}

// The attention's head must be in the file where the configuration has it, and only there.
static void attention_is_part_of_the_architecture(void **state)
{
    lab_t *lab = *state;
    rg_model_t *plain = lab_model(lab, RG_STAGE1_PARTS, RG_STAGE1_TRAINS);
    lab->config.model.attention = 1;
    rg_model_t *masked = lab_model(lab, RG_STAGE1_PARTS, RG_STAGE1_TRAINS);
    assert_ok(save_model(lab, plain, &INFO));
    assert_fails(load_into(lab, masked, RG_CHECKPOINT_START), RG_EMODEL,
                 "no tensor ema.generator.mask.weight: a checkpoint of another architecture");
    assert_ok(save_model(lab, masked, &INFO));
    assert_ok(load_into(lab, masked, RG_CHECKPOINT_RESUME));
    assert_fails(load_into(lab, plain, RG_CHECKPOINT_START), RG_EMODEL,
                 "generator.mask.weight has no place in this configuration");
    rg_model_destroy(&plain);
    rg_model_destroy(&masked);
}

// Writing fails in the middle, with a file size limit in place of a full disk. The old checkpoint stays, and
// no part of a new one.
static void a_failed_save_leaves_the_old_one(void **state)
{
    lab_t *lab = *state;
    rg_checkpoint_info_t info = INFO;
    struct rlimit before, small = {4096, 4096};
    char **names;
    size_t count;
    rg_model_t *model = lab_model(lab, RG_STAGE1_PARTS, RG_STAGE1_TRAINS);
    assert_ok(save_model(lab, model, &info));
    getrlimit(RLIMIT_FSIZE, &before);
    small.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    info.iteration = 8;
    int err = save_model(lab, model, &info);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_fails(err, RG_EIO, lab->path);
    assert_ok(rg_checkpoint_peek(lab->path, &info));
    assert_int_equal(info.iteration, 7);
    assert_ok(rg_list_dir(lab->folder, &names, &count));
    assert_int_equal(count, 1);
    rg_list_free(&names, count);
    rg_model_destroy(&model);
}

static void other_files_are_refused(void **state)
{
    lab_t *lab = *state;
    assert_fails(rg_checkpoint_peek(lab->path, &lab->info), RG_ENOENT, lab->path);
    assert_ok(rg_file_write(lab->path, "\0\0\0\0\0\0\0\0", 8));
    assert_fails(rg_checkpoint_peek(lab->path, &lab->info), RG_EFORMAT, lab->path);
    assert_ok(rg_file_write(lab->path, "\2\0\0\0\0\0\0\0{}", 10));
    assert_fails(rg_checkpoint_peek(lab->path, &lab->info), RG_EVERSION, "not a checkpoint of this program");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lab_open, lab_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(resuming_restores_every_block),         TEST(starting_takes_the_averaged_weights),
        TEST(another_architecture_is_named),         TEST(a_failed_save_leaves_the_old_one),
        TEST(attention_is_part_of_the_architecture), TEST(other_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
