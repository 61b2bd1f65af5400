// One training batch as the steps see it: plain arrays, borrowed for the step.
//
// Where several ranks train, each has its share of the whole batch: an equal part of the images that have no
// reference, which are the first ones, and an equal part of those that have.
#ifndef RG_TRAINER_BATCH_H
#define RG_TRAINER_BATCH_H

#include <stddef.h>

enum { RG_BATCH_ID = 16 }; // bytes of a content id

typedef struct rg_batch {
    int n, references;                  // images; reference images, which belong to the last targets
    const float *pixels;                // [n,S,S,3] in -1..1
    const float *reference_pixels;      // [references,S,S,3]
    const unsigned char *labels;        // [n,A] 0/1, A = columns
    const unsigned char *target_labels; // [n,A]
    const unsigned char *ids;           // [n,RG_BATCH_ID] content ids, NULL in tests
    int columns;                        // the config's attributes, or all annotated ones for the classifier
    const struct rg_batch
        *whole; // what this is the share of: sizes and labels; NULL: this is the whole batch
    int rank;   // whose share
} rg_batch_t;

// Which of the whole batch's n * ranks rows is row `row` of the n of this share, the last `references` of
// which are for references.
size_t rg_batch_row(const rg_batch_t *share, int n, int row);

// The n rows of this share among the whole batch's, of `bytes` each: out [n], whole [n * ranks].
void rg_batch_take(const rg_batch_t *share, int n, const void *whole, size_t bytes, void *out);

#endif
