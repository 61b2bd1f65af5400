// Images: RGB, 8 bits per channel, NHWC. Reads and writes JPEG (libjpeg-turbo), PNG (libpng) and WebP
// (libwebp), crops, resizes as Pillow's antialiased BILINEAR, and augments training images.
//
// The format of a file is decided by its content, not by its name. Pictures come out upright, as EXIF says,
// and what is transparent in them is white. What a library warns of, but reads in full, is read and counted;
// what is cut off or loses a part of the picture is an error.
//
// S is data.img_size, the side of the images that the networks see.
#ifndef RG_DATA_IMAGE_H
#define RG_DATA_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "common/config/config.h"
#include "common/core/rng.h"
#include "common/data/format.h"

typedef struct {
    int width, height;
    uint8_t *rgb; // [height,width,3], owned
} rg_image_t;

void rg_image_init(rg_image_t *image, int width, int height); // black
void rg_image_fini(rg_image_t *image);                        // accepts a zeroed struct

// ---- files

// The largest file accepted. The header is checked before anything is decoded. Decoding takes at most four
// bytes for each pixel of the largest image, and 16 MiB: with sides of 8192 pixels 272 MiB. Few files need
// more, such as a progressive CMYK JPEG of that size; they are refused by their header. Images that take more
// than 16 MiB are decoded one at a time in a process.
typedef struct {
    size_t max_bytes;
    int max_side;
} rg_image_limits_t;

// The bytes of an image file, all borrowed.
typedef struct {
    const uint8_t *bytes;
    size_t size;
    const char *origin; // its name in error sentences
    const rg_image_limits_t *limits;
} rg_image_file_t;

// What a file turned out to be.
typedef struct {
    enum rg_image_format format;
    int width, height; // of the upright picture, in the file
    int orientation;   // of EXIF, 1 to 8; 1: stored upright
    int scale_denom;   // decoded at 1/1, 1/2, 1/4 or 1/8
    int warnings;      // of the library, for a file that was read nevertheless
    char warning[96];  // the first of them
    size_t work_bytes; // that the decoder takes beside the pixels
    int fixed_scale;   // the decoder cannot scale
} rg_image_facts_t;

// The limits of the configuration.
rg_image_limits_t rg_image_limits(const rg_limits_config_t *limits);

// Reads the file of an image of at most limits.image_max_mib (free() *bytes). RG_ENOENT, RG_EIO, RG_ELIMIT.
int rg_image_read(const rg_limits_config_t *limits, const char *path, uint8_t **bytes, size_t *size);

// Reads format, width and height from the header. The orientation of a PNG may be missing in facts: it can
// stand behind the pixels. Errors as rg_image_decode_scaled.
int rg_image_inspect(const rg_image_file_t *file, rg_image_facts_t *facts);

// Decodes a file of any format and kind of pixels to an upright RGB image. The decoder may scale by 1/2, 1/4
// or 1/8 while it decodes as long as a square of `crop` source pixels (0: the largest) keeps at least
// min_side pixels; min_side 0 decodes the full size. JPEG is always scaled (DCT scaling), PNG and WebP only
// if they have more than four million pixels. If crop and min_side are not 0, the decoder of JPEG does not
// fill the rows that are not needed to resize the centred crop to min_side.
//   image  out, the caller ends it with rg_image_fini
//   facts  out, also after an error as far as they are known
// RG_EFORMAT (another format, which the sentence names; cut off or damaged), RG_ELIMIT.
int rg_image_decode_scaled(const rg_image_file_t *file, int crop, int min_side, rg_image_t *image,
                           rg_image_facts_t *facts);

// Encodes into *bytes (free() it): JPEG and WebP at quality 1..100, PNG without loss. RG_EINVAL.
int rg_jpeg_encode(const rg_image_t *image, int quality, uint8_t **bytes, size_t *size);
int rg_webp_encode(const rg_image_t *image, int quality, uint8_t **bytes, size_t *size);
int rg_image_encode_png(const rg_image_t *image, uint8_t **bytes, size_t *size);

// Encodes in a format, at a quality of 95 where there is a choice. RG_EINVAL.
int rg_image_encode(const rg_image_t *image, enum rg_image_format format, uint8_t **bytes, size_t *size);

// Writes a file, whole or not at all, in the format that its name ends with. RG_EUSAGE, RG_EIO, RG_EFULL.
int rg_image_write(const rg_image_t *image, const char *path);

// RG_EUSAGE if rg_image_write does not know the end of the name, with the names it knows.
int rg_image_check_path(const char *path);

// ---- images of the size that the networks see

// Resizes the box [x,y,w,h] of source (in fractions of pixels, as Pillow's `box`) to size x size.
// out [size,size,3] u8, the caller's. Differs from Pillow's resize(BILINEAR, box) by at most 1 grey level.
void rg_image_resize(const rg_image_t *source, double x, double y, double w, double h, int size,
                     uint8_t *out);

// Decodes, crops the centre and resizes: the transform of rg-unit section 2 without augmentation.
// crop: side of the square in source pixels; 0: 178 for an image of 178x218, else the largest square.
// out [size,size,3] u8, the caller's. facts as rg_image_decode_scaled. Errors as rg_image_decode_scaled;
// RG_ELIMIT if the crop is larger than the image.
int rg_image_load(const rg_image_file_t *file, int crop, int size, uint8_t *out, rg_image_facts_t *facts);

// The same with the limits, the crop and the size of the configuration. out [S,S,3] u8, the caller's.
int rg_image_decode(const rg_config_t *config, const uint8_t *bytes, size_t size, const char *origin,
                    uint8_t *out);

// The same, and the facts of the file.
int rg_image_examine(const rg_config_t *config, const uint8_t *bytes, size_t size, const char *origin,
                     uint8_t *out, rg_image_facts_t *facts);

// The same for a stored thumbnail, which is cropped already.
int rg_image_decode_stored(const rg_config_t *config, const uint8_t *bytes, size_t size, const char *origin,
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
