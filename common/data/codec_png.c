// PNG through libpng. Every kind of PNG becomes RGB of 8 bits: palettes and grey are expanded, 16 bits are
// scaled, transparency is laid on white. Colour profiles and gamma are left alone, as Pillow and torchvision
// do: libpng does not even look at these chunks. Of an animated PNG libpng reads the first picture.
//
// As libjpeg, libpng reports an error by a jump; all state is in a struct.
#include "common/data/codec.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/data/exif.h"

typedef struct {
    const rg_image_file_t *file;
    rg_image_facts_t *facts;
    size_t at; // bytes read
    png_structp png;
    png_infop info;
    rg_image_t image;
    uint8_t *row;  // [width*4] of a picture that is scaled
    uint32_t *sum; // [width/denom*3]
    int complete;  // all pixels are read
} png_decoder_t;

static _Noreturn void png_jump(png_structp png, png_const_charp text)
{
    const png_decoder_t *d = png_get_error_ptr(png);
    rg_fail(RG_EFORMAT, "%s: damaged PNG: %s", d->file->origin, text);
    png_longjmp(png, 1);
}

static void png_take_warning(png_structp png, png_const_charp text)
{
    rg__image_warn(((png_decoder_t *)png_get_error_ptr(png))->facts, text);
}

static void png_read_bytes(png_structp png, png_bytep out, size_t n)
{
    png_decoder_t *d = png_get_io_ptr(png);
    if (n > d->file->size - d->at) png_error(png, "the file is cut off: copy it again");
    memcpy(out, d->file->bytes + d->at, n);
    d->at += n;
}

static int png_open(png_decoder_t *d)
{
    static const png_byte ignored[] =
        "iCCP\0sRGB\0gAMA\0cHRM\0bKGD\0hIST\0sPLT\0sBIT\0tIME\0tEXt\0zTXt\0iTXt";
    enum { CHUNK_MAX = 1 << 20, CHUNKS_MAX = 1000 };
    d->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, d, png_jump, png_take_warning);
    if (d->png) d->info = png_create_info_struct(d->png);
    if (!d->info) return rg_fail(RG_ELIMIT, "%s: no memory to read a PNG", d->file->origin);
    // The sides are checked with a sentence of our own.
    png_set_user_limits(d->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_chunk_malloc_max(d->png, CHUNK_MAX);
    png_set_chunk_cache_max(d->png, CHUNKS_MAX);
    png_set_benign_errors(d->png, 1);
    png_set_keep_unknown_chunks(d->png, PNG_HANDLE_CHUNK_NEVER, ignored, sizeof ignored / 5);
    png_set_read_fn(d->png, d, png_read_bytes);
    return 0;
}

static void png_find_orientation(png_decoder_t *d)
{
    png_uint_32 size;
    png_bytep exif;
    if (png_get_eXIf_1(d->png, d->info, &size, &exif))
        d->facts->orientation = rg__exif_orientation(exif, size);
}

static int png_read_head(png_decoder_t *d)
{
    png_read_info(d->png, d->info);
    png_find_orientation(d);
    d->facts->fixed_scale = png_get_interlace_type(d->png, d->info) != PNG_INTERLACE_NONE;
    return rg__image_check_sides(d->file, d->facts, png_get_image_width(d->png, d->info),
                                 png_get_image_height(d->png, d->info));
}

// Returns the channels of a decoded pixel: 3, or 4 if something may be transparent.
static int png_transform(const png_decoder_t *d, int *passes)
{
    png_set_expand(d->png);
    png_set_scale_16(d->png);
    png_set_gray_to_rgb(d->png);
    *passes = png_set_interlace_handling(d->png);
    png_read_update_info(d->png, d->info);
    return png_get_channels(d->png, d->info);
}

static int png_fail_memory(const png_decoder_t *d)
{
    return rg_fail(RG_ELIMIT, "%s: no memory for %dx%d pixels", d->file->origin, d->facts->width,
                   d->facts->height);
}

// An interlaced picture comes in passes over all rows.
static int png_read_whole(png_decoder_t *d, int channels, int passes)
{
    size_t width = (size_t)d->facts->width, height = (size_t)d->facts->height;
    size_t row = width * (size_t)channels;
    d->image = (rg_image_t){d->facts->width, d->facts->height, malloc(row * height)};
    if (!d->image.rgb) return png_fail_memory(d);
    for (int pass = 0; pass < passes; pass++)
        for (size_t y = 0; y < height; y++) png_read_row(d->png, d->image.rgb + y * row, NULL);
    if (channels == 4) rg__image_lay_on_white(d->image.rgb, width * height);
    return 0;
}

// sum [columns,3]: of the pixels of a row, denom by denom.
static void png_add_row(const uint8_t *rgb, int width, int denom, uint32_t *sum)
{
    for (int x = 0; x < width; x++)
        for (int c = 0; c < 3; c++) sum[3 * (x / denom) + c] += *rgb++;
}

// The means of boxes of `rows` rows. The last box of a row may be narrower. Zeroes the sums.
static void png_store_means(uint32_t *sum, int width, int denom, int rows, uint8_t *out)
{
    for (int x = 0; x < width; x += denom) {
        uint32_t n = (uint32_t)(rows * (width - x < denom ? width - x : denom));
        for (int c = 0; c < 3; c++, sum++) {
            *out++ = (uint8_t)((*sum + n / 2) / n);
            *sum = 0;
        }
    }
}

// Scales while it reads: each pixel is the mean of a box of denom x denom pixels.
static int png_read_scaled(png_decoder_t *d, int channels)
{
    const int denom = d->facts->scale_denom, width = d->facts->width, height = d->facts->height;
    const int columns = (width + denom - 1) / denom, rows = (height + denom - 1) / denom;
    d->image = (rg_image_t){columns, rows, malloc((size_t)columns * (size_t)rows * 3)};
    d->row = malloc((size_t)width * (size_t)channels);
    d->sum = calloc((size_t)columns * 3, sizeof *d->sum);
    if (!d->image.rgb || !d->row || !d->sum) return png_fail_memory(d);
    for (int y = 0; y < height; y++) {
        png_read_row(d->png, d->row, NULL);
        if (channels == 4) rg__image_lay_on_white(d->row, (size_t)width);
        png_add_row(d->row, width, denom, d->sum);
        int filled = y % denom + 1;
        if (filled == denom || y == height - 1)
            png_store_means(d->sum, width, denom, filled,
                            d->image.rgb + (size_t)(y / denom) * (size_t)columns * 3);
    }
    return 0;
}

static int png_read_pixels(png_decoder_t *d)
{
    int passes, channels = png_transform(d, &passes);
    if (png_get_rowbytes(d->png, d->info) != (size_t)d->facts->width * (size_t)channels)
        png_error(d->png, "an unknown kind of pixels");
    int err = d->facts->scale_denom > 1 ? png_read_scaled(d, channels) : png_read_whole(d, channels, passes);
    if (err) return err;
    d->complete = 1;
    png_read_end(d->png, d->info);
    png_find_orientation(d); // it may stand behind the pixels
    return 0;
}

static int png_run(png_decoder_t *d, int pixels)
{
    int err = png_open(d);
    if (err) return err;
    if (setjmp(png_jmpbuf(d->png))) {
        if (!d->complete) return RG_EFORMAT;
        rg__image_warn(d->facts, "damage behind the pixels");
        return 0;
    }
    err = png_read_head(d);
    return err || !pixels ? err : png_read_pixels(d);
}

int rg__png_inspect(const rg_image_file_t *file, rg_image_facts_t *facts)
{
    png_decoder_t d = {.file = file, .facts = facts};
    int err = png_run(&d, 0);
    png_destroy_read_struct(&d.png, &d.info, NULL);
    return err;
}

int rg__png_decode(const rg_image_file_t *file, rg_image_t *image, rg_image_facts_t *facts)
{
    png_decoder_t d = {.file = file, .facts = facts};
    int err = png_run(&d, 1);
    png_destroy_read_struct(&d.png, &d.info, NULL);
    free(d.row);
    free(d.sum);
    if (err)
        rg_image_fini(&d.image);
    else
        *image = d.image;
    return err;
}

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
