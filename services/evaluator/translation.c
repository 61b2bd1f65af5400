// The evaluation of a translation: does it show what was wanted, keep the rest, and look real? Every test
// image gets one random attribute flipped and is translated in two modes:
//
//   latent     the code is drawn from the wanted component of the Gaussian mixture
//   reference  the code is that of a real image that shows what is wanted
//
// The references are measured too, as if they were the translations (exemplar): the distances that real images
// with the wanted labels have are what a translation can hope for.
//
// A model with the fusion layers translates once more in each mode, with random neighbours in place of the
// retrieved ones. If the numbers stay the same and the pixels do not change, the generator ignores what was
// retrieved.
//
// The images are translated in batches (translate_batch). Each batch adds to the accuracy counts and features
// of its mode; report_all computes the numbers from them at the end. Diversity is measured last, on a few
// sources.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "services/evaluator/distribution.h"
#include "services/evaluator/samples.h"

enum { LATENT, REFERENCE, MODES };
static const char *const MODE_NAMES[MODES] = {"latent", "reference"};

static const double GREY_LEVELS = 127.5; // of 0..255 per unit of -1..1

// The results of all translations of one mode.
typedef struct {
    rg_edit_accuracy_t accuracy;
    rg_features_t features;
    rg_identity_mean_t identity;
} translated_t;

typedef struct {
    rg_evaluation_t *evaluation;
    rg_evaluation_batch_t batch;
    rg_target_t *target; // [batch], owned, like the next three
    rg_rng_t *rng;       // [batch]
    float *logits;       // [batch,A]
    float *other;        // [batch,S,S,3] translations with random neighbours
    uint32_t *source;    // [batch] numbers of the sources, 0..n_images-1
    float *face;         // [batch,d] embeddings of the faces; NULL: identity is not measured
    // of the whole evaluation
    translated_t translated[MODES], random[MODES]; // with the retrieved neighbours, with random ones
    translated_t exemplar;                         // the references themselves
    double change[MODES];                          // mean |difference| of the two, summed over images
    double reconstruction;                         // mean |x - G(c,z)|, summed over images
    double identity_reconstruction;                // cosine of x and G(c,z), summed over images
    float *faces;                                  // [n_images,d] of the sources, owned; or NULL
    rg_real_predictions_t predictions;             // of the sources
    rg_features_t real;
    rg_edit_accuracy_t untranslated; // accuracy of the sources themselves
    rg_accuracy_ceiling_t ceiling;
} translation_t;

// ---- life

static void translation_init(translation_t *self, rg_evaluation_t *evaluation)
{
    const rg_config_t *config = evaluation->config;
    const rg_extractor_t *extractor = &evaluation->extractor;
    size_t n = (size_t)config->evaluation.batch;
    size_t width = (size_t)evaluation->identity.d;
    *self = (translation_t){
        .evaluation = evaluation,
        .source = rg_alloc(n * sizeof *self->source),
        .face = width ? rg_alloc(n * width * sizeof *self->face) : NULL,
        .faces = width ? rg_alloc(evaluation->n_images * width * sizeof *self->faces) : NULL,
        .target = rg_alloc(n * sizeof *self->target),
        .rng = rg_alloc(n * sizeof *self->rng),
        .logits = rg_alloc(n * (size_t)config->data.attributes.count * sizeof *self->logits),
        .other = rg_alloc(n * rg_evaluation_image_size(evaluation) * sizeof *self->other),
    };
    rg_evaluation_batch_init(&self->batch, evaluation, config->evaluation.batch);
    rg_features_init(&self->real, evaluation->n_images, extractor->d, extractor->classes);
    rg_features_init(&self->exemplar.features, evaluation->n_images, extractor->d, extractor->classes);
    for (int m = 0; m < MODES; m++) {
        rg_features_init(&self->translated[m].features, evaluation->n_images, extractor->d,
                         extractor->classes);
        if (rg_evaluation_fuses(evaluation))
            rg_features_init(&self->random[m].features, evaluation->n_images, extractor->d,
                             extractor->classes);
    }
    rg_real_predictions_init(&self->predictions, evaluation);
}

static void translation_fini(translation_t *self)
{
    for (int m = 0; m < MODES; m++) {
        rg_features_fini(&self->translated[m].features);
        rg_features_fini(&self->random[m].features);
    }
    rg_features_fini(&self->real);
    rg_features_fini(&self->exemplar.features);
    rg_real_predictions_fini(&self->predictions);
    rg_evaluation_batch_fini(&self->batch);
    free(self->target);
    free(self->rng);
    free(self->logits);
    free(self->other);
    free(self->source);
    free(self->face);
    free(self->faces);
}

// ---- one batch

// The embedding of the source of image i of the batch.
static float *source_face(const translation_t *self, int i)
{
    return self->faces + (size_t)self->source[i] * (size_t)self->evaluation->identity.d;
}

// The cosine of the source of image i of the batch and of the image whose embedding is in `face`.
static double face_cosine(const translation_t *self, int i)
{
    int width = self->evaluation->identity.d;
    return rg_cosine(source_face(self, i), self->face + (size_t)i * (size_t)width, width);
}

// Adds the real images to the features, to the accuracy ceiling and to the baseline.
static int measure_sources(translation_t *self, uint32_t first, int n)
{
    int attributes = self->evaluation->config->data.attributes.count;
    rg_predictions_t predictions = rg_features_append(&self->real, self->target, n, self->logits);
    if (self->faces) predictions.faces = source_face(self, 0); // the sources of a batch follow each other
    int err = rg_real_predictions_get(&self->predictions, &predictions, first, self->batch.pixels, n);
    for (int i = 0; i < n && !err; i++) {
        const float *logits = self->logits + i * attributes;
        rg_edit_accuracy_add(&self->untranslated, &self->target[i], logits, attributes);
        rg_accuracy_ceiling_add(&self->ceiling, &self->target[i], logits, attributes);
    }
    return err;
}

static int measure_reconstruction(translation_t *self, int n)
{
    rg_evaluation_batch_t *batch = &self->batch;
    int err = rg_evaluation_batch_reconstruct(batch, n);
    if (err) return err;
    self->reconstruction +=
        rg_absolute_difference(batch->pixels, batch->image, n, rg_evaluation_image_size(self->evaluation));
    if (!self->face) return 0;
    err = rg_identity_embed(&self->evaluation->identity, self->face, batch->image, n);
    for (int i = 0; i < n && !err; i++) self->identity_reconstruction += face_cosine(self, i);
    return err;
}

// Adds the first n images [n,S,S,3], which were made to show the batch's targets.
static int measure_translated(translation_t *self, translated_t *translated, const float *images, int n)
{
    int attributes = self->evaluation->config->data.attributes.count;
    rg_predictions_t predictions = rg_features_append(&translated->features, self->target, n, self->logits);
    predictions.faces = self->face;
    int err = rg_evaluation_predict(self->evaluation, &predictions, images, n);
    for (int i = 0; i < n && !err; i++) {
        rg_edit_accuracy_add(&translated->accuracy, &self->target[i], self->logits + i * attributes,
                             attributes);
        if (self->face) rg_identity_add(&translated->identity, &self->target[i], face_cosine(self, i));
    }
    return err;
}

// Translates with the batch's codes, also with random neighbours.
static int translate_mode(translation_t *self, int mode, int n)
{
    rg_evaluation_t *evaluation = self->evaluation;
    rg_evaluation_batch_t *batch = &self->batch;
    int err = rg_evaluation_batch_translate(batch, batch->image, batch->code, n, &evaluation->nearest);
    if (!err) err = measure_translated(self, &self->translated[mode], batch->image, n);
    if (err || !rg_evaluation_fuses(evaluation)) return err;
    err = rg_evaluation_batch_translate(batch, self->other, batch->code, n, &evaluation->random);
    if (!err) err = measure_translated(self, &self->random[mode], self->other, n);
    self->change[mode] +=
        rg_absolute_difference(batch->image, self->other, n, rg_evaluation_image_size(evaluation));
    return err;
}

// Moves the images that have a reference to the front of the batch. Lists the references, returns their
// number.
static int keep_referenced(translation_t *self, uint32_t *references, int n)
{
    rg_evaluation_batch_t *batch = &self->batch;
    size_t map = rg_content_size(self->evaluation->config),
           width = (size_t)rg_code_width(self->evaluation->config),
           size = rg_evaluation_image_size(self->evaluation), kept = 0;
    for (size_t i = 0; i < (size_t)n; i++) {
        if (self->target[i].reference == RG_NO_REFERENCE) continue;
        references[kept] = self->target[i].reference;
        if (kept != i) {
            self->target[kept] = self->target[i];
            self->source[kept] = self->source[i];
            memcpy(batch->content + kept * map, batch->content + i * map, map * sizeof(float));
            memcpy(batch->pixels + kept * size, batch->pixels + i * size, size * sizeof(float));
            memcpy(batch->own + kept * width, batch->own + i * width, width * sizeof(float));
        }
        kept++;
    }
    return (int)kept;
}

// Must come last: it changes the order of the batch.
static int translate_reference(translation_t *self, int n)
{
    rg_evaluation_t *evaluation = self->evaluation;
    rg_evaluation_batch_t *batch = &self->batch;
    size_t width = (size_t)rg_code_width(evaluation->config);
    uint32_t *references = rg_alloc((size_t)n * sizeof *references);
    int kept = keep_referenced(self, references, n), err = 0;
    if (kept) {
        err = rg_evaluation_load(evaluation, batch->image, references, kept);
        if (!err) err = measure_translated(self, &self->exemplar, batch->image, kept);
        if (!err) err = rg_inference_encode(evaluation->inference, NULL, batch->code, batch->image, kept);
        for (size_t i = 0; i < (size_t)kept && !err; i++)
            rg_evaluation_keep(evaluation, batch->code + i * width, batch->own + i * width, &self->target[i]);
        if (!err) err = translate_mode(self, REFERENCE, kept);
    }
    free(references);
    return err;
}

static int translate_batch(translation_t *self, uint32_t first, int n)
{
    rg_evaluation_t *evaluation = self->evaluation;
    for (int i = 0; i < n; i++) {
        self->source[i] = first + (uint32_t)i;
        rg_evaluation_target(evaluation, &self->target[i], self->source[i], &self->rng[i]);
    }
    int err = rg_evaluation_batch_encode(&self->batch, evaluation->images + first, n);
    if (!err) err = measure_sources(self, first, n);
    if (!err) err = measure_reconstruction(self, n);
    if (!err) rg_evaluation_batch_codes(&self->batch, self->target, self->rng, n);
    if (!err) err = translate_mode(self, LATENT, n);
    if (!err) err = translate_reference(self, n);
    return err ? err : rg_evaluation_advance(evaluation, n);
}

// ---- numbers

// The accuracy, the identity and the distribution distances of one mode: numbers NAME_MODE.
static int report_mode(const translation_t *self, const translated_t *translated, const char *mode,
                       rg_report_t *report)
{
    const rg_config_t *config = self->evaluation->config;
    const rg_edit_accuracy_t *accuracy = &translated->accuracy;
    rg_report_number(report, rg_edit_accuracy_wanted(accuracy, NULL), "wanted_accuracy_%s", mode);
    rg_report_number(report, rg_accuracy_value(&accuracy->untouched), "untouched_accuracy_%s", mode);
    rg_report_number(report, rg_identity_mean(&translated->identity, NULL), "identity_%s", mode);
    for (int i = 0; i < rg_domains(config); i++) {
        char name[RG_DOMAIN_NAME_SIZE];
        const rg_domain_t domain = rg_domain(i);
        rg_domain_name(config, domain, name);
        rg_report_number(report, rg_edit_accuracy_wanted(accuracy, &domain), "wanted_accuracy_%s.%s", mode,
                         name);
        rg_report_number(report, rg_identity_mean(&translated->identity, &domain), "identity_%s.%s", mode,
                         name);
    }
    return rg_distribution_report(config, &self->real, &translated->features, mode, report);
}

static int report_random_mode(const translation_t *self, int mode, rg_report_t *report)
{
    const translated_t *random = &self->random[mode];
    char name[32];
    snprintf(name, sizeof name, "%s_random", MODE_NAMES[mode]);
    rg_report_number(report, GREY_LEVELS * self->change[mode] / random->features.n, "pixel_change_255_%s",
                     name);
    return report_mode(self, random, name, report);
}

// What real images reach, and what the sources show without any translation.
static int report_bounds(const translation_t *self, rg_report_t *report)
{
    const rg_config_t *config = self->evaluation->config;
    rg_report_number(report, rg_accuracy_ceiling(&self->ceiling, NULL), "ceiling_accuracy");
    rg_report_number(report, rg_accuracy_value(&self->untranslated.untouched), "untouched_ceiling_accuracy");
    rg_report_number(report, rg_edit_accuracy_wanted(&self->untranslated, NULL), "untranslated_baseline");
    for (int i = 0; i < rg_domains(config); i++) {
        char name[RG_DOMAIN_NAME_SIZE];
        const rg_domain_t domain = rg_domain(i);
        rg_domain_name(config, domain, name);
        rg_report_number(report, rg_accuracy_ceiling(&self->ceiling, &domain), "ceiling_accuracy.%s", name);
        rg_report_number(report, rg_edit_accuracy_wanted(&self->untranslated, &domain),
                         "untranslated_baseline.%s", name);
    }
    const rg_vectors_t real = rg_features_all(&self->real);
    rg_report_number(report, rg_diversity(&real, config->evaluation.outputs), "diversity_real");
    return rg_distribution_bounds(config, &self->real, report);
}

// What identity can be compared with: the reconstructions, and different people.
static void report_identity_bounds(const translation_t *self, rg_report_t *report)
{
    const rg_evaluation_t *evaluation = self->evaluation;
    if (!self->faces) return;
    const rg_vectors_t faces = {self->faces, evaluation->n_images, evaluation->identity.d};
    rg_report_number(report, self->identity_reconstruction / evaluation->n_images, "identity_reconstruction");
    rg_report_number(report, rg_identity_of_pairs(&faces, evaluation->config->seed), "identity_real");
}

static int report_all(const translation_t *self, rg_report_t *report)
{
    int err = 0;
    rg_report_integer(report, "images_reference", self->translated[REFERENCE].features.n);
    for (int m = 0; m < MODES && !err; m++) {
        err = report_mode(self, &self->translated[m], MODE_NAMES[m], report);
        if (!err && rg_evaluation_fuses(self->evaluation)) err = report_random_mode(self, m, report);
    }
    rg_report_number(report, GREY_LEVELS * self->reconstruction / self->evaluation->n_images,
                     "reconstruction_l1_255");
    report_identity_bounds(self, report);
    if (!err) err = report_mode(self, &self->exemplar, "exemplar", report);
    return err ? err : report_bounds(self, report);
}

// ---- diversity: how much do translations of one image to one target differ with the drawn code?

typedef struct {
    rg_evaluation_t *evaluation;
    rg_evaluation_batch_t batch;     // the outputs of one source
    float *features;                 // [sources*outputs,d], owned
    float *classes;                  // [outputs,classes], owned
    double lpips_latent, lpips_real; // summed over sources
} diversity_t;

static void diversity_init(diversity_t *self, rg_evaluation_t *evaluation, size_t sources)
{
    const rg_config_t *config = evaluation->config;
    const rg_extractor_t *extractor = &evaluation->extractor;
    size_t n = (size_t)config->evaluation.outputs;
    *self = (diversity_t){
        .evaluation = evaluation,
        .features = rg_alloc(sources * n * (size_t)extractor->d * sizeof *self->features),
        .classes = rg_alloc(n * (size_t)extractor->classes * sizeof *self->classes),
    };
    rg_evaluation_batch_init(&self->batch, evaluation, config->evaluation.outputs);
}

static void diversity_fini(diversity_t *self)
{
    rg_evaluation_batch_fini(&self->batch);
    free(self->features);
    free(self->classes);
}

// Copies row 0 of [n,width] to all rows.
static void repeat_row(float *rows, int n, size_t width)
{
    for (int i = 1; i < n; i++) memcpy(rows + (size_t)i * width, rows, width * sizeof *rows);
}

static int add_lpips(const diversity_t *self, double *sum, const float *images)
{
    const rg_lpips_t *lpips = &self->evaluation->lpips;
    double mean;
    if (!lpips->network.onnx) return 0;
    int err = rg_lpips_mean_of_pairs(lpips, &mean, images, self->evaluation->config->evaluation.outputs);
    if (!err) *sum += mean;
    return err;
}

static int translate_source(diversity_t *self, uint32_t source)
{
    rg_evaluation_t *evaluation = self->evaluation;
    rg_evaluation_batch_t *batch = &self->batch;
    int n = evaluation->config->evaluation.outputs;
    size_t width = (size_t)rg_code_width(evaluation->config), first = (size_t)source * (size_t)n;
    rg_target_t target;
    rg_rng_t rng;
    rg_evaluation_target(evaluation, &target, source, &rng);
    int err = rg_evaluation_batch_encode(batch, &evaluation->images[source], 1);
    if (err) return err;
    repeat_row(batch->pixels, n, rg_evaluation_image_size(evaluation));
    repeat_row(batch->content, n, rg_content_size(evaluation->config));
    repeat_row(batch->own, n, width);
    for (int i = 0; i < n; i++)
        rg_evaluation_code(evaluation, batch->code + (size_t)i * width, batch->own, &target, &rng);
    err = rg_evaluation_batch_translate(batch, batch->image, batch->code, n, &evaluation->nearest);
    const rg_predictions_t predictions = {
        .features = self->features + first * (size_t)evaluation->extractor.d, .classes = self->classes};
    if (!err) err = rg_evaluation_predict(evaluation, &predictions, batch->image, n);
    return err ? err : add_lpips(self, &self->lpips_latent, batch->image);
}

// The same number of real images for comparison, different ones for every source.
static int measure_real_lpips(diversity_t *self, uint32_t source)
{
    rg_evaluation_t *evaluation = self->evaluation;
    int n = evaluation->config->evaluation.outputs;
    if (!evaluation->lpips.network.onnx) return 0;
    uint32_t *images = rg_alloc((size_t)n * sizeof *images);
    for (int i = 0; i < n; i++)
        images[i] = evaluation->images[((size_t)source * (size_t)n + (size_t)i) % evaluation->n_images];
    int err = rg_evaluation_load(evaluation, self->batch.pixels, images, n);
    free(images);
    return err ? err : add_lpips(self, &self->lpips_real, self->batch.pixels);
}

static void report_diversity(const diversity_t *self, uint32_t sources, rg_report_t *report)
{
    int outputs = self->evaluation->config->evaluation.outputs;
    const rg_vectors_t vectors = {self->features, (size_t)sources * (size_t)outputs,
                                  self->evaluation->extractor.d};
    rg_report_number(report, rg_diversity(&vectors, outputs), "diversity_latent");
    if (!self->evaluation->lpips.network.onnx) return;
    rg_report_number(report, self->lpips_latent / sources, "lpips_latent");
    rg_report_number(report, self->lpips_real / sources, "lpips_real");
}

static int measure_diversity(rg_evaluation_t *evaluation, uint32_t sources, rg_report_t *report)
{
    diversity_t self;
    int err = 0;
    diversity_init(&self, evaluation, sources);
    for (uint32_t i = 0; i < sources && !err; i++) {
        err = translate_source(&self, i);
        if (!err) err = measure_real_lpips(&self, i);
        if (!err) err = rg_evaluation_advance(evaluation, 1);
    }
    if (!err) report_diversity(&self, sources, report);
    diversity_fini(&self);
    return err;
}

// ---- the whole evaluation

int rg_evaluate_translation(rg_evaluation_t *evaluation, rg_report_t *report)
{
    translation_t self;
    uint32_t n = evaluation->n_images, sources = (uint32_t)evaluation->config->evaluation.sources;
    int err = 0;
    if (sources > n) sources = n;
    atomic_store(&evaluation->progress->total, n + sources);
    translation_init(&self, evaluation);
    for (uint32_t first = 0; first < n && !err;) {
        int size = rg_evaluation_batch_size(evaluation, first, n);
        err = translate_batch(&self, first, size);
        first += (uint32_t)size;
    }
    if (!err) rg_real_predictions_save(&self.predictions);
    if (!err) err = report_all(&self, report);
    translation_fini(&self);
    if (!err) err = measure_diversity(evaluation, sources, report);
    if (!err) err = rg_samples_translation(evaluation);
    if (!err && rg_evaluation_fuses(evaluation)) err = rg_samples_guidance(evaluation);
    return err;
}
