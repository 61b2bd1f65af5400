// Images: RGB, 8 bits per channel, NHWC. Reads JPEG (libjpeg-turbo), writes JPEG and PNG (libpng), crops,
// resizes as Pillow's antialiased BILINEAR, and augments training images.
//
// S is data.img_size, the side of the images that the networks see.
#ifndef RG_DATA_IMAGE_H
#define RG_DATA_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "common/config/config.h"
#include "common/core/rng.h"

typedef struct {
    int width, height;
    uint8_t *rgb; // [height,width,3], owned
} rg_image_t;

void rg_image_init(rg_image_t *image, int width, int height); // black
void rg_image_fini(rg_image_t *image);                        // accepts a zeroed struct

// ---- codecs

// The largest JPEG accepted. The header is checked before anything is decoded.
typedef struct {
    size_t max_bytes;
    int max_side;
} rg_jpeg_limits_t;

// Reads the file of a JPEG of at most limits.image_max_mib (free() *jpeg). RG_ENOENT, RG_EIO, RG_ELIMIT.
int rg_jpeg_read(const rg_limits_config_t *limits, const char *path, uint8_t **jpeg, size_t *size);

// Reads width and height from the header. Errors as rg_jpeg_decode.
int rg_jpeg_size(const uint8_t *jpeg, size_t size, const rg_jpeg_limits_t *limits, const char *origin,
                 int *width, int *height);

// Decodes a JPEG of any colour space to RGB. The decoder may scale by 1/2, 1/4 or 1/8 while it decodes (DCT
// scaling) as long as a square of `crop` source pixels keeps at least min_side pixels; min_side 0 decodes the
// full size. If crop and min_side are not 0, the decoder does not fill the rows that are not needed to resize
// the centred crop to min_side.
//   image        out, the caller ends it with rg_image_fini
//   scale_denom  out: 1, 2, 4 or 8; may be NULL
//   origin       name of the source in error sentences
// RG_EFORMAT (not a JPEG, cut off or corrupt: warnings of libjpeg count as errors), RG_ELIMIT.
int rg_jpeg_decode(const uint8_t *jpeg, size_t size, const rg_jpeg_limits_t *limits, int crop, int min_side,
                   const char *origin, rg_image_t *image, int *scale_denom);

// Encodes at quality 1..100 into *jpeg (free() it). RG_EINVAL.
int rg_jpeg_encode(const rg_image_t *image, int quality, uint8_t **jpeg, size_t *size);

// Encodes without loss into *png (free() it). RG_EINVAL.
int rg_image_encode_png(const rg_image_t *image, uint8_t **png, size_t *size);

// Writes a PNG file, whole or not at all. RG_EIO, RG_EFULL.
int rg_image_write_png(const rg_image_t *image, const char *path);

// ---- images of the size that the networks see

// Resizes the box [x,y,w,h] of source (in fractions of pixels, as Pillow's `box`) to size x size.
// out [size,size,3] u8, the caller's. Differs from Pillow's resize(BILINEAR, box) by at most 1 grey level.
void rg_image_resize(const rg_image_t *source, double x, double y, double w, double h, int size,
                     uint8_t *out);

// Decodes, crops the centre and resizes: the transform of rg-unit section 2 without augmentation.
// crop: side of the square in source pixels; 0: 178 for an image of 178x218, else the largest square.
// out [size,size,3] u8, the caller's. Errors as rg_jpeg_decode; RG_ELIMIT if the crop is larger than the
// image.
int rg_image_load(const uint8_t *jpeg, size_t bytes, const rg_jpeg_limits_t *limits, int crop, int size,
                  const char *origin, uint8_t *out);

// The same with the limits, the crop and the size of the configuration. out [S,S,3] u8, the caller's.
int rg_image_decode(const rg_config_t *config, const uint8_t *jpeg, size_t size, const char *origin,
                    uint8_t *out);

// The same for a stored thumbnail, which is cropped already.
int rg_image_decode_stored(const rg_config_t *config, const uint8_t *jpeg, size_t size, const char *origin,
                           uint8_t *out);

// The bytes of one [S,S,3] u8 image.
size_t rg_image_bytes(const rg_config_t *config);

// Augments a training image: flips it horizontally with probability 1/2, changes brightness and contrast by
// factors within 1 +- jitter, and scales to -1..1. out [size,size,3] f32, pixels [size,size,3] u8. Draws 3
// numbers from rng.
void rg_image_augment(const uint8_t *pixels, int size, double jitter, rg_rng_t *rng, float *out);

// Converts n values from 0..255 to -1..1, and back with clamping and rounding; NaN becomes 0.
void rg_pixels_to_float(const uint8_t *pixels, size_t n, float *out);
void rg_pixels_to_u8(const float *values, size_t n, uint8_t *out);

#endif
