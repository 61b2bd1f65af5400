// A data set: names, splits and 0/1 annotations of images. The pixels stay in their JPEG files.
//
// Three forms are accepted: the official CelebA files (img_align_celeba/, list_attr_celeba.txt,
// list_eval_partition.txt), a list file of `name<TAB>00101` lines, and any folder of JPEG files, which are
// training images without annotation.
#ifndef RG_DATA_DATASET_H
#define RG_DATA_DATASET_H

#include <stddef.h>
#include <stdint.h>

#include "common/config/config.h"

enum rg_split { RG_SPLIT_TRAIN, RG_SPLIT_VALIDATION, RG_SPLIT_TEST, RG_SPLITS };

typedef struct {
    char *folder; // of the image files
    size_t count;
    char **name;                // [count] file names
    uint8_t *split;             // [count] enum rg_split
    uint8_t *annotated;         // [count] 1 if the labels may be used
    uint8_t *labels;            // [count,attributes.count] 0/1; evaluation reads it for all images
    rg_names_t attributes;      // columns of labels: all attributes that the files annotate
    uint32_t *index[RG_SPLITS]; // positions of each split's images, in file order
    uint32_t n[RG_SPLITS];
    uint32_t *train_annotated; // positions of the training images whose labels may be used
    uint32_t n_train_annotated;
    uint64_t fingerprint; // xxh3-64 of names, labels, splits and annotated flags
} rg_dataset_t;

// Opens the data set of config->data. A list file has one digit per configured attribute; of ten of its lines
// eight are training images, one is for validation, one for testing. If data.annotated is below 1, only that
// fraction of the training images, drawn by config->seed, counts as annotated.
// RG_ENOENT (a file or folder is missing, or it has no images), RG_EFORMAT (with file and line), RG_ECONFIG
// (the files do not annotate an attribute).
int rg_dataset_open(rg_dataset_t *set, const rg_config_t *config);
void rg_dataset_close(rg_dataset_t *set);

// Reads the JPEG file of image i. Errors and ownership as rg_image_read.
int rg_dataset_read(const rg_dataset_t *set, size_t i, const rg_limits_config_t *limits, uint8_t **jpeg,
                    size_t *size);

// The columns of the labels that hold the configured attributes: out [data->attributes.count]. RG_ECONFIG.
int rg_dataset_columns(const rg_dataset_t *set, const rg_data_config_t *data, int *out);

#endif
