// The readers of the forms of a data set. Each one fills folder, attributes, and the images with name, split
// and labels; dataset.c does the rest.
#ifndef RG_DATA_DATASET_PRIVATE_H
#define RG_DATA_DATASET_PRIVATE_H

#include "common/config/classes.h"
#include "common/core/file.h"
#include "common/data/dataset.h"

// Appends a training image, annotated if the set has attributes. Returns its row of labels, which is valid
// until the next append; the caller fills it in.
uint8_t *rg__dataset_append(rg_dataset_t *set, const char *name);

// The default split: of ten images eight train, one validates, one tests. A sorted list is split evenly too.
uint8_t rg__split_of(size_t position);

// Positions of the images in the order of their names: [count], free() it. RG_EFORMAT if two images have the
// same name; line [count]: where the file of this path lists them.
int rg__dataset_sort(const rg_dataset_t *set, const char *path, const uint32_t *line, uint32_t **order);

int rg__dataset_read_list(rg_dataset_t *set, const rg_config_t *config);
int rg__dataset_read_celeba(rg_dataset_t *set, const char *root, const char *annotation);
// RG_ENOENT if ROOT has the images of CelebA without the annotation: a set that is being copied or drawn must
// not be taken for a folder of images without annotation.
int rg__dataset_check_whole(const char *root);
int rg__dataset_read_classes(rg_dataset_t *set, const char *root, const rg_classes_t *classes);
int rg__dataset_read_folder(rg_dataset_t *set, const char *root);

#endif
