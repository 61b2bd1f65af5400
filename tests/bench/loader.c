// Times, on one core, the way from JPEG bytes in memory to training images, and the plain decoding of the
// same bytes by libjpeg-turbo. It reads the JPEGs of a folder and prints `ready images=N`. Then each line of
// standard input, `bare` or `ours SIZE`, runs all images once, and the milliseconds of processor time are
// printed. A driver alternates (loader.sh).
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/data/image.h"
#include "tests/bench/timing.h"

enum { IMAGES_MAX = 2000, BYTES_MAX = 16 << 20 };

typedef struct {
    uint8_t *bytes[IMAGES_MAX];
    size_t size[IMAGES_MAX];
    int n;
} images_t;

static int is_jpeg(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return length > 4 && strcmp(entry->d_name + length - 4, ".jpg") == 0;
}

static int read_images(images_t *images, const char *folder)
{
    struct dirent **names;
    int n = scandir(folder, &names, is_jpeg, alphasort), err = 0;
    if (n <= 0) return rg_fail(RG_ENOENT, "%s: no .jpg here", folder);
    for (int i = 0; i < n && i < IMAGES_MAX && !err; i++) {
        char *path = rg_format("%s/%s", folder, names[i]->d_name);
        err = rg_file_read(path, BYTES_MAX, &images->bytes[images->n], &images->size[images->n]);
        images->n += !err;
        free(path);
    }
    for (int i = 0; i < n; i++) free(names[i]);
    free(names);
    return err;
}

// As in the library's example: its defaults, RGB, the whole image.
static int decode_bare(const uint8_t *bytes, size_t size, uint8_t *rows, size_t room)
{
    struct jpeg_decompress_struct codec;
    struct jpeg_error_mgr errors;
    codec.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&codec);
    jpeg_mem_src(&codec, bytes, size);
    jpeg_read_header(&codec, TRUE);
    codec.out_color_space = JCS_RGB;
    jpeg_start_decompress(&codec);
    size_t width = codec.output_width * 3u;
    int err = width * codec.output_height > room ? rg_fail(RG_ELIMIT, "an image larger than a megapixel") : 0;
    while (!err && codec.output_scanline < codec.output_height) {
        uint8_t *row = rows + codec.output_scanline * width;
        jpeg_read_scanlines(&codec, &row, 1);
    }
    jpeg_destroy_decompress(&codec);
    return err;
}

// The same steps as in services/loader/batch.c.
static int load_training_image(const uint8_t *bytes, size_t size, int side, rg_rng_t *rng, uint8_t *pixels,
                               float *out)
{
    const rg_image_limits_t limits = {BYTES_MAX, 8192};
    rg_image_facts_t facts;
    int err = rg_image_load(&(rg_image_file_t){bytes, size, "image", &limits}, 0, side, pixels, &facts);
    if (!err) rg_image_augment(pixels, side, 0.005, rng, out);
    return err;
}

static int round_of(const images_t *images, int side, double *ms)
{
    static uint8_t pixels[3 << 20];
    static float values[3 * 512 * 512];
    rg_rng_t rng;
    int err = 0;
    rg_rng_init(&rng, 1, RG_RNG_AUGMENT, 0);
    double start = rg_timing_busy_ms();
    for (int i = 0; i < images->n && !err; i++)
        err = side ? load_training_image(images->bytes[i], images->size[i], side, &rng, pixels, values)
                   : decode_bare(images->bytes[i], images->size[i], pixels, sizeof pixels);
    *ms = rg_timing_busy_ms() - start;
    return err;
}

static int run_rounds(const images_t *images)
{
    char line[32];
    int err = 0;
    printf("ready images=%d\n", images->n);
    fflush(stdout);
    while (!err && fgets(line, sizeof line, stdin)) {
        int side = 0;
        double ms;
        if (strcmp(line, "bare\n") != 0 && (sscanf(line, "ours %d", &side) != 1 || side < 1 || side > 512))
            return rg_fail(RG_EUSAGE, "unknown round '%s'", line);
        err = round_of(images, side, &ms);
        if (!err) printf("%.3f\n", ms);
        fflush(stdout);
    }
    return err;
}

int main(int argc, char **argv)
{
    static images_t images;
    rg_alloc_keep();
    if (argc != 2) return fprintf(stderr, "usage: loader FOLDER\n"), 2;
    int err = read_images(&images, argv[1]);
    if (!err) err = run_rounds(&images);
    if (err) fprintf(stderr, "loader: %s\n", rg_error());
    return err ? 1 : 0;
}
