#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "common/core/alloc.h"
#include "common/core/file.h"
#include "common/model/checkpoint.h"
#include "common/model/safetensors.h"
#include "tests/support/test.h"
#include "tests/unit/model/tiny.h"

static const rg_checkpoint_info_t INFO = {
    .stage = "stage3",
    .iteration = 7,
    .iterations = 9,
    .fingerprint = UINT64_MAX,
    .data_sets = {2, {{77, 0}, {UINT64_MAX, 4}}},
    .set_generation = 3,
    .retrieved = 50,
    .retrieved_new = 5,
    .last_new_generation = 4,
    .attributes = {.count = A, .name = {"Blond_Hair", "Male", "Young"}}};

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
    const rg_checkpoint_wanted_t wanted = {&lab->config, &lab->config.data.attributes, use};
    rg_params_t *sets[RG_PARTS];
    return rg_checkpoint_load(lab->path, &wanted, sets, rg_model_sets(model, sets), &lab->info);
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
    assert_int_equal(lab->info.data_sets.n, 2);
    assert_int_equal(lab->info.data_sets.item[0].fingerprint, 77);
    assert_int_equal(lab->info.data_sets.item[1].from, 4);
    assert_true(lab->info.data_sets.item[1].fingerprint == UINT64_MAX);
    assert_int_equal(lab->info.retrieved_new, 5);
    assert_int_equal(lab->info.attributes.count, A);
    assert_string_equal(lab->info.attributes.name[2], "Young");
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

// A model of another configuration than that of the checkpoint.
static void assert_refused(lab_t *lab, rg_config_t other, const char *sentence)
{
    rg_config_t before = lab->config;
    lab->config = other;
    rg_model_t *model = lab_model(lab, RG_STAGE1_PARTS, 0);
    assert_fails(load_into(lab, model, RG_CHECKPOINT_START), RG_EMODEL, sentence);
    assert_non_null(strstr(rg_error(), "--restart"));
    rg_model_destroy(&model);
    lab->config = before;
}

// Some of these keys leave no trace in the shapes of tensors.
static void another_architecture_is_named(void **state)
{
    lab_t *lab = *state;
    rg_model_t *saved = lab_model(lab, RG_STAGE1_PARTS, RG_STAGE1_TRAINS);
    assert_ok(save_model(lab, saved, &INFO));
    rg_config_t wider = lab->config, larger = wider, spread = wider;
    wider.model.gf = 8;
    larger.data.img_size = 32;
    spread.model.attr_std = 0.75;
    assert_refused(lab, wider, "it was trained with model.gf 4, not 8");
    assert_refused(lab, larger, "it was trained with data.img_size 16, not 32");
    assert_refused(lab, spread, "model.attr_std 0.5, not 0.75");
    rg_model_t *more = lab_model(lab, RG_STAGE2_PARTS, 0);
    assert_fails(load_into(lab, more, RG_CHECKPOINT_START), RG_EMODEL,
                 "no tensor embedder.conv.0.weight: a checkpoint of another architecture");
    rg_model_destroy(&more);
    rg_model_destroy(&saved);
}

// Stage 1 does not depend on keys of the parts that it does not have.
static void keys_of_other_parts_are_not_compared(void **state)
{
    lab_t *lab = *state;
    rg_model_t *saved = lab_model(lab, RG_STAGE1_PARTS, RG_STAGE1_TRAINS);
    assert_ok(save_model(lab, saved, &INFO));
    lab->config.model.embed_dim = 9;
    lab->config.stage1.lr = 0.01;
    assert_ok(load_into(lab, saved, RG_CHECKPOINT_RESUME));
    rg_model_destroy(&saved);
}

// Codes belong to attributes by their position, so another order is another model.
static void other_attributes_are_named(void **state)
{
    lab_t *lab = *state;
    rg_model_t *model = lab_model(lab, RG_STAGE1_PARTS, RG_STAGE1_TRAINS);
    const rg_names_t reordered = {.count = A, .name = {"Male", "Blond_Hair", "Young"}},
                     replaced = {.count = A, .name = {"Blond_Hair", "Male", "Smiling"}},
                     fewer = {.count = 2, .name = {"Blond_Hair", "Male"}},
                     *others[] = {&reordered, &replaced, &fewer};
    static const char *const lists[] = {"Male, Blond_Hair, Young", "Blond_Hair, Male, Smiling",
                                        "Blond_Hair, Male"};
    assert_ok(save_model(lab, model, &INFO));
    for (int i = 0; i < 3; i++)
        for (int use = 0; use < 2; use++) {
            char *sentence =
                rg_format("trained for the attributes [Blond_Hair, Male, Young], but data.attributes is [%s]",
                          lists[i]);
            lab->config.data.attributes = *others[i];
            assert_fails(load_into(lab, model, use), RG_EMODEL, sentence);
            assert_non_null(strstr(rg_error(), "set data.attributes as in its training"));
            free(sentence);
        }
    rg_model_destroy(&model);
}

// A list that is too long for a sentence begins where the two lists part.
static void long_lists_show_where_they_differ(void **state)
{
    lab_t *lab = *state;
    rg_checkpoint_info_t info = INFO;
    rg_model_t *model = lab_model(lab, RG_STAGE1_PARTS, RG_STAGE1_TRAINS);
    for (info.attributes.count = 0; info.attributes.count < RG_ATTRIBUTES_MAX; info.attributes.count++)
        snprintf(info.attributes.name[info.attributes.count], RG_NAME_SIZE, "An_Attribute_%d",
                 info.attributes.count);
    assert_ok(save_model(lab, model, &info));
    lab->config.data.attributes = info.attributes;
    strcpy(lab->config.data.attributes.name[35], "Other");
    assert_fails(load_into(lab, model, RG_CHECKPOINT_START), RG_EMODEL,
                 "attributes [..., An_Attribute_35, An_Attribute_36, ");
    assert_non_null(strstr(rg_error(), "data.attributes is [..., Other, An_Attribute_36, "));
    rg_model_destroy(&model);
}

// Saves the model's checkpoint with a tensor that a user added, with or without its metadata.
static void save_with_additional(const lab_t *lab, rg_model_t *model, const char *name, int with_config)
{
    rg_params_t *sets[RG_PARTS];
    rg_safetensor_t tensors[512];
    rg_safetensors_t *file;
    rg_safetensors_metadata_t notes[] = {
        {"rg_version", "1"}, {"stage", "stage1"}, {"attributes", "Blond_Hair Male Young"}, {"config", NULL}};
    size_t n = 0;
    assert_ok(rg_checkpoint_save(lab->path, &lab->config, sets, rg_model_sets(model, sets), &INFO));
    assert_ok(rg_safetensors_open(&file, lab->path));
    for (const rg_safetensor_t *tensor; (tensor = rg_safetensors_at(file, n)) != NULL;)
        tensors[n++] = *tensor;
    tensors[n] = tensors[0];
    snprintf(tensors[n].name, sizeof tensors[n].name, "%s", name);
    notes[3].value = rg_safetensors_metadata(file, "config");
    assert_ok(rg_safetensors_write(lab->path, tensors, n + 1, notes, with_config ? 4 : 3));
    rg_safetensors_close(&file);
}

// Inference and the next stage do without it. A resumed stage would lose it with its next save.
static void additional_tensors_are_ignored_or_named(void **state)
{
    static const char *const names[] = {"content.mean", "ema.generator.extra", "notes"};
    lab_t *lab = *state;
    rg_model_t *model = lab_model(lab, RG_STAGE1_PARTS, RG_STAGE1_TRAINS);
    for (int i = 0; i < 3; i++) {
        save_with_additional(lab, model, names[i], 1);
        assert_ok(load_into(lab, model, RG_CHECKPOINT_START));
        char *sentence =
            rg_format("%s has no place in the networks, and the next save would lose it", names[i]);
        assert_fails(load_into(lab, model, RG_CHECKPOINT_RESUME), RG_EMODEL, sentence);
        free(sentence);
    }
    save_with_additional(lab, model, "content.mean", 0);
    assert_fails(load_into(lab, model, RG_CHECKPOINT_START), RG_EMODEL,
                 "content.mean has no place in this configuration: a checkpoint of another architecture");
    rg_model_destroy(&model);
}

// A G that was trained with model.detail has learned to leave detail to its source.
static void detail_is_part_of_the_architecture(void **state)
{
    lab_t *lab = *state;
    rg_model_t *plain = lab_model(lab, RG_STAGE1_PARTS, RG_STAGE1_TRAINS);
    assert_ok(save_model(lab, plain, &INFO));
    rg_config_t with = lab->config, without = lab->config;
    with.model.detail = 1;
    assert_refused(lab, with, "model.detail false, not true");
    lab->config = with;
    rg_model_t *detailed = lab_model(lab, RG_STAGE1_PARTS, RG_STAGE1_TRAINS);
    assert_ok(save_model(lab, detailed, &INFO));
    assert_ok(load_into(lab, detailed, RG_CHECKPOINT_RESUME));
    assert_refused(lab, without, "model.detail true, not false");
    rg_model_destroy(&detailed);
    rg_model_destroy(&plain);
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

// Saves at an iteration, and gives the iterations of the checkpoint and of the previous one, 0 if it is not there.
static void advance(const lab_t *lab, rg_model_t *model, uint64_t iteration, int first, uint64_t on_disk[2])
{
    rg_params_t *sets[RG_PARTS];
    rg_checkpoint_info_t info = INFO;
    char *paths[] = {lab->path, rg_checkpoint_previous(lab->path)}, **names;
    size_t count, there = 0;
    info.iteration = iteration;
    assert_ok(rg_checkpoint_advance(lab->path, &lab->config, sets, rg_model_sets(model, sets), &info, first));
    for (int i = 0; i < 2; i++) {
        on_disk[i] = rg_checkpoint_peek(paths[i], &info) ? 0 : info.iteration;
        there += on_disk[i] > 0;
    }
    assert_ok(rg_list_dir(lab->folder, &names, &count));
    assert_int_equal(count, there); // no other file is left
    rg_list_free(&names, count);
    free(paths[1]);
}

// A training that begins anew does not go on from the checkpoint of another one.
static void the_previous_checkpoint_remains(void **state)
{
    lab_t *lab = *state;
    rg_model_t *model = lab_model(lab, RG_STAGE1_PARTS, RG_STAGE1_TRAINS);
    static const struct {
        uint64_t iteration, first, previous;
    } saves[] = {{10, 1, 0}, {20, 0, 10}, {30, 0, 20}, {5, 1, 0}, {15, 0, 5}};
    uint64_t on_disk[2];
    for (size_t i = 0; i < sizeof saves / sizeof *saves; i++) {
        advance(lab, model, saves[i].iteration, (int)saves[i].first, on_disk);
        assert_int_equal(on_disk[0], saves[i].iteration);
        assert_int_equal(on_disk[1], saves[i].previous);
    }
    assert_ok(rg_checkpoint_restore(lab->path));
    assert_ok(rg_checkpoint_peek(lab->path, &lab->info));
    assert_int_equal(lab->info.iteration, 5);
    rg_model_destroy(&model);
}

// Flips one bit at a random place of the file.
static void flip_bit(const unsigned char *whole, size_t size, rg_rng_t *rng, const char *path)
{
    unsigned char *bytes = rg_alloc(size);
    uint32_t place = rg_rng_u32(rng) % (uint32_t)size;
    memcpy(bytes, whole, size);
    bytes[place] ^= (unsigned char)(1u << (rg_rng_u32(rng) % 8));
    FILE *file = fopen(path, "w");
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    free(bytes);
}

static void a_thousand_flipped_bits_are_found(void **state)
{
    lab_t *lab = *state;
    rg_model_t *model = lab_model(lab, RG_STAGE1_PARTS, RG_STAGE1_TRAINS);
    unsigned char *bytes;
    size_t size;
    rg_rng_t rng;
    rg_rng_init(&rng, 21, 1, 0);
    assert_ok(save_model(lab, model, &INFO));
    assert_ok(rg_file_read(lab->path, 1 << 30, &bytes, &size));
    for (int i = 0; i < 1000; i++) {
        flip_bit(bytes, size, &rng, lab->path);
        assert_true(rg_checkpoint_damaged(load_into(lab, model, RG_CHECKPOINT_RESUME)));
        assert_non_null(strstr(rg_error(), lab->path));
    }
    free(bytes);
    rg_model_destroy(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(resuming_restores_every_block),
        TEST(starting_takes_the_averaged_weights),
        TEST(another_architecture_is_named),
        TEST(keys_of_other_parts_are_not_compared),
        TEST(other_attributes_are_named),
        TEST(long_lists_show_where_they_differ),
        TEST(additional_tensors_are_ignored_or_named),
        TEST(a_failed_save_leaves_the_old_one),
        TEST(detail_is_part_of_the_architecture),
        TEST(other_files_are_refused),
        TEST(the_previous_checkpoint_remains),
        TEST(a_thousand_flipped_bits_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
