// What is wanted of an image: its labels with one attribute flipped, and a real image that shows that.
//
// `column` gives the columns of the config's attributes in the data set's labels (rg_dataset_columns).
#ifndef RG_DATA_TARGET_H
#define RG_DATA_TARGET_H

#include "common/config/config.h"
#include "common/core/rng.h"
#include "common/data/dataset.h"

#define RG_NO_REFERENCE UINT32_MAX

typedef struct {
    uint32_t image;     // position in the data set
    uint32_t reference; // of the real image, or RG_NO_REFERENCE
    int asked;          // the attribute that is flipped
    unsigned char source[RG_ATTRIBUTES_MAX], wanted[RG_ATTRIBUTES_MAX]; // in the config's order
} rg_target_t;

// wanted [A] = source with attribute `flip` turned. Turning a member of the exclusive group on (a hair
// colour) turns the others off; turning one off leaves none of them, as many annotated images have it.
void rg_labels_flip(const rg_config_t *config, const unsigned char *source, int flip, unsigned char *wanted);

// The column `attribute` of a sample grid: a member of the exclusive group is turned on, any other attribute
// flipped.
void rg_labels_column(const rg_config_t *config, const unsigned char *source, int attribute,
                      unsigned char *wanted);

// Labels of an image for the config's attributes, in their order.
void rg_labels_read(const rg_dataset_t *set, const int *column, const rg_config_t *config, uint32_t image,
                    unsigned char *out);

// Flips a random attribute of the image and draws a reference from the annotated training images: one whose
// labels are the wanted ones; if there is none, one that shows the asked attribute as wanted.
void rg_target_draw(rg_target_t *target, const rg_dataset_t *set, const int *column,
                    const rg_config_t *config, uint32_t image, rg_rng_t *rng);

#endif
