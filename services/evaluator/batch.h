// A batch of an evaluation's images: their pixels, what the encoders make of them, the codes that are wanted
// of them, and their translations. The steps of an evaluation, in order:
//
//   rg_evaluation_target           draws what is wanted of each image
//   rg_evaluation_batch_encode     JPEG -> pixels -> content, own code (the mean of E_a)
//   rg_evaluation_batch_codes      own code, target -> wanted code
//   rg_evaluation_batch_translate  content, wanted code -> image
//   rg_evaluation_predict          image -> features, class probabilities, logits, embedding of the face
#ifndef RG_EVALUATOR_BATCH_H
#define RG_EVALUATOR_BATCH_H

#include "services/evaluator/evaluation.h"

// Room for `capacity` images N. S img_size, map as rg_content_size, Z as rg_code_width.
typedef struct {
    rg_evaluation_t *evaluation; // borrowed
    float *pixels;               // [N,S,S,3] in -1..1, owned, like the next four
    float *content;              // [N,map]
    float *own;                  // [N,Z]
    float *code;                 // [N,Z]
    float *image;                // [N,S,S,3] translations
} rg_evaluation_batch_t;

void rg_evaluation_batch_init(rg_evaluation_batch_t *batch, rg_evaluation_t *evaluation, int capacity);
void rg_evaluation_batch_fini(rg_evaluation_batch_t *batch); // accepts a zeroed struct

// The number of images in the batch that begins with image `first` of n: at most evaluation.batch.
int rg_evaluation_batch_size(const rg_evaluation_t *self, uint32_t first, uint32_t n);

// Floats per image: S*S*3.
size_t rg_evaluation_image_size(const rg_evaluation_t *self);

// Loads n images (positions in the data set), not augmented, into pixels [n,S,S,3]. RG_EFORMAT and others
// naming the file.
int rg_evaluation_load(const rg_evaluation_t *self, float *pixels, const uint32_t *images, int n);

// Loads n images into the batch and encodes them: fills pixels, content and own. The errors of loading.
int rg_evaluation_batch_encode(rg_evaluation_batch_t *batch, const uint32_t *images, int n);

// Reconstructs the first n images from their own codes: G(c, z) into image [n,S,S,3] of the batch. A model with
// the fusion layers gets the nearest neighbours.
int rg_evaluation_batch_reconstruct(rg_evaluation_batch_t *batch, int n);

// Translates the first n images with these codes [n,Z] into image [n,S,S,3]. A model with the fusion layers gets
// `neighbours`: the evaluation's nearest or random.
int rg_evaluation_batch_translate(rg_evaluation_batch_t *batch, float *image, const float *code, int n,
                                  rg_neighbours_t *neighbours);

// What the networks predict for pixels [n,S,S,3] (extractor.h). logits [n,A] are in the order of the config's
// attributes; NULL: not wanted.
int rg_evaluation_predict(rg_evaluation_t *self, const rg_predictions_t *predictions, const float *pixels,
                          int n);

// ---- targets

// Draws what is wanted of image i (0..n_images-1), from a random stream of its own that rng continues: the
// same in every evaluation.
void rg_evaluation_target(const rg_evaluation_t *self, rg_target_t *target, uint32_t i, rg_rng_t *rng);

// Fills code [Z] for a target: `own` where nothing changes, else the mean of the wanted component or, with
// rng, a draw from it.
void rg_evaluation_code(const rg_evaluation_t *self, float *code, const float *own, const rg_target_t *target,
                        rg_rng_t *rng);

// The same for the first n images of the batch, from their own codes. rng [n]: a stream for each, or NULL.
void rg_evaluation_batch_codes(rg_evaluation_batch_t *batch, const rg_target_t *target, rg_rng_t *rng, int n);

// Copies `own` into code [Z] wherever the target keeps the source's label.
void rg_evaluation_keep(const rg_evaluation_t *self, float *code, const float *own,
                        const rg_target_t *target);

#endif
