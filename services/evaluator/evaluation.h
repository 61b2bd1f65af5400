// What every evaluation works with: data, networks, progress and the flag that ends it early.
#ifndef RG_EVALUATOR_EVALUATION_H
#define RG_EVALUATOR_EVALUATION_H

#include <stdatomic.h>

#include "common/wire/neighbours.h"
#include "services/evaluator/extractor.h"
#include "services/evaluator/perception.h"
#include "common/report/evaluation_report.h"
#include "common/data/target.h"
#include "services/evaluator/metrics/metrics.h"

enum rg_evaluate { RG_EVALUATE_TEST, RG_EVALUATE_VALIDATION }; // key evaluation.split

// Images done and to do, read by another thread.
typedef struct {
    atomic_ullong done, total;
} rg_evaluation_progress_t;

typedef struct {
    const rg_config_t *config; // borrowed, like the next two
    const atomic_int *stop;
    rg_evaluation_progress_t *progress;
    rg_labelled_t data;
    const uint32_t
        *images; // [n_images] positions of the images measured, the first evaluation.images of the split
    uint32_t n_images;
    uint64_t images_hash; // of their names, labels and files
    rg_nets_t nets;
    rg_extractor_t extractor;
    rg_perception_t perception;
    int class[RG_ATTRIBUTES_MAX];        // classifier output of each of the config's attributes
    int class_column[RG_ATTRIBUTES_MAX]; // column of the data set of each classifier output
    // where the model has the fusion layers (rg_evaluation_fuses):
    rg_link_t *link; // to the retrieval service
    char embedding_model[17];
    rg_neighbours_t nearest, random; // random: other images than those retrieved, as a control
} rg_evaluation_t;

// RG_ENOENT with fewer than RG_IMAGES_MIN images in the split, the errors of data set and networks, RG_EMODEL
// if the classifier was trained on other attributes.
enum { RG_IMAGES_MIN = 4 };
int rg_evaluation_open(rg_evaluation_t *self, const rg_config_t *config, const rg_nets_spec_t *spec,
                       rg_evaluation_progress_t *progress, const atomic_int *stop);
void rg_evaluation_close(rg_evaluation_t *self); // tolerates a zeroed struct

static inline int rg_evaluation_fuses(const rg_evaluation_t *self)
{
    return self->link != NULL;
}

// The index generation that searches see now; waits for the retrieval service. RG_EMODEL, RG_ENOENT if its
// set is empty.
int rg_evaluation_generation(rg_evaluation_t *self, uint64_t *generation);

// image [n,S,S,3] of n sources, with neighbours (nearest or random) where the model fuses.
int rg_evaluation_translate(rg_evaluation_t *self, float *image, rg_nets_source_t source, int n,
                            rg_neighbours_t *neighbours);

// "test", "validation"
const char *rg_evaluation_split(const rg_config_t *config);

// Images of batch `first`.. of a list of n: at most evaluation.batch.
int rg_evaluation_batch(const rg_evaluation_t *self, uint32_t first, uint32_t n);

// Notes n more images as done. RG_ESTOPPED once the evaluation shall end.
int rg_evaluation_advance(rg_evaluation_t *self, int n);

// pixels [n,S,S,3] in -1..1 of images (positions in the data set), not augmented. RG_EFORMAT and others
// naming the file.
int rg_evaluation_load(const rg_evaluation_t *self, float *pixels, const uint32_t *images, int n);

// What is said of pixels [n,S,S,3]; logits [n,A] are in the order of the config's attributes.
int rg_evaluation_judge(rg_evaluation_t *self, const rg_said_t *said, const float *pixels, int n);

// Draws what is wanted of image i (0..n_images-1): always the same.
void rg_evaluation_target(const rg_evaluation_t *self, rg_target_t *target, uint32_t i, rg_rng_t *rng);

// code [A*Z] of a target: the source's own where nothing changes, else the component's mean or, with rng, a
// draw of it.
void rg_evaluation_code(const rg_evaluation_t *self, float *code, const float *own, const rg_target_t *target,
                        rg_rng_t *rng);

// code [A*Z] becomes `own` wherever the target keeps the source's label.
void rg_evaluation_keep(const rg_evaluation_t *self, float *code, const float *own,
                        const rg_target_t *target);

// Floats per image and per content map.
size_t rg_evaluation_pixels(const rg_evaluation_t *self);
size_t rg_evaluation_content(const rg_evaluation_t *self);

// ---- the stages, each adding its numbers
int rg_evaluate_classifier(rg_evaluation_t *self, rg_report_t *report);
int rg_evaluate_translation(rg_evaluation_t *self, rg_report_t *report);
int rg_evaluate_diversity(rg_evaluation_t *self, rg_report_t *report); // of latent translations
int rg_evaluate_retrieval(rg_evaluation_t *self, rg_report_t *report);

#endif
