// The inception score: do images look like one thing each, and like many things together (Salimans et al.
// 2016, section 4)?
//   exp(mean over x of KL(p(y|x) || p(y)))
// with p(y|x) what a network says of image x and p(y) the mean of that over the images. 1 for images that all
// look alike to the network, at most as many as it tells classes. The score keeps its name only with the
// Inception network of the user's.
#ifndef RG_EVALUATOR_INCEPTION_H
#define RG_EVALUATOR_INCEPTION_H

#include <stddef.h>

// Parts of n images: ten as published, fewer where a part would have under 25 images.
enum { RG_INCEPTION_SPLITS = 10, RG_INCEPTION_EACH = 25 };
int rg_inception_splits(size_t n);

typedef struct {
    double mean, spread; // over splits: mean and standard deviation
} rg_inception_score_t;

// Of probability [n,classes], rows of which sum to 1, in `splits` equal parts one after the other; what is
// left over is not used. RG_EINVAL with fewer than one image a split, RG_ENUMERIC if a row is no
// distribution.
int rg_inception_score(rg_inception_score_t *score, const float *probability, size_t n, int classes,
                       int splits);

#endif
