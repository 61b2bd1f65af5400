// The state of one evaluation: the configuration, the images to measure on, the networks, the connection to
// the retrieval service, the progress, and the flag that ends the evaluation early.
#ifndef RG_EVALUATOR_EVALUATION_H
#define RG_EVALUATOR_EVALUATION_H

#include <stdatomic.h>

#include "common/report/evaluation_report.h"
#include "common/wire/neighbours.h"
#include "services/evaluator/extractor.h"
#include "services/evaluator/metrics/metrics.h"

enum rg_evaluate { RG_EVALUATE_TEST, RG_EVALUATE_VALIDATION }; // key evaluation.split

// Images done and to do. The service's thread reads them while the evaluation runs.
typedef struct {
    atomic_ullong done, total;
} rg_evaluation_progress_t;

typedef struct {
    const rg_config_t *config; // borrowed, like the next two
    const atomic_int *stop;
    rg_evaluation_progress_t *progress;
    // the images
    rg_labelled_t data;
    uint32_t *images; // [n_images] positions in the data set: the first usable evaluation.images of the split
    uint32_t n_images;
    uint64_t images_hash; // of their names, labels and files
    uint32_t broken;      // images that were left out
    // the networks
    rg_inference_t *inference;           // the stage's model, and the classifier unless the stage is stage 2
    rg_extractor_t extractor;            // of stages 1 and 3
    rg_lpips_t lpips;                    // of stages 1 and 3, if it is configured
    rg_identity_t identity;              // the same
    int class[RG_ATTRIBUTES_MAX];        // output of the classifier for each attribute of the config
    int class_column[RG_ATTRIBUTES_MAX]; // column of the data set for each output of the classifier
    // the retrieval service, for a model with the fusion layers
    rg_link_t *link;                 // NULL: the model has none
    rg_neighbours_t nearest, random; // random: random images in place of the nearest ones, as a control
} rg_evaluation_t;

// Opens the data set and loads the stage's checkpoint. RG_ENOENT with fewer than RG_IMAGES_MIN images in the
// split, the errors of the data set and of the networks, RG_EMODEL if the classifier was trained on other
// attributes.
enum { RG_IMAGES_MIN = 4 };
int rg_evaluation_open(rg_evaluation_t *self, const rg_config_t *config, enum rg_stage stage,
                       rg_evaluation_progress_t *progress, const atomic_int *stop);
void rg_evaluation_close(rg_evaluation_t *self); // accepts a zeroed struct

// 1 if the model has the fusion layers and so asks for neighbours.
static inline int rg_evaluation_fuses(const rg_evaluation_t *self)
{
    return self->link != NULL;
}

// 1 if an image of the data set can be read and decoded; otherwise the reason is logged.
int rg_evaluation_usable(const rg_evaluation_t *self, uint32_t image);

// Selects the first usable images, at most `most` of them: out [n], *count. RG_EFORMAT if more are broken than
// data.broken_share allows; one always is, unless the share is 0. RG_ESTOPPED.
int rg_evaluation_select(rg_evaluation_t *self, const uint32_t *images, uint32_t n, uint32_t most,
                         uint32_t *out, uint32_t *count);

// The name of the measured split: "test" or "validation".
const char *rg_evaluation_split(const rg_config_t *config);

// The index generation that searches see now. Waits for the retrieval service. RG_EMODEL if the service
// serves another model, RG_ENOENT if its set is empty.
int rg_evaluation_generation(rg_evaluation_t *self, uint64_t *generation);

// Adds n to the images done. RG_ESTOPPED if the evaluation shall end.
int rg_evaluation_advance(rg_evaluation_t *self, int n);

// ---- the evaluation of each stage; each adds its numbers to the report (evaluate.h lists them)

int rg_evaluate_classifier(rg_evaluation_t *self, rg_report_t *report);
int rg_evaluate_translation(rg_evaluation_t *self, rg_report_t *report);
int rg_evaluate_retrieval(rg_evaluation_t *self, rg_report_t *report);

#endif
