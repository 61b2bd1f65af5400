// A data set: names, splits and 0/1 annotations; the pixels stay in their JPEG files.
//
// Three forms are accepted: the official CelebA files (img_align_celeba/, list_attr_celeba.txt,
// list_eval_partition.txt), a list file of `name<TAB>00101` lines, and any folder of JPEGs (no annotation,
// all of it training images).
#ifndef RG_DATA_DATASET_H
#define RG_DATA_DATASET_H

#include <stddef.h>
#include <stdint.h>

#include "common/config/config.h"
#include "common/core/hash.h"

enum rg_split { RG_SPLIT_TRAIN, RG_SPLIT_VALIDATION, RG_SPLIT_TEST, RG_SPLITS };

typedef struct {
    char *folder; // where the files are
    size_t count;
    char **name;                // [count] file names
    uint8_t *split;             // [count] enum rg_split
    uint8_t *annotated;         // [count] 1 if the labels may be used
    uint8_t *labels;            // [count,attributes.count] 0/1; kept for evaluation where not `annotated`
    rg_names_t attributes;      // columns of labels, all that the files annotate
    uint32_t *index[RG_SPLITS]; // positions of each split's images, in file order
    uint32_t n[RG_SPLITS];
    uint32_t *train_annotated; // positions of the training images whose labels may be used
    uint32_t n_train_annotated;
    uint64_t fingerprint; // xxh3-64 of names, labels, splits and annotated flags
} rg_dataset_t;

// Opens config->data. List files carry one digit per config attribute; of every ten lines eight are
// training images, then one for validation and one for testing.
// data.annotated < 1 keeps the labels of that fraction of the training images, drawn by config->seed.
// RG_ENOENT (nothing there, no images), RG_EFORMAT (file, line), RG_ECONFIG (an attribute the files do not
// have).
int rg_dataset_open(rg_dataset_t *set, const rg_config_t *config);
void rg_dataset_close(rg_dataset_t *set);

// Reads the JPEG bytes of image i (free() them).
int rg_dataset_read(const rg_dataset_t *set, size_t i, size_t limit, uint8_t **jpeg, size_t *size);

// Columns of labels for the config's attributes: out[config->data.attributes.count]. RG_ECONFIG.
int rg_dataset_columns(const rg_dataset_t *set, const rg_config_t *config, int *out);

#endif
