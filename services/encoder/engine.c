#include "services/encoder/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/data/image.h"
#include "common/model/checkpoint.h"

// What is loaded together: the backend keeps copies of the weights.
typedef struct {
    rg_backend_t *backend;
    rg_tape_t *tape;
    rg_model_t *model;
    rg_engine_info_t info;
} loaded_t;

struct rg_engine {
    rg_config_t config;
    loaded_t now; // zeroed: nothing
};

static void unload(loaded_t *loaded)
{
    rg_model_destroy(&loaded->model);
    rg_tape_destroy(&loaded->tape);
    rg_backend_destroy(&loaded->backend);
}

void rg_engine_new(rg_engine_t **out, const rg_config_t *config)
{
    rg_engine_t *engine = rg_alloc(sizeof *engine);
    engine->config = *config;
    *out = engine;
}

void rg_engine_destroy(rg_engine_t **out)
{
    if (!*out) return;
    unload(&(*out)->now);
    free(*out);
    *out = NULL;
}

const rg_engine_info_t *rg_engine_info(const rg_engine_t *engine)
{
    return &engine->now.info;
}

const rg_config_t *rg_engine_config(const rg_engine_t *engine)
{
    return &engine->config;
}

size_t rg_engine_map_size(const rg_engine_t *engine)
{
    size_t side = (size_t)rg_content_side(&engine->config);
    return side * side * (size_t)rg_content_channels(&engine->config);
}

int rg_engine_can_embed(const rg_engine_t *engine)
{
    if (engine->now.info.model[0]) return 0;
    return rg_fail(RG_ENOENT, "no trained retrieval net yet: train stages 1 and 2 first");
}

int rg_engine_can_translate(const rg_engine_t *engine)
{
    if (engine->now.model) return 0;
    return rg_fail(RG_ENOENT, "no trained generator yet: train stage 1 first");
}

// ---- loading

// The latest stage's checkpoint. Stage 2 counts only once it is finished: the embeddings of a retrieval net
// that is still being trained shall not fill the retrieval set.
static int find_newest(const rg_config_t *config, char path[RG_PATH_SIZE])
{
    for (enum rg_stage stage = RG_STAGE_3; stage >= RG_STAGE_1; stage--) {
        rg_checkpoint_info_t info;
        rg_stage_checkpoint(stage, config, path);
        if (!rg_exists(path)) continue;
        int err = rg_checkpoint_peek(path, &info);
        if (err) return err;
        if (stage != RG_STAGE_2 || info.iteration >= info.iterations) return 0;
    }
    return rg_fail(RG_ENOENT, "%s: no checkpoint here yet: train stage 1 first", config->run);
}

static int parts_of(const rg_config_t *config, const rg_checkpoint_info_t *info, const char *path,
                    unsigned *parts)
{
    enum rg_stage stage;
    if (rg_stage_find(info->stage, &stage) != 0 || stage == RG_STAGE_CLASSIFIER)
        return rg_fail(RG_EMODEL, "%s: a checkpoint of %s; stage1, stage2 or stage3 is needed", path,
                       info->stage);
    *parts = rg_stage_parts(stage, config) & ~RG_PART_BIT(RG_DISCRIMINATOR);
    return 0;
}

static int check_attributes(const rg_config_t *config, const rg_checkpoint_info_t *info, const char *path)
{
    const rg_names_t *wanted = &config->data.attributes, *trained = &info->attributes;
    if (trained->count != wanted->count)
        return rg_fail(RG_EMODEL, "%s: trained for %d attributes, data.attributes has %d", path,
                       trained->count, wanted->count);
    for (int i = 0; i < wanted->count; i++)
        if (strcmp(trained->name[i], wanted->name[i]) != 0)
            return rg_fail(RG_EMODEL, "%s: attribute %d was trained as %s, data.attributes says %s", path,
                           i + 1, trained->name[i], wanted->name[i]);
    return 0;
}

static int load(loaded_t *loaded, const rg_config_t *config, const char *path, unsigned parts)
{
    rg_params_t *sets[RG_PARTS];
    rg_checkpoint_info_t info;
    int err = rg_cpu_backend_new(&loaded->backend, 0);
    if (!err) err = rg_tape_new(&loaded->tape, loaded->backend);
    if (err) return err;
    rg_model_new(&loaded->model, config, parts, 0);
    err = rg_checkpoint_load(path, sets, rg_model_sets(loaded->model, sets), RG_CHECKPOINT_START, &info);
    if (err) return err;
    snprintf(loaded->info.stage, sizeof loaded->info.stage, "%s", info.stage);
    snprintf(loaded->info.path, sizeof loaded->info.path, "%s", path);
    loaded->info.iteration = info.iteration;
    if (parts & RG_PART_BIT(RG_EMBEDDER)) rg_model_id(loaded->model, loaded->info.model);
    return 0;
}

int rg_engine_load(rg_engine_t *engine, const char *given)
{
    char newest[RG_PATH_SIZE];
    const char *path = *given ? given : newest;
    rg_checkpoint_info_t info;
    unsigned parts = 0;
    loaded_t loaded = {0};
    int err = *given ? 0 : find_newest(&engine->config, newest);
    if (!err) err = rg_checkpoint_peek(path, &info);
    if (!err) err = parts_of(&engine->config, &info, path, &parts);
    if (!err) err = check_attributes(&engine->config, &info, path);
    if (!err) err = load(&loaded, &engine->config, path, parts);
    if (err) {
        unload(&loaded);
        return err;
    }
    unload(&engine->now);
    engine->now = loaded;
    return 0;
}

// ---- computing

static int batch_at(int i, int n)
{
    return n - i < RG_ENGINE_BATCH ? n - i : RG_ENGINE_BATCH;
}

static void copy_rows(float *out, int row, size_t width, const rg_tensor_t *from)
{
    memcpy(out + (size_t)row * width, from->data, rg_tensor_size(from) * sizeof *out);
}

static rg_tensor_t *pixels_input(rg_engine_t *engine, const uint8_t *pixels, int row, int n)
{
    int side = engine->config.data.img_size;
    rg_tensor_t *x = rg_tape_tensor(engine->now.tape, n, side, side, 3);
    size_t image = rg_tensor_size(x) / (size_t)n;
    rg_pixels_to_float(pixels + (size_t)row * image, rg_tensor_size(x), x->data);
    return x;
}

static rg_tensor_t *map_input(rg_engine_t *engine, const float *content, int row, int n)
{
    int side = rg_content_side(&engine->config), channels = rg_content_channels(&engine->config);
    return rg_tape_input(engine->now.tape, n, side, side, channels,
                         content + (size_t)row * rg_engine_map_size(engine));
}

static rg_tensor_t *code_input(rg_engine_t *engine, const float *code, int row, int n)
{
    int width = rg_code_width(&engine->config);
    return rg_tape_input(engine->now.tape, n, 1, 1, width, code + (size_t)row * (size_t)width);
}

int rg_engine_encode(rg_engine_t *engine, const uint8_t *pixels, int n, float *content, float *code)
{
    const rg_model_t *model = engine->now.model;
    rg_tape_t *tape = engine->now.tape;
    int err = 0;
    size_t width = (size_t)rg_code_width(&engine->config);
    for (int i = 0; i < n && !err; i += RG_ENGINE_BATCH) {
        rg_tape_reset(tape);
        rg_tensor_t *x = pixels_input(engine, pixels, i, batch_at(i, n));
        copy_rows(code, i, width, rg_attribute_encode(tape, &model->attribute, x));
        if (content)
            copy_rows(content, i, rg_engine_map_size(engine), rg_content_encode(tape, &model->content, x));
        err = rg_tape_error(tape);
    }
    return err;
}

int rg_engine_embed(rg_engine_t *engine, const float *content, const float *code, int n, int query,
                    float *embeddings)
{
    const rg_embedder_t *net = &engine->now.model->embedder;
    rg_tape_t *tape = engine->now.tape;
    size_t width = (size_t)engine->config.model.embed_dim;
    int err = 0;
    for (int i = 0; i < n && !err; i += RG_ENGINE_BATCH) {
        int m = batch_at(i, n);
        rg_tape_reset(tape);
        rg_tensor_t *shown = code_input(engine, code, i, m);
        if (query) shown = rg_query_code(tape, net, shown);
        copy_rows(embeddings, i, width, rg_embed(tape, net, map_input(engine, content, i, m), shown, NULL));
        err = rg_tape_error(tape);
    }
    return err;
}

int rg_engine_decode(rg_engine_t *engine, rg_engine_source_t source, int n, const rg_retriever_t *retriever,
                     uint8_t *pixels)
{
    rg_tape_t *tape = engine->now.tape;
    size_t image = (size_t)engine->config.data.img_size * (size_t)engine->config.data.img_size * 3;
    int err = 0;
    for (int i = 0; i < n && !err; i += RG_ENGINE_BATCH) {
        int m = batch_at(i, n);
        rg_tape_reset(tape);
        const rg_source_t shown = {.content = map_input(engine, source.content, i, m),
                                   .code = code_input(engine, source.code, i, m),
                                   .own = code_input(engine, source.own, i, m),
                                   .image = pixels_input(engine, source.pixels, i, m)};
        const rg_tensor_t *y = rg_translate(tape, engine->now.model, shown, retriever, NULL);
        rg_pixels_to_u8(y->data, rg_tensor_size(y), pixels + (size_t)i * image);
        err = rg_tape_error(tape);
    }
    return err;
}
