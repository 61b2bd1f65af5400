// The classes of a data set that is a folder per class, as torchvision's ImageFolder, AFHQ and StarGAN v2
// have it. The classes are the attributes of the data set, and an image has exactly one of them.
//
//     ROOT/train/cat/x.png  ROOT/train/dog/y.jpg  and beside train/ the same in val/ and test/
//     ROOT/cat/x.png        ROOT/dog/y.jpg        without train/: no image lies in ROOT itself
//
// A folder with an annotation file of CelebA is never a folder per class.
//
// Folders named by digits alone, as in FFHQ (00000/, 01000/), are parts of one set and not classes.
#ifndef RG_CONFIG_CLASSES_H
#define RG_CONFIG_CLASSES_H

#include "common/config/config.h"

typedef struct {
    rg_names_t names;                // sorted as the folders; count 0: ROOT is not a folder per class
    char *folder[RG_ATTRIBUTES_MAX]; // name of the folder of each class, owned
    int split;                       // 1: the folders lie in ROOT/train
} rg_classes_t;

// Reads names of folders and files only. A character that a name of an attribute cannot have becomes '_'.
// RG_ELIMIT (more classes below train/ than attributes are possible), RG_EFORMAT (two classes get the same
// name, or none), RG_EIO.
int rg_classes_find(rg_classes_t *classes, const char *root);
void rg_classes_fini(rg_classes_t *classes); // accepts a zeroed struct

// The path of the annotation file in ROOT or ROOT/Anno: list_attr_celeba.txt or .csv, or that of
// CelebAMask-HQ. free() it. NULL: there is none.
char *rg_annotation_find(const char *root);

#endif
