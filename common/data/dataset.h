// A data set: names, splits and 0/1 annotations of images. The pixels stay in their files.
//
// The form is what lies in data.root:
//
//   list       data.list is given: lines of name<TAB>labels, one label per attribute of the configuration
//   CelebA     list_attr_celeba.txt and list_eval_partition.txt, or Kaggle's tables of the same names in .csv;
//              the images in img_align_celeba/, or in the folder of that name within it
//   CelebA-HQ  CelebAMask-HQ-attribute-anno.txt; the images in CelebA-HQ-img/
//   classes    a folder per class (config/classes.h); the classes are the attributes
//   folder     any other folder of images, with the folders below it: training images without annotation
//
// Labels are 1 or 0, or 1 or -1. Where no file or folder says the split, of every ten images (of a class)
// eight are for training, one for validation, one for testing. With train/ and one of val/ and test/, that
// one is both: every second image of a class is for testing, the others for validation.
//
// Names are relative to the folder of the images, or absolute. A name that is listed twice is an error.
#ifndef RG_DATA_DATASET_H
#define RG_DATA_DATASET_H

#include <stddef.h>
#include <stdint.h>

#include "common/config/config.h"

enum rg_split { RG_SPLIT_TRAIN, RG_SPLIT_VALIDATION, RG_SPLIT_TEST, RG_SPLITS };

typedef struct {
    const char *form;   // "list", "CelebA", ...
    const char *splits; // where the splits come from, a part of a sentence
    char *folder;       // of the image files
    size_t passed_over; // files that are not images by their names, in a folder of images
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
    uint32_t
        *train_others; // the other training images, in random order; rows of `labels` too, if there are any
    uint32_t n_train_others;
    uint64_t fingerprint; // xxh3-64 of names, labels, splits and annotated flags
    uint64_t whole;       // the fingerprint with data.annotated: 1
} rg_dataset_t;

// Opens the data set of config->data. If data.annotated is below 1, only that fraction of the training
// images, drawn by config->seed, counts as annotated. RG_ENOENT (a file or folder is missing, or it has no
// images), RG_EFORMAT (with file and line), RG_ECONFIG (the files do not annotate an attribute, or data.root
// is empty).
int rg_dataset_open(rg_dataset_t *set, const rg_config_t *config);
void rg_dataset_close(rg_dataset_t *set);

// Checks that the folder or list of the configuration exists. RG_ENOENT with its absolute path.
int rg_dataset_check(const rg_config_t *config);

// The path of image i; free() it.
char *rg_dataset_path(const rg_dataset_t *set, size_t i);

// Reads the file of image i. Errors and ownership as rg_image_read.
int rg_dataset_read(const rg_dataset_t *set, size_t i, const rg_limits_config_t *limits, uint8_t **jpeg,
                    size_t *size);

// The columns of the labels that hold the configured attributes: out [data->attributes.count]. RG_ECONFIG.
int rg_dataset_columns(const rg_dataset_t *set, const rg_data_config_t *data, int *out);

#endif
