// What the networks say of the real images. It is the same for every checkpoint, so it is worked out once and
// kept (cache.h) under all that it depends on: network, images with their labels, size and crop.
#ifndef RG_EVALUATOR_REAL_H
#define RG_EVALUATOR_REAL_H

#include "services/evaluator/cache.h"
#include "services/evaluator/evaluation.h"

typedef struct {
    rg_evaluation_t *evaluation; // borrowed
    char *key, path[RG_PATH_SIZE];
    rg_matrix_t said; // [n_images, d + classes + A] features, classes, logits; owned
    int known;        // said is complete
} rg_real_t;

// Takes what is kept, if it is whole.
void rg_real_init(rg_real_t *real, rg_evaluation_t *evaluation);
void rg_real_fini(rg_real_t *real); // tolerates a zeroed struct

// What is said of images first.. of the evaluation, whose pixels are [n,S,S,3].
int rg_real_judge(rg_real_t *real, const rg_said_t *said, uint32_t first, const float *pixels, int n);

// Keeps what was worked out, once all images were judged. A folder that cannot be written costs time later,
// not numbers: that is logged.
void rg_real_keep(rg_real_t *real);

#endif
