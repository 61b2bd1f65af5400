// How much do translations of one image to one target differ, when only the draw of the wanted code does?
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "services/evaluator/metrics/metrics.h"
#include "services/evaluator/evaluation.h"

typedef struct {
    rg_evaluation_t *evaluation;
    float *features; // [sources*outputs,F], owned; and room for the outputs of one source:
    float *pixels, *content, *own, *code, *image, *classes, *logits;
    double looks_latent, looks_real; // LPIPS, summed over sources
} outputs_t;

static float *room(size_t images, size_t each)
{
    return rg_alloc(images * each * sizeof(float));
}

static void init(outputs_t *self, rg_evaluation_t *evaluation, size_t sources)
{
    const rg_config_t *config = evaluation->config;
    size_t n = (size_t)config->evaluation.outputs, width = (size_t)rg_code_width(config);
    *self = (outputs_t){.evaluation = evaluation,
                        .features = room(sources * n, (size_t)evaluation->extractor.d),
                        .pixels = room(n, rg_evaluation_pixels(evaluation)),
                        .image = room(n, rg_evaluation_pixels(evaluation)),
                        .content = room(n, rg_evaluation_content(evaluation)),
                        .own = room(n, width),
                        .code = room(n, width),
                        .classes = room(n, (size_t)evaluation->extractor.classes),
                        .logits = room(n, (size_t)config->data.attributes.count)};
}

static void fini(outputs_t *self)
{
    float *const owned[] = {self->features, self->pixels, self->content, self->own,
                            self->code,     self->image,  self->classes, self->logits};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
}

// Row 0 of [n,width] into all rows.
static void repeat(float *rows, int n, size_t width)
{
    for (int i = 1; i < n; i++) memcpy(rows + (size_t)i * width, rows, width * sizeof *rows);
}

static int add_looks(const outputs_t *self, double *sum, const float *images)
{
    const rg_perception_t *perception = &self->evaluation->perception;
    double mean;
    if (!perception->network.onnx) return 0;
    int err = rg_perception_pairs(perception, &mean, images, self->evaluation->config->evaluation.outputs);
    if (!err) *sum += mean;
    return err;
}

static int translate_source(outputs_t *self, uint32_t source)
{
    rg_evaluation_t *evaluation = self->evaluation;
    int n = evaluation->config->evaluation.outputs;
    size_t width = (size_t)rg_code_width(evaluation->config);
    rg_target_t target;
    rg_rng_t rng;
    rg_evaluation_target(evaluation, &target, source, &rng);
    int err = rg_evaluation_load(evaluation, self->pixels, &evaluation->images[source], 1);
    if (!err) err = rg_nets_encode(&evaluation->nets, self->content, self->own, self->pixels, 1);
    if (err) return err;
    repeat(self->pixels, n, rg_evaluation_pixels(evaluation));
    repeat(self->content, n, rg_evaluation_content(evaluation));
    repeat(self->own, n, width);
    for (int i = 0; i < n; i++)
        rg_evaluation_code(evaluation, self->code + (size_t)i * width, self->own, &target, &rng);
    const rg_nets_source_t sources = {
        .content = self->content, .own = self->own, .code = self->code, .pixels = self->pixels};
    err = rg_evaluation_translate(evaluation, self->image, sources, n, &evaluation->nearest);
    const rg_said_t said = {self->features + (size_t)source * (size_t)n * (size_t)evaluation->extractor.d,
                            self->classes, self->logits};
    if (!err) err = rg_evaluation_judge(evaluation, &said, self->image, n);
    return err ? err : add_looks(self, &self->looks_latent, self->image);
}

// What LPIPS says of as many real images, other ones for every source.
static int look_at_real(outputs_t *self, uint32_t source)
{
    rg_evaluation_t *evaluation = self->evaluation;
    int n = evaluation->config->evaluation.outputs;
    if (!evaluation->perception.network.onnx) return 0;
    uint32_t *images = rg_alloc((size_t)n * sizeof *images);
    for (int i = 0; i < n; i++)
        images[i] = evaluation->images[((size_t)source * (size_t)n + (size_t)i) % evaluation->n_images];
    int err = rg_evaluation_load(evaluation, self->pixels, images, n);
    free(images);
    return err ? err : add_looks(self, &self->looks_real, self->pixels);
}

static void conclude(const outputs_t *self, uint32_t sources, rg_report_t *report)
{
    int outputs = self->evaluation->config->evaluation.outputs;
    const rg_vectors_t vectors = {self->features, (size_t)sources * (size_t)outputs,
                                  self->evaluation->extractor.d};
    rg_report_number(report, rg_diversity(&vectors, outputs), "diversity_latent");
    if (!self->evaluation->perception.network.onnx) return;
    rg_report_number(report, self->looks_latent / sources, "lpips_latent");
    rg_report_number(report, self->looks_real / sources, "lpips_real");
}

int rg_evaluate_diversity(rg_evaluation_t *evaluation, rg_report_t *report)
{
    uint32_t sources = (uint32_t)evaluation->config->evaluation.sources;
    int err = 0;
    if (sources > evaluation->n_images) sources = evaluation->n_images;
    outputs_t self;
    init(&self, evaluation, sources);
    for (uint32_t i = 0; i < sources && !err; i++) {
        err = translate_source(&self, i);
        if (!err) err = look_at_real(&self, i);
        if (!err) err = rg_evaluation_advance(evaluation, 1);
    }
    if (!err) conclude(&self, sources, report);
    fini(&self);
    return err;
}
