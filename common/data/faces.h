// Procedural faces in the CelebA layout: pictures whose hair colour, gender and age visibly change them, so
// that everything can be trained and tested without a download.
#ifndef RG_DATA_FACES_H
#define RG_DATA_FACES_H

#include <stdint.h>

#include "common/core/rng.h"
#include "common/data/image.h"

// What a face shows; everything else (pose, skin, eyes, background, light, hair length, glasses, smile) is
// drawn from the rng.
typedef struct {
    int hair; // 0 black, 1 blond, 2 brown
    int male;
    int young;
} rg_face_t;

// Draws a 178x218 face.
void rg_face_draw(const rg_face_t *face, rg_rng_t *rng, rg_image_t *image);

typedef struct {
    const char *folder; // made if needed
    uint32_t count;
    uint64_t seed;
    int plain; // 1: only JPEGs, no annotation files (images for add-images)
    int (*progress)(void *self, uint32_t done,
                    uint32_t total); // may be NULL; nonzero return stops (RG_ESTOPPED)
    void *self;
} rg_faces_spec_t;

// Writes count JPEGs (000001.jpg ...) and, unless plain, list_attr_celeba.txt (all 40 official columns: those
// a face does not show are -1, a few such as Eyeglasses, Smiling, Wearing_Hat follow the picture) and
// list_eval_partition.txt (of every ten 8/1/1). Same seed, same bytes; more faces of a seed begin with the
// fewer. Images already there are kept; RG_EINVAL if the first of them is not the face of this seed. RG_EIO,
// RG_EFULL.
int rg_faces_make(const rg_faces_spec_t *spec);

#endif
