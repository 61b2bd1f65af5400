// One training batch as the steps see it: plain arrays, borrowed for the step.
#ifndef RG_TRAINER_BATCH_H
#define RG_TRAINER_BATCH_H

enum { RG_BATCH_ID = 16 }; // bytes of a content id

typedef struct {
    int n, references;                  // images; reference images, which belong to the last targets
    const float *pixels;                // [n,S,S,3] in -1..1
    const float *reference_pixels;      // [references,S,S,3]
    const unsigned char *labels;        // [n,A] 0/1, A = columns
    const unsigned char *target_labels; // [n,A]
    const unsigned char *ids;           // [n,RG_BATCH_ID] content ids, NULL in tests
    int columns;                        // the config's attributes, or all annotated ones for the classifier
} rg_batch_t;

#endif
