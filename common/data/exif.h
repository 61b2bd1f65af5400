// EXIF: which way up a picture is. JPEG, PNG and WebP files carry the same block, a small TIFF file.
//
// A picture of a turned camera is stored as the sensor saw it, with one of eight orientations:
//
//   1 upright      2 mirrored         3 upside down      4 upside down, mirrored
//   5 transposed   6 turn clockwise   7 transversed      8 turn counterclockwise   to get the upright picture
#ifndef RG_DATA_EXIF_H
#define RG_DATA_EXIF_H

#include <stddef.h>
#include <stdint.h>

#include "common/data/image.h"

// The orientation 1 to 8 that a block of EXIF says, with or without "Exif\0\0" before it. 1 if it says none
// or is damaged: a wrong block never makes a picture unreadable.
int rg__exif_orientation(const uint8_t *exif, size_t size);

// Turns the pixels upright. Orientation 1 costs nothing; for the others the image gets new pixels. RG_ELIMIT:
// no memory, and the image is as before.
int rg__exif_turn(rg_image_t *image, int orientation);

// Whether the stored x axis (y axis) runs against the axis of the upright picture that it lies on, and
// whether width and height are exchanged.
int rg__exif_reverses_x(int orientation);
int rg__exif_reverses_y(int orientation);
int rg__exif_transposes(int orientation);

#endif
