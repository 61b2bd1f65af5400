// A data set of procedural faces in the layout of CelebA: hair colour, gender and age visibly change a face,
// so everything can be trained and tested without a download.
#ifndef RG_CTL_FACES_FACES_H
#define RG_CTL_FACES_FACES_H

#include <stdint.h>

typedef struct {
    const char *folder; // is made if it is missing
    uint32_t count;
    uint64_t seed;
    int plain; // 1: only JPEG files without annotation, for add-images
    int (*progress)(void *self, uint32_t done, uint32_t total); // may be NULL; nonzero stops with RG_ESTOPPED
    void *self;
} rg_faces_spec_t;

// Writes `count` JPEG files (000001.jpg ...). Unless plain, also writes list_attr_celeba.txt (all 40 official
// columns; attributes that no face shows are -1) and list_eval_partition.txt (of ten faces eight train, one
// validates, one tests). The same seed gives the same bytes; a larger count adds faces at the end. Images
// that exist are kept; RG_EINVAL if the first of them is not the face of this seed. RG_EIO, RG_EFULL.
int rg_faces_make(const rg_faces_spec_t *spec);

#endif
