#include "common/data/codec.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/data/exif.h"

// ---- what the codecs share

int rg__image_check_sides(const rg_image_file_t *file, rg_image_facts_t *facts, unsigned width,
                          unsigned height)
{
    const unsigned most = (unsigned)file->limits->max_side;
    if (!width || !height)
        return rg_fail(RG_EFORMAT, "%s: an image of %ux%u pixels", file->origin, width, height);
    if (width > most || height > most)
        return rg_fail(RG_ELIMIT,
                       "%s: %ux%u exceeds limits.image_max_side %u: raise the key or shrink the image",
                       file->origin, width, height, most);
    facts->width = (int)width;
    facts->height = (int)height;
    return 0;
}

void rg__image_warn(rg_image_facts_t *facts, const char *text)
{
    if (!facts->warnings++) snprintf(facts->warning, sizeof facts->warning, "%s", text);
}

static uint8_t mix_with_white(uint8_t value, uint8_t alpha)
{
    return (uint8_t)((value * alpha + 255 * (255 - alpha) + 127) / 255);
}

void rg__image_lay_on_white(uint8_t *pixels, size_t n)
{
    const uint8_t *rgba = pixels;
    for (size_t i = 0; i < n; i++, rgba += 4, pixels += 3) {
        uint8_t alpha = rgba[3];
        for (int c = 0; c < 3; c++) pixels[c] = mix_with_white(rgba[c], alpha);
    }
}

// ---- reading

static int check_file(const rg_image_file_t *file, rg_image_facts_t *facts)
{
    *facts = (rg_image_facts_t){
        .format = rg_image_format(file->bytes, file->size), .orientation = 1, .scale_denom = 1};
    if (file->size > file->limits->max_bytes)
        return rg_fail(RG_ELIMIT,
                       "%s: %zu bytes exceed limits.image_max_mib (%zu bytes): raise the key or shrink the "
                       "image",
                       file->origin, file->size, file->limits->max_bytes);
    if (facts->format == RG_IMAGE_UNKNOWN)
        return rg_fail(RG_EFORMAT, "%s: %s", file->origin, rg_image_foreign(file->bytes, file->size));
    return 0;
}

static void exchange_sides(rg_image_facts_t *facts)
{
    int width = facts->width;
    if (!rg__exif_transposes(facts->orientation)) return;
    facts->width = facts->height;
    facts->height = width;
}

int rg__image_open(rg__image_reader_t *reader, const rg_image_file_t *file, rg_image_facts_t *facts)
{
    int err = check_file(file, facts);
    if (err) return err;
    *reader = (rg__image_reader_t){.file = file, .facts = facts};
    if (facts->format == RG_IMAGE_JPEG)
        err = rg__jpeg_open(&reader->jpeg, file, facts);
    else if (facts->format == RG_IMAGE_PNG)
        err = rg__png_inspect(file, facts);
    else
        err = rg__webp_inspect(file, facts);
    if (!err) exchange_sides(facts);
    return err;
}

void rg__image_close(rg__image_reader_t *reader)
{
    rg__jpeg_close(&reader->jpeg);
}

int rg_image_inspect(const rg_image_file_t *file, rg_image_facts_t *facts)
{
    rg__image_reader_t reader;
    int err = rg__image_open(&reader, file, facts);
    if (!err) rg__image_close(&reader);
    return err;
}

// ---- decoding within bounds of memory

enum { LARGE = 16 << 20, DENOM_MAX = 8 };

// The bytes of pixels at a scale. Decoders use up to four channels.
static size_t pixel_bytes(const rg_image_facts_t *facts, int denom, size_t channels)
{
    size_t width = (size_t)facts->width / (size_t)denom + 1,
           height = (size_t)facts->height / (size_t)denom + 1;
    return width * height * channels;
}

static int choose_denominator(const rg_image_facts_t *facts, int crop, int min_side)
{
    int side = facts->width < facts->height ? facts->width : facts->height, denom = 1;
    int may_stay = facts->format != RG_IMAGE_JPEG && pixel_bytes(facts, 1, 4) <= LARGE;
    if (crop > 0) side = crop;
    if (may_stay || facts->fixed_scale || min_side <= 0) return 1;
    while (denom < DENOM_MAX && side / (2 * denom) >= min_side) denom *= 2;
    return denom;
}

static int check_memory(const rg_image_file_t *file, const rg_image_facts_t *facts, size_t bytes)
{
    const size_t side = (size_t)file->limits->max_side, most = side * side * 4 + LARGE;
    if (bytes <= most) return 0;
    return rg_fail(
        RG_ELIMIT,
        "%s: decoding %dx%d pixels of this kind takes %zu MiB, and limits.image_max_side %zu allows "
        "%zu MiB: shrink the image, store it as a baseline JPEG, or raise the key",
        file->origin, facts->width, facts->height, bytes >> 20, side, most >> 20);
}

static int decode_format(const rg__image_reader_t *reader, int crop, int min_side, rg_image_t *image)
{
    rg_image_facts_t *facts = reader->facts;
    if (reader->jpeg) {
        exchange_sides(facts); // as they are stored: turn_upright exchanges them
        return rg__jpeg_decode(reader->jpeg, crop, min_side, image);
    }
    facts->warnings = 0; // of the header, which is read again
    if (facts->format == RG_IMAGE_PNG) return rg__png_decode(reader->file, image, facts);
    return rg__webp_decode(reader->file, image, facts);
}

// The orientation of a PNG may be known only now.
static int turn_upright(const rg_image_file_t *file, rg_image_t *image, rg_image_facts_t *facts)
{
    size_t pixels = pixel_bytes(facts, facts->scale_denom, 4);
    int err = facts->orientation > 1 ? check_memory(file, facts, 2 * pixels) : 0;
    if (!err) err = rg__exif_turn(image, facts->orientation);
    if (err)
        rg_image_fini(image);
    else
        exchange_sides(facts);
    return err;
}

// Large images wait for each other, so that the threads of a process do not add up their memory.
int rg__image_decode(const rg__image_reader_t *reader, int crop, int min_side, rg_image_t *image)
{
    static pthread_mutex_t large = PTHREAD_MUTEX_INITIALIZER;
    const rg_image_file_t *file = reader->file;
    rg_image_facts_t *facts = reader->facts;
    rg_image_t decoded = {0};
    facts->scale_denom = choose_denominator(facts, crop, min_side);
    size_t bytes = facts->work_bytes + pixel_bytes(facts, facts->scale_denom, 4);
    int err = check_memory(file, facts, bytes);
    if (err) return err;
    if (bytes > LARGE) pthread_mutex_lock(&large);
    err = decode_format(reader, crop, min_side, &decoded);
    if (!err) err = turn_upright(file, &decoded, facts);
    if (bytes > LARGE) pthread_mutex_unlock(&large);
    if (!err) *image = decoded;
    return err;
}

int rg_image_decode_scaled(const rg_image_file_t *file, int crop, int min_side, rg_image_t *image,
                           rg_image_facts_t *facts)
{
    rg__image_reader_t reader;
    int err = rg__image_open(&reader, file, facts);
    if (err) return err;
    err = rg__image_decode(&reader, crop, min_side, image);
    rg__image_close(&reader);
    return err;
}

// ---- writing

enum { QUALITY = 95 };

int rg_image_encode(const rg_image_t *image, enum rg_image_format format, uint8_t **bytes, size_t *size)
{
    if (format == RG_IMAGE_JPEG) return rg_jpeg_encode(image, QUALITY, bytes, size);
    if (format == RG_IMAGE_WEBP) return rg_webp_encode(image, QUALITY, bytes, size);
    return rg_image_encode_png(image, bytes, size);
}

int rg_image_check_path(const char *path)
{
    if (rg_image_name_format(path) != RG_IMAGE_UNKNOWN) return 0;
    return rg_fail(RG_EUSAGE, "%s: the name of a picture ends with .png, .jpg, .jpeg or .webp", path);
}

int rg_image_write(const rg_image_t *image, const char *path)
{
    uint8_t *bytes;
    size_t size;
    int err = rg_image_check_path(path);
    if (err) return err;
    err = rg_image_encode(image, rg_image_name_format(path), &bytes, &size);
    if (err) return rg_fail(err, "%s: %s", path, rg_error());
    err = rg_file_write(path, bytes, size);
    free(bytes);
    return err;
}
