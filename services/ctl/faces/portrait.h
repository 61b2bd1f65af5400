// A synthetic portrait: what it shows, and its painting. The annotation of a face and its picture come from
// the same struct, so they agree.
#ifndef RG_CTL_FACES_PORTRAIT_H
#define RG_CTL_FACES_PORTRAIT_H

#include "common/core/rng.h"
#include "services/ctl/faces/painter.h"

enum { RG_PORTRAIT_WIDTH = 178, RG_PORTRAIT_HEIGHT = 218 };

// The attributes that are chosen. All others are drawn from random numbers.
typedef struct {
    int hair; // 0 black, 1 blond, 2 brown
    int male;
    int young;
} rg_face_t;

typedef struct {
    rg_face_t face;
    rg_paint_colour_t skin, hair, iris, lips, clothes, wall[2]; // wall: left and right of the background
    float x, y, scale, tilt;           // position of the eyes in pixels; size; radians
    float turn;                        // -1..1: the head turns left or right
    float light;                       // -1..1: direction of the light, from left to right
    float jaw, brow, eye, nose, mouth; // sizes, around 1
    float part;                        // position of the hair's parting, left or right of the middle
    float wave;                        // of the hair, 0..1
    float smile;                       // 0..1
    int long_hair, bangs, receding, straight, wavy;
    int stubble, full_beard, no_beard, glasses, lipstick, earrings, open_mouth, smiling;
    int black, blond, brown, pale;
    uint32_t seed; // of the textures
} rg_portrait_t;

// Fills the portrait with the given attributes and random ones.
void rg_portrait_draw(rg_portrait_t *portrait, const rg_face_t *face, rg_rng_t *rng);

// Paints the portrait into a new image of RG_PORTRAIT_WIDTH x RG_PORTRAIT_HEIGHT.
void rg_portrait_paint(const rg_portrait_t *portrait, rg_image_t *image);

// portrait_features.c: what lies within the face. head: the outline that a beard stays inside of.
void rg__portrait_paint_features(rg_paint_canvas_t *canvas, const rg_portrait_t *portrait,
                                 const rg_paint_shape_t *head);
void rg__portrait_paint_glasses(rg_paint_canvas_t *canvas, const rg_portrait_t *portrait);
rg_paint_colour_t rg__portrait_hair_shade(const void *portrait, float x, float y, float depth,
                                          rg_paint_colour_t colour);

#endif
