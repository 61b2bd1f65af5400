// Image files of many kinds, made with the libraries themselves: of each format, kind of pixels and
// orientation.
#ifndef RG_TEST_IMAGE_FILES_H
#define RG_TEST_IMAGE_FILES_H

#include "common/data/image.h"

enum { RG_TEST_COLOURS = 4 };

// What file to make. Zero stands for the plainest: 8 bits, RGB, one picture, no EXIF.
typedef struct {
    const char *name;
    enum rg_image_format format;
    int progressive, arithmetic; // JPEG
    int scans;                   // JPEG: 100 scans, most of them of a single coefficient
    enum { RGB, GREY, PALETTE } colours;
    int depth;                   // PNG: bits of a sample or index
    int alpha;                   // PNG, WebP: rg_test_alpha
    int interlaced;              // PNG
    int animated;                // PNG, WebP: a second frame
    int lossless;                // WebP
    int orientation;             // of EXIF, 0: no EXIF
    int big_endian, exif_behind; // where EXIF is: its byte order; PNG: behind the pixels
} rg_test_file_t;

// A picture of blocks in RG_TEST_COLOURS colours, or as many greys, that is not like itself turned or
// mirrored.
void rg_test_picture(rg_image_t *picture, int width, int height, int grey);

// The alpha of a pixel in files with alpha.
uint8_t rg_test_alpha(int x, int y);

// The file of a picture of rg_test_picture. free() the result.
uint8_t *rg_test_file(const rg_test_file_t *kind, const rg_image_t *picture, size_t *size);

// One small file of each kind that there is, of a picture of this size.
enum { RG_TEST_IMAGES = 24, RG_TEST_WIDTH = 40, RG_TEST_HEIGHT = 24 };
extern const rg_test_file_t rg_test_kinds[RG_TEST_IMAGES];
uint8_t *rg_test_image(size_t i, uint8_t **bytes, size_t *size);

// A block of EXIF with an orientation. Returns its bytes, without "Exif\0\0".
enum { RG_TEST_EXIF = 26 };
void rg_test_exif(uint8_t block[RG_TEST_EXIF], int orientation, int big_endian);

#endif
