// What is wanted of a test image: its labels with one attribute flipped, and a real image that shows that.
#ifndef RG_EVALUATOR_TARGET_H
#define RG_EVALUATOR_TARGET_H

#include "common/core/config.h"
#include "common/core/rng.h"
#include "common/data/dataset.h"

#define RG_NO_REFERENCE UINT32_MAX

typedef struct {
    uint32_t image;     // position in the data set
    uint32_t reference; // of the real image, or RG_NO_REFERENCE
    int asked;          // the attribute that is flipped
    unsigned char source[RG_ATTRIBUTES_MAX], wanted[RG_ATTRIBUTES_MAX]; // in the config's order
} rg_target_t;

// The data set with the columns of the config's attributes.
typedef struct {
    rg_dataset_t set;
    int column[RG_ATTRIBUTES_MAX];
} rg_labelled_t;

// Labels of an image for the config's attributes, in their order.
void rg_labels_read(const rg_labelled_t *data, const rg_config_t *config, uint32_t image, unsigned char *out);

// Flips a random attribute of the image and draws a reference from the annotated training images: one whose
// labels are the wanted ones; if there is none, one that shows the asked attribute as wanted.
void rg_target_draw(rg_target_t *target, const rg_labelled_t *data, const rg_config_t *config, uint32_t image,
                    rg_rng_t *rng);

#endif
