// The memory of a pass. The tape's arena grows to the largest pass and is kept, so a steady stream of requests
// allocates nothing. A pass is one batch: inputs are borrowed from the caller's arrays, outputs are copied into
// them, and then the tape is reset. So a call of n images needs the memory of `batch` images, and between two
// calls the tape is empty. The backend keeps packed copies of the weights, which is why networks and backend
// are opened and closed together.
#include "common/model/inference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/hash.h"
#include "common/core/log.h"
#include "common/nn/opencl.h"

int rg_inference_can_embed(const rg_inference_t *self)
{
    if (self && self->embedding[0]) return 0;
    return rg_fail(RG_ENOENT, "no trained retrieval net yet: train stages 1 and 2 first");
}

int rg_inference_can_translate(const rg_inference_t *self)
{
    if (self && self->model) return 0;
    return rg_fail(RG_ENOENT, "no trained generator yet: train stage 1 first");
}

int rg_inference_is_lost(const rg_inference_t *self)
{
    return self && atomic_load(&self->is_lost);
}

// ---- loading

// A given file may hold any stage but the classifier.
static int peek_path(rg_inference_t *self, const char *path, enum rg_stage *stage)
{
    snprintf(self->path, sizeof self->path, "%s", path);
    int err = rg_checkpoint_peek(self->path, &self->info);
    if (!err && (rg_stage_find(self->info.stage, stage) != 0 || *stage == RG_STAGE_CLASSIFIER))
        err = rg_fail(RG_EMODEL, "%s: a checkpoint of %s, needed is one of stage1, stage2 or stage3",
                      self->path, self->info.stage);
    return err;
}

static int load_classifier(rg_inference_t *self, char path[RG_PATH_SIZE])
{
    rg_params_t *set = &self->classifier_set;
    int err = rg_checkpoint_peek_stage(self->config, RG_STAGE_CLASSIFIER, path, &self->classifier_info);
    if (err) return err;
    if (self->classifier_info.attributes.count == 0)
        return rg_fail(RG_EMODEL,
                       "%s: names no attributes; rg-ctl train --stage classifier --restart makes it anew",
                       path);
    rg_params_init(set, rg_stage_name(RG_STAGE_CLASSIFIER));
    rg_classifier_declare(&self->classifier, set, self->classifier_info.attributes.count);
    rg_params_alloc(set, 0);
    const rg_checkpoint_wanted_t wanted = {.config = self->config, .use = RG_CHECKPOINT_START};
    err = rg_checkpoint_load(path, &wanted, &set, 1, &self->classifier_info);
    if (!err) rg_hash_hex(rg_hash(set->value, set->count * sizeof *set->value, 0), self->classifier_weights);
    return err;
}

static int load_model(rg_inference_t *self, enum rg_stage stage)
{
    int err = rg_model_load(&self->model, self->config, stage, self->path, &self->info);
    if (err) return err;
    rg_model_weights(self->model, self->weights);
    if (self->model->parts & RG_PART_BIT(RG_EMBEDDER)) rg_model_id(self->model, self->embedding);
    return 0;
}

// The stage is the classifier itself.
static int load_classifier_stage(rg_inference_t *self)
{
    int err = load_classifier(self, self->path);
    self->info = self->classifier_info;
    memcpy(self->weights, self->classifier_weights, sizeof self->weights);
    return err;
}

static int load_networks(rg_inference_t *self, const rg_inference_spec_t *spec)
{
    char path[RG_PATH_SIZE];
    enum rg_stage stage = spec->stage;
    if (stage == RG_STAGE_CLASSIFIER) return load_classifier_stage(self);
    int err = stage == RG_STAGE_NONE ? peek_path(self, spec->path, &stage)
                                     : rg_checkpoint_peek_stage(self->config, stage, self->path, &self->info);
    if (!err) err = load_model(self, stage);
    if (!err && spec->with_classifier) err = load_classifier(self, path);
    return err;
}

int rg_inference_open(rg_inference_t **out, const rg_config_t *config, const rg_inference_spec_t *spec)
{
    rg_inference_t *self = rg_alloc(sizeof *self);
    self->config = config;
    self->batch = spec->batch;
    int err = load_networks(self, spec);
    if (!err) err = rg_inference_backend_new(&self->backend, config);
    if (!err) err = rg_tape_new(&self->tape, self->backend);
    if (err) {
        rg_inference_close(&self);
        return err;
    }
    rg_tape_pause(self->tape);
    if (self->backend->apart)
        rg_log(RG_LOG_INFO, "device", "stage=%s device=%s", self->info.stage, config->inference.device);
    *out = self;
    return 0;
}

void rg_inference_close(rg_inference_t **out)
{
    rg_inference_t *self = *out;
    if (!self) return;
    rg_tape_destroy(&self->tape);
    rg_params_fini(&self->classifier_set);
    rg_model_destroy(&self->model);
    rg_backend_destroy(&self->backend);
    free(self);
    *out = NULL;
}

// ---- computing, batch by batch

static int batch_size(const rg_inference_t *self, int first, int n)
{
    return self->batch && self->batch < n - first ? self->batch : n - first;
}

static void copy_rows(const rg_inference_t *self, float *out, int first, const rg_tensor_t *tensor)
{
    const size_t each = rg_tensor_size(tensor) / (size_t)tensor->n;
    memcpy(out + (size_t)first * each, rg_tape_read(self->tape, tensor),
           rg_tensor_size(tensor) * sizeof *out);
}

static int end_batch(rg_inference_t *self)
{
    int err = rg_tape_error(self->tape);
    rg_tape_reset(self->tape);
    if (err && rg_backend_error(self->backend)) atomic_store(&self->is_lost, 1);
    return err;
}

static rg_tensor_t *pixels_input(rg_inference_t *self, const float *pixels, int first, int n)
{
    const int side = self->config->data.img_size;
    return rg_tape_input(self->tape, n, side, side, 3,
                         pixels + (size_t)first * (size_t)side * (size_t)side * 3);
}

static rg_tensor_t *content_input(rg_inference_t *self, const float *content, int first, int n)
{
    const int side = rg_content_side(self->config), channels = rg_content_channels(self->config);
    return rg_tape_input(self->tape, n, side, side, channels,
                         content + (size_t)first * rg_content_size(self->config));
}

static rg_tensor_t *code_input(rg_inference_t *self, const float *code, int first, int n)
{
    const int width = rg_code_width(self->config);
    return rg_tape_input(self->tape, n, 1, 1, width, code + (size_t)first * (size_t)width);
}

int rg_inference_classify(rg_inference_t *self, float *features, float *logits, const float *pixels, int n)
{
    int err = 0;
    for (int i = 0, m; i < n && !err; i += m) {
        m = batch_size(self, i, n);
        rg_classifier_output_t classes =
            rg_classify(self->tape, &self->classifier, pixels_input(self, pixels, i, m));
        if (features) copy_rows(self, features, i, classes.features);
        if (logits) copy_rows(self, logits, i, classes.logits);
        err = end_batch(self);
    }
    return err;
}

int rg_inference_encode(rg_inference_t *self, float *content, float *code, const float *pixels, int n)
{
    const rg_model_t *model = self->model;
    int err = 0;
    for (int i = 0, m; i < n && !err; i += m) {
        m = batch_size(self, i, n);
        rg_tensor_t *x = pixels_input(self, pixels, i, m);
        if (content) copy_rows(self, content, i, rg_content_encode(self->tape, &model->content, x));
        if (code) copy_rows(self, code, i, rg_attribute_encode(self->tape, &model->attribute, x));
        err = end_batch(self);
    }
    return err;
}

int rg_inference_embed(rg_inference_t *self, const rg_embedder_t *net, float *embeddings,
                       const float *content, const float *code, int n, int query)
{
    int err = 0;
    if (!net) net = &self->model->embedder;
    for (int i = 0, m; i < n && !err; i += m) {
        m = batch_size(self, i, n);
        rg_tensor_t *shown = code_input(self, code, i, m);
        if (query) shown = rg_query_code(self->tape, net, shown);
        copy_rows(self, embeddings, i,
                  rg_embed(self->tape, net, content_input(self, content, i, m), shown, NULL));
        err = end_batch(self);
    }
    return err;
}

int rg_inference_translate(rg_inference_t *self, float *image, rg_inference_source_t source, int n,
                           const rg_retriever_t *retriever)
{
    int err = 0;
    for (int i = 0, m; i < n && !err; i += m) {
        m = batch_size(self, i, n);
        const rg_translate_source_t shown = {.content = content_input(self, source.content, i, m),
                                             .code = code_input(self, source.code, i, m),
                                             .own = code_input(self, source.own, i, m)};
        rg_tensor_t *pixels = source.pixels ? pixels_input(self, source.pixels, i, m) : NULL;
        copy_rows(self, image, i, rg_translate(self->tape, self->model, shown, pixels, retriever, NULL));
        err = end_batch(self);
    }
    return err;
}
