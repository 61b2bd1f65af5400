// The features of a set of images with the target of each image, and the predictions for the real images,
// which are kept on disk.
//
// The networks predict the same for the real images at every evaluation, so the predictions are computed once
// and then read from a file in evaluation.cache (RUN/features if that is empty). The file's name is the hash
// of a key, a text with all that the predictions depend on: networks, images with their labels, size and
// crop. The file holds the matrix of predictions and the whole key. A file that is damaged or has another key
// is not used.
#ifndef RG_EVALUATOR_FEATURES_H
#define RG_EVALUATOR_FEATURES_H

#include "services/evaluator/batch.h"

// ---- a set of images

typedef struct {
    int d, classes; // classes 0: the extractor has no class probabilities
    uint32_t n;
    float *row;          // [capacity,d], n filled, owned
    float *probability;  // [capacity,classes], n filled, owned
    rg_target_t *target; // [capacity], owned
} rg_features_t;

void rg_features_init(rg_features_t *features, uint32_t capacity, int d, int classes);
void rg_features_fini(rg_features_t *features); // accepts a zeroed struct

// Appends n images and copies their targets. Returns the places of their features [n,d] and class
// probabilities [n,classes], together with `logits`, for the caller to fill (rg_evaluation_predict).
rg_predictions_t rg_features_append(rg_features_t *features, const rg_target_t *targets, int n,
                                    float *logits);

// All vectors; those of images that show the domain before any edit; those of images that were asked to
// become the domain. The last two copy their vectors to part [n,d].
rg_vectors_t rg_features_all(const rg_features_t *features);
rg_vectors_t rg_features_showing(const rg_features_t *features, rg_domain_t domain, float *part);
rg_vectors_t rg_features_becoming(const rg_features_t *features, rg_domain_t domain, float *part);

// ---- predictions for the real images of an evaluation

typedef struct {
    rg_evaluation_t *evaluation; // borrowed
    char *key;                   // owned
    char path[RG_PATH_SIZE];     // of the file
    float *row;                  // [n,width]: all predictions for each image; owned
    uint32_t n;
    int width;
    int complete; // all predictions are there
} rg_real_predictions_t;

// Reads the predictions from the file. A file that cannot be used is logged.
void rg_real_predictions_init(rg_real_predictions_t *real, rg_evaluation_t *evaluation);
void rg_real_predictions_fini(rg_real_predictions_t *real); // accepts a zeroed struct

// Fills the predictions for the n images from `first` on, whose pixels are [n,S,S,3].
int rg_real_predictions_get(rg_real_predictions_t *real, const rg_predictions_t *predictions, uint32_t first,
                            const float *pixels, int n);

// Writes the file, after all images were predicted. If it cannot be written, that is only logged: it costs
// time in the next evaluation, not numbers.
void rg_real_predictions_save(rg_real_predictions_t *real);

#endif
