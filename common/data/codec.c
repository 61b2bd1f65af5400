// JPEG through libjpeg-turbo and PNG through libpng.
//
// libjpeg reports an error by a callback that must not return, so ours jumps back (longjmp) to the function
// that set the trap. The functions that set a trap keep all their state in structs, which the jump leaves
// unchanged; local variables would be undefined after it.
#include "common/data/image.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>
#include <png.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"

// ---- JPEG

// A hostile progressive file repeats cheap scans of a large image; ordinary files have about ten scans.
enum { SCANS_MAX = 100 };

typedef struct {
    struct jpeg_error_mgr manager; // first: libjpeg's pointer to it is ours
    jmp_buf jump;
    const char *origin;
} trap_t;

typedef struct {
    trap_t trap;
    struct jpeg_decompress_struct codec;
    struct jpeg_progress_mgr progress;
    rg_image_t image;
} decoder_t;

typedef struct {
    trap_t trap;
    struct jpeg_compress_struct codec;
    unsigned char *bytes;
    unsigned long size;
} encoder_t;

static _Noreturn void trap_jump(j_common_ptr codec)
{
    trap_t *trap = (trap_t *)codec->err;
    char text[JMSG_LENGTH_MAX];
    codec->err->format_message(codec, text);
    rg_fail(RG_EFORMAT, "%s: %s", trap->origin, text);
    longjmp(trap->jump, 1);
}

static void judge_message(j_common_ptr codec, int level)
{
    if (level < 0) trap_jump(codec); // a warning: the data are corrupt
}

static void count_scans(j_common_ptr codec)
{
    trap_t *trap = (trap_t *)codec->err;
    if (((j_decompress_ptr)codec)->input_scan_number <= SCANS_MAX) return;
    rg_fail(RG_EFORMAT, "%s: more than %d progressive scans", trap->origin, SCANS_MAX);
    longjmp(trap->jump, 1);
}

static struct jpeg_error_mgr *trap_init(trap_t *trap, const char *origin)
{
    trap->origin = origin;
    jpeg_std_error(&trap->manager);
    trap->manager.error_exit = trap_jump;
    trap->manager.emit_message = judge_message;
    return &trap->manager;
}

static int read_header(decoder_t *d, const uint8_t *jpeg, size_t size, const rg_jpeg_limits_t *limits)
{
    const char *origin = d->trap.origin;
    if (size > limits->max_bytes)
        return rg_fail(RG_ELIMIT, "%s: %zu bytes exceed the limit of %zu", origin, size, limits->max_bytes);
    jpeg_create_decompress(&d->codec);
    d->progress.progress_monitor = count_scans;
    d->codec.progress = &d->progress;
    jpeg_mem_src(&d->codec, jpeg, size);
    jpeg_read_header(&d->codec, TRUE);
    if (d->codec.image_width > (unsigned)limits->max_side ||
        d->codec.image_height > (unsigned)limits->max_side)
        return rg_fail(RG_ELIMIT, "%s: %ux%u exceeds the limit of %d pixels a side", origin,
                       d->codec.image_width, d->codec.image_height, limits->max_side);
    return 0;
}

// Programs of Adobe store inverted CMYK and mark the file.
static void cmyk_to_rgb(const uint8_t *cmyk, int width, int inverted, uint8_t *rgb)
{
    int flip = inverted ? 0 : 255;
    for (int x = 0; x < width; x++, cmyk += 4, rgb += 3)
        for (int c = 0; c < 3; c++) rgb[c] = (uint8_t)(((cmyk[c] ^ flip) * (cmyk[3] ^ flip) + 127) / 255);
}

// The number of scaled rows above the crop, and below it, that resizing the crop to min_side does not read.
// Resizing reads the width of one output pixel around the crop.
static unsigned rows_beyond(const decoder_t *d, int crop, int min_side, int denom)
{
    if (crop == 0 || min_side == 0) return 0;
    int beyond = ((int)d->codec.image_height - crop) / 2 - crop / min_side - denom - 1;
    return beyond > 0 ? (unsigned)(beyond / denom) : 0;
}

// Reads the rows of the crop. The other rows are skipped: only the entropy decoder reads them, which still
// finds damaged data.
static int read_pixels(decoder_t *d, int crop, int min_side, int denom)
{
    struct jpeg_decompress_struct *codec = &d->codec;
    int four = codec->num_components == 4;
    codec->scale_num = 1;
    codec->scale_denom = (unsigned)denom;
    codec->out_color_space = four ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(codec);
    int width = (int)codec->output_width, height = (int)codec->output_height;
    unsigned beyond = rows_beyond(d, crop, min_side, denom);
    uint8_t *rgb = malloc((size_t)width * (size_t)height * 3);
    if (!rgb) return rg_fail(RG_ELIMIT, "%s: no memory for %dx%d pixels", d->trap.origin, width, height);
    d->image = (rg_image_t){width, height, rgb};
    JSAMPARRAY cmyk = NULL;
    if (four) cmyk = codec->mem->alloc_sarray((j_common_ptr)codec, JPOOL_IMAGE, (JDIMENSION)width * 4, 1);
    if (beyond) jpeg_skip_scanlines(codec, beyond);
    while (codec->output_scanline < codec->output_height) {
        // The last row is read, not skipped: libjpeg would leave the end of the file unread.
        if (beyond && codec->output_scanline == codec->output_height - beyond)
            jpeg_skip_scanlines(codec, beyond - 1);
        uint8_t *row = rgb + (size_t)codec->output_scanline * (size_t)width * 3;
        jpeg_read_scanlines(codec, four ? cmyk : &row, 1);
        if (four) cmyk_to_rgb(cmyk[0], width, codec->saw_Adobe_marker, row);
    }
    jpeg_finish_decompress(codec);
    return 0;
}

static int denominator(int crop, int min_side)
{
    int denom = 1;
    while (min_side > 0 && denom < 8 && crop / (2 * denom) >= min_side) denom *= 2;
    return denom;
}

// denom 0: reads only the header.
static int jpeg_decode(decoder_t *d, const uint8_t *jpeg, size_t size, const rg_jpeg_limits_t *limits,
                       int crop, int min_side, int denom)
{
    if (setjmp(d->trap.jump)) return RG_EFORMAT;
    int err = read_header(d, jpeg, size, limits);
    return err || !denom ? err : read_pixels(d, crop, min_side, denom);
}

int rg_jpeg_size(const uint8_t *jpeg, size_t size, const rg_jpeg_limits_t *limits, const char *origin,
                 int *width, int *height)
{
    decoder_t d = {0};
    d.codec.err = trap_init(&d.trap, origin);
    int err = jpeg_decode(&d, jpeg, size, limits, 0, 0, 0);
    if (!err) {
        *width = (int)d.codec.image_width;
        *height = (int)d.codec.image_height;
    }
    jpeg_destroy_decompress(&d.codec);
    return err;
}

int rg_jpeg_decode(const uint8_t *jpeg, size_t size, const rg_jpeg_limits_t *limits, int crop, int min_side,
                   const char *origin, rg_image_t *image, int *scale_denom)
{
    decoder_t d = {0};
    d.codec.err = trap_init(&d.trap, origin);
    int denom = denominator(crop, min_side), err = jpeg_decode(&d, jpeg, size, limits, crop, min_side, denom);
    jpeg_destroy_decompress(&d.codec);
    if (err) {
        rg_image_fini(&d.image);
        return err;
    }
    *image = d.image;
    if (scale_denom) *scale_denom = denom;
    return 0;
}

static int jpeg_encode(encoder_t *e, const rg_image_t *image, int quality)
{
    struct jpeg_compress_struct *codec = &e->codec;
    if (setjmp(e->trap.jump)) return RG_EINVAL;
    jpeg_create_compress(codec);
    jpeg_mem_dest(codec, &e->bytes, &e->size);
    codec->image_width = (JDIMENSION)image->width;
    codec->image_height = (JDIMENSION)image->height;
    codec->input_components = 3;
    codec->in_color_space = JCS_RGB;
    jpeg_set_defaults(codec);
    jpeg_set_quality(codec, quality, TRUE);
    jpeg_start_compress(codec, TRUE);
    while (codec->next_scanline < codec->image_height) {
        uint8_t *row = image->rgb + (size_t)codec->next_scanline * (size_t)image->width * 3;
        jpeg_write_scanlines(codec, &row, 1);
    }
    jpeg_finish_compress(codec);
    return 0;
}

int rg_jpeg_encode(const rg_image_t *image, int quality, uint8_t **jpeg, size_t *size)
{
    if (image->width < 1 || image->height < 1 || image->width > JPEG_MAX_DIMENSION ||
        image->height > JPEG_MAX_DIMENSION)
        return rg_fail(RG_EINVAL, "JPEG encoder: %dx%d is not a size of a JPEG", image->width, image->height);
    encoder_t e = {0};
    e.codec.err = trap_init(&e.trap, "JPEG encoder");
    int err = jpeg_encode(&e, image, quality);
    jpeg_destroy_compress(&e.codec);
    if (err) return err; // out of memory: it is unknown whether e.bytes was freed
    *jpeg = e.bytes;
    *size = e.size;
    return 0;
}

// ---- PNG

int rg_image_encode_png(const rg_image_t *image, uint8_t **out, size_t *out_size)
{
    png_image png = {.version = PNG_IMAGE_VERSION,
                     .width = (png_uint_32)image->width,
                     .height = (png_uint_32)image->height,
                     .format = PNG_FORMAT_RGB};
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
    uint8_t *bytes = rg_alloc(size);
    if (!png_image_write_to_memory(&png, bytes, &size, 0, image->rgb, 0, NULL)) {
        free(bytes);
        rg_fail(RG_EINVAL, "%s", png.message);
        return RG_EINVAL;
    }
    *out = bytes;
    *out_size = size;
    return 0;
}

int rg_image_write_png(const rg_image_t *image, const char *path)
{
    uint8_t *bytes;
    size_t size;
    int err = rg_image_encode_png(image, &bytes, &size);
    if (err) return rg_fail(err, "%s: %s", path, rg_error());
    err = rg_file_write(path, bytes, size);
    free(bytes);
    return err;
}
