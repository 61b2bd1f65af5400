#include "services/evaluator/batch.h"

#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/data/image.h"

size_t rg_evaluation_image_size(const rg_evaluation_t *self)
{
    return (size_t)self->config->data.img_size * (size_t)self->config->data.img_size * 3;
}

int rg_evaluation_batch_size(const rg_evaluation_t *self, uint32_t first, uint32_t n)
{
    uint32_t most = (uint32_t)self->config->evaluation.batch;
    return (int)(n - first < most ? n - first : most);
}

void rg_evaluation_batch_init(rg_evaluation_batch_t *batch, rg_evaluation_t *evaluation, int capacity)
{
    size_t n = (size_t)capacity, size = rg_evaluation_image_size(evaluation),
           width = (size_t)rg_code_width(evaluation->config);
    *batch = (rg_evaluation_batch_t){
        .evaluation = evaluation,
        .pixels = rg_alloc(n * size * sizeof(float)),
        .content = rg_alloc(n * rg_content_size(evaluation->config) * sizeof(float)),
        .own = rg_alloc(n * width * sizeof(float)),
        .code = rg_alloc(n * width * sizeof(float)),
        .image = rg_alloc(n * size * sizeof(float)),
    };
}

void rg_evaluation_batch_fini(rg_evaluation_batch_t *batch)
{
    free(batch->pixels);
    free(batch->content);
    free(batch->own);
    free(batch->code);
    free(batch->image);
}

// ---- images

static int load_image(const rg_evaluation_t *self, uint32_t image, uint8_t *pixels)
{
    const rg_config_t *config = self->config;
    uint8_t *jpeg;
    size_t size;
    int err = rg_dataset_read(&self->data.set, image, &config->limits, &jpeg, &size);
    if (err) return err;
    err = rg_image_decode(config, jpeg, size, self->data.set.name[image], pixels);
    free(jpeg);
    return err;
}

int rg_evaluation_load(const rg_evaluation_t *self, float *pixels, const uint32_t *images, int n)
{
    size_t size = rg_evaluation_image_size(self);
    uint8_t *bytes = rg_alloc(size);
    int err = 0;
    for (int i = 0; i < n && !err; i++) {
        err = load_image(self, images[i], bytes);
        if (!err) rg_pixels_to_float(bytes, size, pixels + (size_t)i * size);
    }
    free(bytes);
    return err;
}

int rg_evaluation_batch_encode(rg_evaluation_batch_t *batch, const uint32_t *images, int n)
{
    int err = rg_evaluation_load(batch->evaluation, batch->pixels, images, n);
    return err ? err
               : rg_inference_encode(batch->evaluation->inference, batch->content, batch->own, batch->pixels,
                                     n);
}

int rg_evaluation_batch_reconstruct(rg_evaluation_batch_t *batch, int n)
{
    rg_evaluation_t *evaluation = batch->evaluation;
    const rg_retriever_t retriever = {rg_neighbours_ask, rg_neighbours_wait, &evaluation->nearest};
    const rg_inference_source_t source = {.content = batch->content, .own = batch->own, .code = batch->own};
    return rg_inference_translate(evaluation->inference, batch->image, source, n,
                                  rg_evaluation_fuses(evaluation) ? &retriever : NULL);
}

int rg_evaluation_batch_translate(rg_evaluation_batch_t *batch, float *image, const float *code, int n,
                                  rg_neighbours_t *neighbours)
{
    const rg_retriever_t retriever = {rg_neighbours_ask, rg_neighbours_wait, neighbours};
    const rg_inference_source_t source = {
        .pixels = batch->pixels, .content = batch->content, .own = batch->own, .code = code};
    return rg_inference_translate(batch->evaluation->inference, image, source, n,
                                  rg_evaluation_fuses(batch->evaluation) ? &retriever : NULL);
}

int rg_evaluation_predict(rg_evaluation_t *self, const rg_predictions_t *predictions, const float *pixels,
                          int n)
{
    int classes = self->inference->classifier_info.attributes.count,
        attributes = self->config->data.attributes.count;
    rg_predictions_t all = *predictions;
    int err = all.faces ? rg_identity_embed(&self->identity, all.faces, pixels, n) : 0;
    if (err) return err;
    if (all.logits) all.logits = rg_alloc((size_t)(n * classes) * sizeof *all.logits);
    err = rg_extractor_run(&self->extractor, &all, pixels, n);
    for (int i = 0; i < n && !err && all.logits; i++)
        for (int a = 0; a < attributes; a++)
            predictions->logits[i * attributes + a] = all.logits[i * classes + self->class[a]];
    free(all.logits);
    return err;
}

// ---- targets

void rg_evaluation_target(const rg_evaluation_t *self, rg_target_t *target, uint32_t i, rg_rng_t *rng)
{
    rg_rng_init(rng, self->config->seed, RG_RNG_EVALUATE, i);
    rg_target_draw(target, &self->data.set, self->data.column, &self->config->data, self->images[i], rng);
    if (target->reference != RG_NO_REFERENCE && !rg_evaluation_usable(self, target->reference))
        target->reference = RG_NO_REFERENCE;
}

void rg_evaluation_keep(const rg_evaluation_t *self, float *code, const float *own, const rg_target_t *target)
{
    int width = rg_code_width(self->config);
    unsigned char *keep = rg_alloc((size_t)width);
    rg_code_keep(self->config, target->source, target->wanted, 1, keep);
    for (int i = 0; i < width; i++)
        if (keep[i]) code[i] = own[i];
    free(keep);
}

void rg_evaluation_code(const rg_evaluation_t *self, float *code, const float *own, const rg_target_t *target,
                        rg_rng_t *rng)
{
    rg_code_of_labels(self->config, target->wanted, 1, rng, code);
    rg_evaluation_keep(self, code, own, target);
}

void rg_evaluation_batch_codes(rg_evaluation_batch_t *batch, const rg_target_t *target, rg_rng_t *rng, int n)
{
    size_t width = (size_t)rg_code_width(batch->evaluation->config);
    for (size_t i = 0; i < (size_t)n; i++)
        rg_evaluation_code(batch->evaluation, batch->code + i * width, batch->own + i * width, &target[i],
                           rng ? &rng[i] : NULL);
}
