// Paints a look. portrait.c has the background, body, head and hair, portrait_features.c what is in the face.
#ifndef RG_DATA_PORTRAIT_H
#define RG_DATA_PORTRAIT_H

#include "common/data/look.h"

enum { RG_PORTRAIT_WIDTH = 178, RG_PORTRAIT_HEIGHT = 218 };

void rg_portrait_paint(const rg_look_t *look, rg_image_t *image); // makes the image

// Its parts in the other file. head: the outline that a beard must not leave.
void rg__features_paint(rg_canvas_t *canvas, const rg_look_t *look, const rg_shape_t *head);
void rg__glasses_paint(rg_canvas_t *canvas, const rg_look_t *look);
rg_colour_t rg__hair_shade(const void *look, float x, float y, float depth, rg_colour_t colour);

#endif
