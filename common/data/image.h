// Images as the system sees them: RGB, 8 bits, NHWC. JPEG through libjpeg-turbo (this folder is the only
// place that sees it), resizing as Pillow's antialiased bilinear.
#ifndef RG_DATA_IMAGE_H
#define RG_DATA_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "common/core/rng.h"

typedef struct {
    int width, height;
    uint8_t *rgb; // [height,width,3], owned
} rg_image_t;

void rg_image_init(rg_image_t *image, int width, int height); // black
void rg_image_fini(rg_image_t *image);                        // tolerates a zeroed struct

// Largest JPEG accepted: checked from the header, before anything is decoded.
typedef struct {
    size_t max_bytes;
    int max_side;
} rg_jpeg_limits_t;

// Width and height from the header. Errors as rg_jpeg_decode.
int rg_jpeg_size(const uint8_t *jpeg, size_t size, const rg_jpeg_limits_t *limits, const char *origin,
                 int *width, int *height);

// Decodes any JPEG colour space to RGB. The decoder may scale by 1/2, 1/4 or 1/8 while decoding (DCT scaling)
// as long as a square of `crop` source pixels keeps at least min_side pixels; min_side 0 decodes in full.
// Where neither is 0, rows that resizing the crop's centred square to min_side does not read are not filled.
// scale_denom (may be NULL) is 1, 2, 4 or 8. origin names the source in errors. RG_EFORMAT (not a JPEG,
// truncated, corrupt: libjpeg warnings count), RG_ELIMIT.
int rg_jpeg_decode(const uint8_t *jpeg, size_t size, const rg_jpeg_limits_t *limits, int crop, int min_side,
                   const char *origin, rg_image_t *image, int *scale_denom);

// Encodes at quality 1..100 into *jpeg (free() it).
int rg_jpeg_encode(const rg_image_t *image, int quality, uint8_t **jpeg, size_t *size);

// Antialiased bilinear resize of the box [x,y,w,h] of source (float box as Pillow's) to size x size,
// out [size,size,3] u8, the caller's. Within 1 grey level of Pillow's resize(BILINEAR, box).
void rg_image_resize(const rg_image_t *source, double x, double y, double w, double h, int size,
                     uint8_t *out);

// The whole transform of rg-unit section 2 but for augmentation: decode, centre crop, resize.
// crop: 0 = 178 where the image is 178x218, else the largest centred square; larger than the image =
// RG_ELIMIT. out [size,size,3] u8, the caller's.
int rg_image_load(const uint8_t *jpeg, size_t bytes, const rg_jpeg_limits_t *limits, int crop, int size,
                  const char *origin, uint8_t *out);

// Training augmentation: horizontal flip with probability 1/2, brightness and contrast factors within
// 1 +- jitter; scales to -1..1. out [size,size,3] f32, pixels [size,size,3] u8. Draws 3 numbers from rng.
void rg_image_augment(const uint8_t *pixels, int size, double jitter, rg_rng_t *rng, float *out);

// 0..255 -> -1..1 and back (clamped, rounded), n values.
void rg_pixels_to_float(const uint8_t *pixels, size_t n, float *out);
void rg_pixels_to_u8(const float *values, size_t n, uint8_t *out);

// Encodes losslessly into *png (free() it).
int rg_image_encode_png(const rg_image_t *image, uint8_t **png, size_t *size);

// Writes a PNG atomically. RG_EIO, RG_EFULL.
int rg_image_write_png(const rg_image_t *image, const char *path);

#endif
