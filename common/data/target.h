// Translation targets: the labels that an image shall get, and a real image that shows them.
//
// Labels are bytes of 0 or 1 in the order of data.attributes; A is the number of these attributes. `column`
// maps them to the columns of the labels of a data set (rg_dataset_columns).
#ifndef RG_DATA_TARGET_H
#define RG_DATA_TARGET_H

#include "common/config/config.h"
#include "common/core/rng.h"
#include "common/data/dataset.h"

#define RG_NO_REFERENCE UINT32_MAX

typedef struct {
    uint32_t image;     // position in the data set
    uint32_t reference; // position of the real image, or RG_NO_REFERENCE
    int asked;          // the attribute that is flipped
    unsigned char source[RG_ATTRIBUTES_MAX], wanted[RG_ATTRIBUTES_MAX];
} rg_target_t;

// wanted [A] = source [A] with the attribute `flip` flipped. If an attribute of the exclusive group (a hair
// colour) is turned on, the others of the group are turned off. If it is turned off, the image has no
// attribute of the group, as many annotated images do.
void rg_labels_flip(const rg_data_config_t *data, const unsigned char *source, int flip,
                    unsigned char *wanted);

// wanted [A]: the labels of the column `attribute` of a sample grid. An attribute of the exclusive group is
// turned on; any other is flipped.
void rg_labels_column(const rg_data_config_t *data, const unsigned char *source, int attribute,
                      unsigned char *wanted);

// Reads the labels [A] of an image of the data set.
void rg_labels_read(const rg_dataset_t *set, const int *column, const rg_data_config_t *data, uint32_t image,
                    unsigned char *out);

// Flips a random attribute of the image and draws a reference among the annotated training images: one with
// exactly the wanted labels; if no image has them, one that shows the flipped attribute as wanted.
void rg_target_draw(rg_target_t *target, const rg_dataset_t *set, const int *column,
                    const rg_data_config_t *data, uint32_t image, rg_rng_t *rng);

#endif
