// Everything that a synthetic portrait shows, drawn from the rng before a pixel is painted: what the
// annotation says and what the picture shows come from the same numbers.
#ifndef RG_DATA_LOOK_H
#define RG_DATA_LOOK_H

#include "common/data/canvas.h"
#include "common/data/faces.h"

typedef struct {
    rg_face_t face;
    rg_colour_t skin, hair, iris, lips, clothes, wall[2]; // wall: left and right of the background
    float x, y, scale, tilt;                              // where the eyes are, in pixels; size; radians
    float turn;                                           // -1..1: the head looks left or right
    float light;                                          // -1..1: where the light comes from
    float jaw, brow, eye, nose, mouth;                    // sizes, around 1
    float part;  // where the hair is parted, left or right of the middle
    float wave;  // of the hair, 0..1
    float smile; // 0..1
    int long_hair, bangs, receding, straight, wavy;
    int stubble, full_beard, no_beard, glasses, lipstick, earrings, open_mouth, smiling;
    int black, blond, brown, pale;
    uint32_t seed; // of the textures
} rg_look_t;

void rg_look_draw(rg_look_t *look, const rg_face_t *face, rg_rng_t *rng);

#endif
