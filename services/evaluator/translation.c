// Does a translation show what was wanted, keep the rest, and look real? Every test image gets one random
// attribute flipped, twice: latent (the code is drawn from the wanted component) and reference (it is that of
// a real image).
//
// A model that fuses neighbours is run once more with random ones in place of those retrieved: where the
// numbers stay and the pixels do not move, the generator ignores what was retrieved.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "services/evaluator/metrics/metrics.h"
#include "services/evaluator/outcome.h"
#include "services/evaluator/real.h"
#include "services/evaluator/resemblance.h"
#include "services/evaluator/samples.h"

enum { LATENT, REFERENCE, MODES };
static const char *const MODE_NAMES[MODES] = {"latent", "reference"};

static const double GREY_LEVELS = 127.5; // of 0..255 per unit of -1..1

typedef struct {
    rg_evaluation_t *evaluation;
    rg_outcome_t outcome[MODES], random[MODES]; // with the neighbours retrieved, with random ones
    double change[MODES];                       // mean |difference| of the two, summed over images
    rg_real_t judged;                           // of the sources
    rg_features_t real;
    rg_edit_accuracy_t untranslated;
    rg_accuracy_ceiling_t ceiling;
    double reconstruction; // mean |x - G(c,z)|, summed over images
    // one batch, owned
    rg_target_t *target;
    rg_rng_t *rng;
    float *pixels, *content, *own, *code, *image, *other, *logits;
} translation_t;

// ------------------------------------------------------------------ life
static float *room(size_t images, size_t each)
{
    return rg_alloc(images * each * sizeof(float));
}

static void init(translation_t *self, rg_evaluation_t *evaluation)
{
    const rg_config_t *config = evaluation->config;
    size_t batch = (size_t)config->evaluation.batch, pixels = rg_evaluation_pixels(evaluation);
    *self = (translation_t){.evaluation = evaluation};
    rg_features_init(&self->real, evaluation->n_images, evaluation->extractor.d,
                     evaluation->extractor.classes);
    for (int m = 0; m < MODES; m++) {
        rg_outcome_init(&self->outcome[m], evaluation);
        if (rg_evaluation_fuses(evaluation)) rg_outcome_init(&self->random[m], evaluation);
    }
    self->target = rg_alloc(batch * sizeof *self->target);
    self->rng = rg_alloc(batch * sizeof *self->rng);
    self->pixels = room(batch, pixels);
    self->image = room(batch, pixels);
    self->other = room(batch, pixels);
    self->content = room(batch, rg_evaluation_content(evaluation));
    self->own = room(batch, (size_t)rg_code_width(config));
    self->code = room(batch, (size_t)rg_code_width(config));
    self->logits = room(batch, (size_t)config->data.attributes.count);
    rg_real_init(&self->judged, evaluation);
}

static void fini(translation_t *self)
{
    float *const owned[] = {self->pixels, self->image, self->other, self->content,
                            self->own,    self->code,  self->logits};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
    for (int m = 0; m < MODES; m++) {
        rg_outcome_fini(&self->outcome[m]);
        rg_outcome_fini(&self->random[m]);
    }
    rg_features_fini(&self->real);
    rg_real_fini(&self->judged);
    free(self->target);
    free(self->rng);
}

// ------------------------------------------------------------------ one batch
// Sum over n images of their mean absolute difference.
static double difference(const float *a, const float *b, int n, size_t size)
{
    double sum = 0;
    for (size_t i = 0; i < (size_t)n * size; i++) sum += fabs((double)a[i] - (double)b[i]);
    return sum / (double)size;
}

// Real images: features, ceiling and baseline.
static int measure_sources(translation_t *self, uint32_t first, int n)
{
    int attributes = self->evaluation->config->data.attributes.count;
    const rg_features_room_t room_of = rg_features_next(&self->real, self->target, n);
    const rg_said_t said = {room_of.row, room_of.probability, self->logits};
    int err = rg_real_judge(&self->judged, &said, first, self->pixels, n);
    for (int i = 0; i < n && !err; i++) {
        rg_edit_accuracy_add(&self->untranslated, &self->target[i], self->logits + i * attributes,
                             attributes);
        rg_accuracy_ceiling_add(&self->ceiling, &self->target[i], self->logits + i * attributes, attributes);
    }
    return err;
}

// The batch's sources with these codes.
static rg_nets_source_t sources(const translation_t *self, const float *code)
{
    return (rg_nets_source_t){
        .content = self->content, .own = self->own, .code = code, .pixels = self->pixels};
}

static int measure_reconstruction(translation_t *self, int n)
{
    rg_evaluation_t *evaluation = self->evaluation;
    int err =
        rg_evaluation_translate(evaluation, self->image, sources(self, self->own), n, &evaluation->nearest);
    if (!err)
        self->reconstruction += difference(self->pixels, self->image, n, rg_evaluation_pixels(evaluation));
    return err;
}

static int translate(translation_t *self, int mode, int n)
{
    rg_evaluation_t *evaluation = self->evaluation;
    int err =
        rg_evaluation_translate(evaluation, self->image, sources(self, self->code), n, &evaluation->nearest);
    if (!err) err = rg_outcome_add(&self->outcome[mode], self->target, self->image, n);
    if (err || !rg_evaluation_fuses(evaluation)) return err;
    err = rg_evaluation_translate(evaluation, self->other, sources(self, self->code), n, &evaluation->random);
    if (!err) err = rg_outcome_add(&self->random[mode], self->target, self->other, n);
    self->change[mode] += difference(self->image, self->other, n, rg_evaluation_pixels(evaluation));
    return err;
}

static int translate_latent(translation_t *self, int n)
{
    size_t width = (size_t)rg_code_width(self->evaluation->config);
    for (size_t i = 0; i < (size_t)n; i++)
        rg_evaluation_code(self->evaluation, self->code + i * width, self->own + i * width, &self->target[i],
                           &self->rng[i]);
    return translate(self, LATENT, n);
}

// Moves the images that have a reference to the front of the batch and lists their references.
static int keep_referenced(translation_t *self, uint32_t *references, int n)
{
    size_t map = rg_evaluation_content(self->evaluation),
           width = (size_t)rg_code_width(self->evaluation->config),
           pixels = rg_evaluation_pixels(self->evaluation);
    size_t kept = 0;
    for (size_t i = 0; i < (size_t)n; i++) {
        if (self->target[i].reference == RG_NO_REFERENCE) continue;
        references[kept] = self->target[i].reference;
        if (kept != i) {
            self->target[kept] = self->target[i];
            memcpy(self->content + kept * map, self->content + i * map, map * sizeof *self->content);
            memcpy(self->pixels + kept * pixels, self->pixels + i * pixels, pixels * sizeof *self->pixels);
            memcpy(self->own + kept * width, self->own + i * width, width * sizeof *self->own);
        }
        kept++;
    }
    return (int)kept;
}

// The last of a batch: it reorders it.
static int translate_reference(translation_t *self, int n)
{
    rg_evaluation_t *evaluation = self->evaluation;
    size_t width = (size_t)rg_code_width(evaluation->config);
    uint32_t *references = rg_alloc((size_t)n * sizeof *references);
    int kept = keep_referenced(self, references, n), err = 0;
    if (kept) {
        err = rg_evaluation_load(evaluation, self->image, references, kept);
        if (!err) err = rg_nets_encode(&evaluation->nets, NULL, self->code, self->image, kept);
        for (size_t i = 0; i < (size_t)kept && !err; i++)
            rg_evaluation_keep(evaluation, self->code + i * width, self->own + i * width, &self->target[i]);
        if (!err) err = translate(self, REFERENCE, kept);
    }
    free(references);
    return err;
}

static int run_batch(translation_t *self, uint32_t first, int n)
{
    rg_evaluation_t *evaluation = self->evaluation;
    for (int i = 0; i < n; i++)
        rg_evaluation_target(evaluation, &self->target[i], first + (uint32_t)i, &self->rng[i]);
    int err = rg_evaluation_load(evaluation, self->pixels, evaluation->images + first, n);
    if (!err) err = measure_sources(self, first, n);
    if (!err) err = rg_nets_encode(&evaluation->nets, self->content, self->own, self->pixels, n);
    if (!err) err = measure_reconstruction(self, n);
    if (!err) err = translate_latent(self, n);
    if (!err) err = translate_reference(self, n);
    return err ? err : rg_evaluation_advance(evaluation, n);
}

// ------------------------------------------------------------------ numbers
static int report_random(const translation_t *self, int mode, rg_report_t *report)
{
    const rg_outcome_t *outcome = &self->random[mode];
    char name[32];
    snprintf(name, sizeof name, "%s_random", MODE_NAMES[mode]);
    rg_report_number(report, GREY_LEVELS * self->change[mode] / outcome->features.n, "pixel_change_255_%s",
                     name);
    return rg_outcome_report(outcome, &self->real, name, report);
}

static void report_domain_bounds(const translation_t *self, rg_domain_t domain, rg_report_t *report)
{
    char name[RG_DOMAIN_NAME_SIZE];
    rg_domain_name(self->evaluation->config, domain, name);
    rg_report_number(report, rg_accuracy_ceiling(&self->ceiling, &domain), "ceiling_accuracy.%s", name);
    rg_report_number(report, rg_edit_accuracy_wanted(&self->untranslated, &domain),
                     "untranslated_baseline.%s", name);
}

// What real images reach, and what the sources were before anything was done to them.
static int report_bounds(const translation_t *self, rg_report_t *report)
{
    const rg_config_t *config = self->evaluation->config;
    rg_report_number(report, rg_accuracy_ceiling(&self->ceiling, NULL), "ceiling_accuracy");
    rg_report_number(report, rg_accuracy_value(&self->untranslated.untouched), "untouched_ceiling_accuracy");
    rg_report_number(report, rg_edit_accuracy_wanted(&self->untranslated, NULL), "untranslated_baseline");
    for (int i = 0; i < rg_domains(config); i++) report_domain_bounds(self, rg_domain(i), report);
    const rg_vectors_t real = rg_features_all(&self->real);
    rg_report_number(report, rg_diversity(&real, config->evaluation.outputs), "diversity_real");
    return rg_resemblance_bounds(config, &self->real, report);
}

static int conclude(const translation_t *self, rg_report_t *report)
{
    int err = 0;
    rg_report_integer(report, "images_reference", self->outcome[REFERENCE].features.n);
    for (int m = 0; m < MODES && !err; m++) {
        err = rg_outcome_report(&self->outcome[m], &self->real, MODE_NAMES[m], report);
        if (!err && rg_evaluation_fuses(self->evaluation)) err = report_random(self, m, report);
    }
    rg_report_number(report, GREY_LEVELS * self->reconstruction / self->evaluation->n_images,
                     "reconstruction_l1_255");
    return err ? err : report_bounds(self, report);
}

int rg_evaluate_translation(rg_evaluation_t *evaluation, rg_report_t *report)
{
    translation_t self;
    int err = 0;
    init(&self, evaluation);
    uint32_t sources = (uint32_t)evaluation->config->evaluation.sources;
    atomic_store(&evaluation->progress->total,
                 evaluation->n_images + (sources < evaluation->n_images ? sources : evaluation->n_images));
    for (uint32_t first = 0; first < evaluation->n_images && !err;) {
        int n = rg_evaluation_batch(evaluation, first, evaluation->n_images);
        err = run_batch(&self, first, n);
        first += (uint32_t)n;
    }
    if (!err) rg_real_keep(&self.judged);
    if (!err) err = conclude(&self, report);
    if (!err) err = rg_evaluate_diversity(evaluation, report);
    if (!err) err = rg_samples_translation(evaluation);
    if (!err && rg_evaluation_fuses(evaluation)) err = rg_samples_guidance(evaluation);
    fini(&self);
    return err;
}
