// What rg_image_* asks of each format: to read the header of a file, and to decode it to RGB as it is stored,
// not turned upright. The callers have checked format and bytes. facts begins zeroed but for its format.
#ifndef RG_DATA_CODEC_H
#define RG_DATA_CODEC_H

#include "common/data/image.h"

// The header: fills facts->width and height as they are stored, the orientation if it stands there, and what
// the decoder needs: work_bytes, fixed_scale. RG_EFORMAT, RG_ELIMIT.
int rg__png_inspect(const rg_image_file_t *file, rg_image_facts_t *facts);
int rg__webp_inspect(const rg_image_file_t *file, rg_image_facts_t *facts);

// The pixels at 1/facts->scale_denom, which the caller has chosen, and all other facts. The caller ends the
// image with rg_image_fini. RG_EFORMAT, RG_ELIMIT.
int rg__png_decode(const rg_image_file_t *file, rg_image_t *image, rg_image_facts_t *facts);
int rg__webp_decode(const rg_image_file_t *file, rg_image_t *image, rg_image_facts_t *facts);

// The same for JPEG, whose header is read once: the decoder goes on behind it. file and facts are borrowed
// until close. crop and min_side as in rg_image_decode_scaled.
typedef struct rg__jpeg rg__jpeg_t;
int rg__jpeg_open(rg__jpeg_t **jpeg, const rg_image_file_t *file, rg_image_facts_t *facts);
int rg__jpeg_decode(rg__jpeg_t *jpeg, int crop, int min_side, rg_image_t *image);
void rg__jpeg_close(rg__jpeg_t **jpeg);

// A file whose header was read.
typedef struct {
    const rg_image_file_t *file; // borrowed
    rg_image_facts_t *facts;     // borrowed
    rg__jpeg_t *jpeg;            // NULL: of another format
} rg__image_reader_t;

// Fills facts as rg_image_inspect does. The caller closes the reader, also after an error of decode; after an
// error of open there is nothing to close.
int rg__image_open(rg__image_reader_t *reader, const rg_image_file_t *file, rg_image_facts_t *facts);
void rg__image_close(rg__image_reader_t *reader);

// Decodes the file, once. The rest as rg_image_decode_scaled.
int rg__image_decode(const rg__image_reader_t *reader, int crop, int min_side, rg_image_t *image);

// Fills width and height. RG_EFORMAT: a side of 0. RG_ELIMIT: a side beyond limits->max_side.
int rg__image_check_sides(const rg_image_file_t *file, rg_image_facts_t *facts, unsigned width,
                          unsigned height);

// Counts a warning of a library and keeps the sentence of the first.
void rg__image_warn(rg_image_facts_t *facts, const char *text);

// Makes n pixels of RGB out of RGBA, in place: what is transparent becomes white.
void rg__image_lay_on_white(uint8_t *pixels, size_t n);

#endif
