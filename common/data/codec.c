#include "common/data/codec.h"

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

int rg_image_inspect(const rg_image_file_t *file, rg_image_facts_t *facts)
{
    int err = check_file(file, facts);
    if (err) return err;
    if (facts->format == RG_IMAGE_JPEG)
        err = rg__jpeg_inspect(file, facts);
    else if (facts->format == RG_IMAGE_PNG)
        err = rg__png_inspect(file, facts);
    else
        err = rg__webp_inspect(file, facts);
    if (!err) exchange_sides(facts);
    return err;
}

int rg_image_decode_scaled(const rg_image_file_t *file, int crop, int min_side, rg_image_t *image,
                           rg_image_facts_t *facts)
{
    rg_image_t decoded = {0};
    int err = check_file(file, facts);
    if (err) return err;
    if (facts->format == RG_IMAGE_JPEG)
        err = rg__jpeg_decode(file, crop, min_side, &decoded, facts);
    else if (facts->format == RG_IMAGE_PNG)
        err = rg__png_decode(file, &decoded, facts);
    else
        err = rg__webp_decode(file, &decoded, facts);
    if (err) return err;
    err = rg__exif_turn(&decoded, facts->orientation);
    if (err) {
        rg_image_fini(&decoded);
        return err;
    }
    exchange_sides(facts);
    *image = decoded;
    return 0;
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
