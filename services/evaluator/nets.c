#include "services/evaluator/nets.h"

#include <stdio.h>
#include <string.h>

#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/hash.h"

// ------------------------------------------------------------------ loading
static int locate(const rg_config_t *config, enum rg_stage stage, char path[RG_PATH_SIZE])
{
    rg_stage_checkpoint(stage, config, path);
    if (rg_exists(path)) return 0;
    return rg_fail(RG_ENOENT, "%s: no such checkpoint; rg-ctl train --stage %s makes it", path,
                   rg_stage_argument(stage));
}

static int check_stage(const char *path, const rg_checkpoint_info_t *info, enum rg_stage stage)
{
    if (strcmp(info->stage, rg_stage_name(stage)) == 0) return 0;
    return rg_fail(RG_EMODEL, "%s: holds %s, not %s", path, info->stage, rg_stage_name(stage));
}

static void hash_weights(rg_params_t *const *sets, int n, char out[17])
{
    uint64_t hash = 0;
    for (int i = 0; i < n; i++) hash = rg_hash(sets[i]->value, sets[i]->count * sizeof *sets[i]->value, hash);
    rg_hash_hex(hash, out);
}

static int load_classifier(rg_nets_t *nets)
{
    char path[RG_PATH_SIZE];
    rg_params_t *set = &nets->classifier_set;
    int err = locate(nets->config, RG_STAGE_CLASSIFIER, path);
    if (!err) err = rg_checkpoint_peek(path, &nets->classifier_info);
    if (!err) err = check_stage(path, &nets->classifier_info, RG_STAGE_CLASSIFIER);
    if (err) return err;
    if (nets->classifier_info.attributes.count == 0)
        return rg_fail(RG_EMODEL, "%s: does not say which attributes it tells apart", path);
    rg_params_init(set, "classifier");
    rg_classifier_declare(&nets->classifier, set, nets->classifier_info.attributes.count);
    rg_params_alloc(set, 0);
    err = rg_checkpoint_load(path, &set, 1, RG_CHECKPOINT_START, &nets->classifier_info);
    if (err) return err;
    hash_weights(&set, 1, nets->classifier_weights);
    return 0;
}

static int load_model(rg_nets_t *nets, const rg_nets_spec_t *spec)
{
    char path[RG_PATH_SIZE];
    rg_params_t *sets[RG_PARTS];
    int err = locate(nets->config, spec->stage, path);
    if (!err) err = rg_checkpoint_peek(path, &nets->info);
    if (!err) err = check_stage(path, &nets->info, spec->stage);
    if (err) return err;
    rg_model_new(&nets->model, nets->config, spec->parts, 0);
    int n = rg_model_sets(nets->model, sets);
    err = rg_checkpoint_load(path, sets, n, RG_CHECKPOINT_START, &nets->info);
    if (!err) hash_weights(sets, n, nets->weights);
    return err;
}

int rg_nets_open(rg_nets_t *nets, const rg_config_t *config, const rg_nets_spec_t *spec)
{
    *nets = (rg_nets_t){.config = config};
    int err = spec->parts ? load_model(nets, spec) : 0;
    if (!err && spec->with_classifier) err = load_classifier(nets);
    if (!err && !spec->parts) {
        nets->info = nets->classifier_info;
        memcpy(nets->weights, nets->classifier_weights, sizeof nets->weights);
    }
    if (!err) err = rg_cpu_backend_new(&nets->backend, 0);
    if (!err) err = rg_tape_new(&nets->tape, nets->backend);
    if (!err) rg_tape_pause(nets->tape);
    if (err) rg_nets_close(nets);
    return err;
}

void rg_nets_close(rg_nets_t *nets)
{
    rg_tape_destroy(&nets->tape);
    rg_backend_destroy(&nets->backend);
    rg_params_fini(&nets->classifier_set);
    rg_model_destroy(&nets->model);
}

// ------------------------------------------------------------------ passes
static void take(float *out, const rg_tensor_t *tensor)
{
    memcpy(out, tensor->data, rg_tensor_size(tensor) * sizeof *out);
}

static int finish(rg_nets_t *nets)
{
    int err = rg_tape_error(nets->tape);
    rg_tape_reset(nets->tape);
    return err;
}

static rg_tensor_t *pixels_of(rg_nets_t *nets, const float *pixels, int n)
{
    int side = nets->config->data.img_size;
    return rg_tape_input(nets->tape, n, side, side, 3, pixels);
}

static rg_tensor_t *content_of(rg_nets_t *nets, const float *content, int n)
{
    int side = rg_content_side(nets->config);
    return rg_tape_input(nets->tape, n, side, side, rg_content_channels(nets->config), content);
}

static rg_tensor_t *code_of(rg_nets_t *nets, const float *code, int n)
{
    return rg_tape_input(nets->tape, n, 1, 1, rg_code_width(nets->config), code);
}

int rg_nets_classify(rg_nets_t *nets, float *features, float *logits, const float *pixels, int n)
{
    rg_classifier_output_t classes = rg_classify(nets->tape, &nets->classifier, pixels_of(nets, pixels, n));
    if (features) take(features, classes.features);
    take(logits, classes.logits);
    return finish(nets);
}

int rg_nets_encode(rg_nets_t *nets, float *content, float *code, const float *pixels, int n)
{
    rg_tensor_t *x = pixels_of(nets, pixels, n);
    if (content) take(content, rg_content_encode(nets->tape, &nets->model->content, x));
    if (code) take(code, rg_attribute_encode(nets->tape, &nets->model->attribute, x));
    return finish(nets);
}

int rg_nets_translate(rg_nets_t *nets, float *image, rg_nets_source_t source, int n,
                      const rg_retriever_t *retriever)
{
    const rg_translate_source_t shown = {.content = content_of(nets, source.content, n),
                                         .code = code_of(nets, source.code, n),
                                         .own = code_of(nets, source.own, n),
                                         .image = pixels_of(nets, source.pixels, n)};
    take(image, rg_translate(nets->tape, nets->model, shown, retriever, NULL));
    return finish(nets);
}

int rg_nets_embed(rg_nets_t *nets, const rg_embedder_t *net, float *embedding, const float *content,
                  const float *code, int n, int query)
{
    rg_tensor_t *shown = code_of(nets, code, n);
    if (query) shown = rg_query_code(nets->tape, net, shown);
    take(embedding, rg_embed(nets->tape, net, content_of(nets, content, n), shown, NULL));
    return finish(nets);
}
