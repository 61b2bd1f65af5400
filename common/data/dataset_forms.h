// The three forms of a data set, each read into names, splits and labels; dataset.c derives the rest.
#ifndef RG_DATA_DATASET_FORMS_H
#define RG_DATA_DATASET_FORMS_H

#include "common/data/dataset.h"

// Appends an image, annotated if the set has attributes. Its row of labels, to be filled in, is valid until
// the next append.
uint8_t *rg__dataset_append(rg_dataset_t *set, const char *name);

int rg__dataset_celeba(rg_dataset_t *set, const char *root); // official CelebA files
int rg__dataset_list(rg_dataset_t *set, const rg_config_t *config);
int rg__dataset_folder(rg_dataset_t *set, const char *root);

#endif
