// A model of a few thousand weights and its checkpoints, for tests of inference and of the encoder.
#ifndef RG_TEST_MODEL_TINY_H
#define RG_TEST_MODEL_TINY_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/data/image.h"
#include "common/model/inference.h"
#include "tests/support/test.h"

enum {
    SIDE = 16,
    IMAGE = SIDE * SIDE * 3,
    A = 3,
    DIMS = 2,
    Z = A * DIMS,
    D = 5,
    GF = 4,
    MAP = 4 * 4 * 4 * GF
};

typedef struct {
    void *folder;
    rg_config_t config;
    rg_inference_t *networks; // NULL until tiny_load
    uint8_t *pixels;          // [TINY_IMAGES,S,S,3]
    float *values;            // the same in -1..1
} tiny_t;

static inline void tiny_configure(rg_config_t *config, const char *run)
{
    rg_config_init(config);
    snprintf(config->run, sizeof config->run, "%s", run);
    config->data.attributes = (rg_names_t){.count = A, .name = {"Blond_Hair", "Male", "Young"}};
    config->data.exclusive.count = 0;
    config->data.img_size = SIDE;
    config->model.gf = GF;
    config->model.df = 4;
    config->model.n_res = 1;
    config->model.d_layers = 3;
    config->model.d_scales = 1;
    config->model.attr_dims = DIMS;
    config->model.mlp = 8;
    config->model.embed_dim = D;
    config->model.k = 2;
}

// The networks compute on the OpenCL device whose number is in RG_TEST_DEVICE, with the kernels kept in RG_TEST_CACHE;
// without them, on the processor.
static inline int tiny_choose_device(rg_config_t *config)
{
    const char *device = getenv("RG_TEST_DEVICE"), *cache = getenv("RG_TEST_CACHE");
    char path[RG_PATH_SIZE];
    if (!device || !cache) return 0;
    snprintf(config->inference.device, sizeof config->inference.device, "gpu:%s", device);
    rg_config_path(config, "opencl", path);
    return symlink(cache, path);
}

enum { TINY_IMAGES = 20, TINY_BATCH = 16 }; // more than one batch

static inline int tiny_open(void **state)
{
    tiny_t *f = rg_alloc(sizeof *f);
    rg_rng_t rng;
    *state = f;
    if (folder_make(&f->folder)) return -1;
    tiny_configure(&f->config, f->folder);
    if (tiny_choose_device(&f->config)) return -1;
    f->pixels = rg_alloc(TINY_IMAGES * IMAGE);
    rg_rng_init(&rng, 5, 1, 0);
    for (size_t i = 0; i < TINY_IMAGES * IMAGE; i++) f->pixels[i] = (uint8_t)rg_rng_u32(&rng);
    f->values = rg_alloc(TINY_IMAGES * IMAGE * sizeof *f->values);
    rg_pixels_to_float(f->pixels, TINY_IMAGES * IMAGE, f->values);
    return 0;
}

static inline int tiny_close(void **state)
{
    tiny_t *f = *state;
    rg_inference_close(&f->networks);
    free(f->values);
    free(f->pixels);
    int rc = folder_remove(&f->folder);
    free(f);
    return rc;
}

// Loads a checkpoint in place of what was loaded before; path "": the newest.
static inline int tiny_load(tiny_t *f, const char *path)
{
    char newest[RG_PATH_SIZE];
    rg_inference_t *opened;
    int err = *path ? 0 : rg_checkpoint_newest(&f->config, newest);
    const rg_inference_spec_t spec = {
        .stage = RG_STAGE_NONE, .path = *path ? path : newest, .batch = TINY_BATCH};
    if (!err) err = rg_inference_open(&opened, &f->config, &spec);
    if (err) return err;
    rg_inference_close(&f->networks);
    f->networks = opened;
    return 0;
}

// Saves RUN/STAGE.safetensors and destroys the model. The averaged weights of sets that train are half of
// their values, so that a test sees which were loaded.
static inline void tiny_save_model(const tiny_t *f, rg_model_t *model, const char *stage, uint64_t iteration)
{
    const rg_config_t *config = &model->config;
    rg_params_t *sets[RG_PARTS];
    char name[RG_NAME_SIZE], path[RG_PATH_SIZE];
    int n = rg_model_sets(model, sets);
    for (int s = 0; s < n; s++)
        for (size_t i = 0; sets[s]->ema && i < sets[s]->count; i++) sets[s]->ema[i] = sets[s]->value[i] / 2;
    rg_checkpoint_info_t info = {
        .iteration = iteration, .iterations = 100, .attributes = config->data.attributes};
    snprintf(info.stage, sizeof info.stage, "%s", stage);
    snprintf(name, sizeof name, "%s.safetensors", stage);
    rg_config_path(&f->config, name, path);
    assert_ok(rg_checkpoint_save(path, config, sets, n, &info));
    rg_model_destroy(&model);
}

// The same for a new model, made from the config's seed.
static inline void tiny_save(const tiny_t *f, const rg_config_t *config, const char *stage, unsigned parts,
                             unsigned trains, uint64_t iteration)
{
    rg_model_t *model;
    rg_model_new(&model, config, parts, trains);
    tiny_save_model(f, model, stage, iteration);
}

// Saves a stage 1 with model.detail whose G gives the same grey image always: every translation is a copy of its
// source.
static inline void tiny_save_copying(tiny_t *f)
{
    rg_model_t *model;
    f->config.model.detail = 1;
    rg_model_new(&model, &f->config, RG_STAGE1_PARTS, 0);
    rg_param_fill(model->generator.out.weight, 0);
    tiny_save_model(f, model, "stage1", 50);
}

static inline void tiny_save_stage1(const tiny_t *f)
{
    tiny_save(f, &f->config, "stage1", RG_STAGE1_PARTS, RG_STAGE1_TRAINS, 50);
}

static inline void tiny_save_stage2(const tiny_t *f)
{
    tiny_save(f, &f->config, "stage2", RG_STAGE2_PARTS, RG_STAGE2_TRAINS, 100);
}

static inline void tiny_save_stage3(const tiny_t *f)
{
    tiny_save(f, &f->config, "stage3", RG_STAGE3_PARTS, RG_STAGE3_TRAINS, 10);
}

#endif
