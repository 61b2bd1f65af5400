#include "tests/support/image_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>
#include <webp/encode.h>
#include <webp/mux.h>

#include "common/core/alloc.h"

const rg_test_file_t rg_test_kinds[RG_TEST_IMAGES] = {
    {"jpeg", RG_IMAGE_JPEG},
    {"jpeg progressive", RG_IMAGE_JPEG, .progressive = 1},
    {"jpeg arithmetic", RG_IMAGE_JPEG, .arithmetic = 1},
    {"jpeg grey", RG_IMAGE_JPEG, .colours = GREY},
    {"jpeg exif", RG_IMAGE_JPEG, .orientation = 6, .big_endian = 1},
    {"png", RG_IMAGE_PNG, .depth = 8},
    {"png 16", RG_IMAGE_PNG, .depth = 16},
    {"png alpha", RG_IMAGE_PNG, .depth = 8, .alpha = 1},
    {"png 16 alpha", RG_IMAGE_PNG, .depth = 16, .alpha = 1},
    {"png interlaced", RG_IMAGE_PNG, .depth = 8, .interlaced = 1},
    {"png interlaced alpha", RG_IMAGE_PNG, .depth = 8, .interlaced = 1, .alpha = 1},
    {"png grey", RG_IMAGE_PNG, .depth = 8, .colours = GREY},
    {"png grey 2", RG_IMAGE_PNG, .depth = 2, .colours = GREY},
    {"png grey 16", RG_IMAGE_PNG, .depth = 16, .colours = GREY},
    {"png grey alpha", RG_IMAGE_PNG, .depth = 8, .colours = GREY, .alpha = 1},
    {"png palette", RG_IMAGE_PNG, .depth = 8, .colours = PALETTE},
    {"png palette 2", RG_IMAGE_PNG, .depth = 2, .colours = PALETTE, .interlaced = 1},
    {"png animated", RG_IMAGE_PNG, .depth = 8, .animated = 1},
    {"png exif", RG_IMAGE_PNG, .depth = 8, .orientation = 8, .exif_behind = 1},
    {"webp", RG_IMAGE_WEBP},
    {"webp lossless", RG_IMAGE_WEBP, .lossless = 1},
    {"webp alpha", RG_IMAGE_WEBP, .lossless = 1, .alpha = 1},
    {"webp animated", RG_IMAGE_WEBP, .lossless = 1, .animated = 1},
    {"webp exif", RG_IMAGE_WEBP, .lossless = 1, .orientation = 3},
};

// ---- the picture

static const uint8_t colours[RG_TEST_COLOURS][3] = {
    {250, 40, 30}, {20, 160, 60}, {40, 60, 220}, {240, 230, 90}};

static unsigned colour_index(int x, int y)
{
    unsigned bx = (unsigned)x / 8, by = (unsigned)y / 8;
    return (bx * bx + 3 * by + bx * by / 2) % RG_TEST_COLOURS;
}

void rg_test_picture(rg_image_t *picture, int width, int height, int grey)
{
    rg_image_init(picture, width, height);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            unsigned i = colour_index(x, y);
            uint8_t *pixel = picture->rgb + 3 * (y * width + x);
            if (grey)
                memset(pixel, (int)(85 * i), 3);
            else
                memcpy(pixel, colours[i], 3);
        }
}

uint8_t rg_test_alpha(int x, int y)
{
    return (uint8_t)(x < 8 ? 0 : y < 8 ? 100 : 255);
}

// ---- EXIF

static void put(uint8_t *at, int big_endian, int n, unsigned value)
{
    for (int i = 0; i < n; i++) at[big_endian ? n - 1 - i : i] = (uint8_t)(value >> 8 * i);
}

void rg_test_exif(uint8_t block[RG_TEST_EXIF], int orientation, int big_endian)
{
    memset(block, 0, RG_TEST_EXIF);
    memcpy(block, big_endian ? "MM" : "II", 2);
    put(block + 2, big_endian, 2, 42);
    put(block + 4, big_endian, 4, 8);      // the directory's place
    put(block + 8, big_endian, 2, 1);      // its entries
    put(block + 10, big_endian, 2, 0x112); // Orientation
    put(block + 12, big_endian, 2, 3);     // a short
    put(block + 14, big_endian, 4, 1);
    put(block + 18, big_endian, 2, (unsigned)orientation);
}

// ---- JPEG

// All means, then coefficients of the first two components one by one. The others stay zero.
static void use_many_scans(struct jpeg_compress_struct *codec)
{
    static jpeg_scan_info script[100] = {{.comps_in_scan = 3, .component_index = {0, 1, 2}}};
    for (int i = 1; i < 100; i++) {
        int component = i / DCTSIZE2, coefficient = i % DCTSIZE2 + component;
        script[i] = (jpeg_scan_info){
            .comps_in_scan = 1, .component_index = {component}, .Ss = coefficient, .Se = coefficient};
    }
    codec->scan_info = script;
    codec->num_scans = 100;
}

static uint8_t *make_jpeg_file(const rg_test_file_t *kind, const rg_image_t *picture, size_t *size)
{
    struct jpeg_compress_struct codec;
    struct jpeg_error_mgr errors;
    uint8_t *bytes = NULL, app1[6 + RG_TEST_EXIF] = "Exif";
    unsigned long n = 0;
    codec.err = jpeg_std_error(&errors);
    jpeg_create_compress(&codec);
    jpeg_mem_dest(&codec, &bytes, &n);
    codec.image_width = (JDIMENSION)picture->width;
    codec.image_height = (JDIMENSION)picture->height;
    codec.input_components = 3;
    codec.in_color_space = JCS_RGB;
    jpeg_set_defaults(&codec);
    jpeg_set_quality(&codec, 100, TRUE);
    if (kind->colours == GREY) jpeg_set_colorspace(&codec, JCS_GRAYSCALE);
    codec.comp_info[0].h_samp_factor = codec.comp_info[0].v_samp_factor =
        1; // sharp borders between the blocks
    codec.arith_code = kind->arithmetic;
    if (kind->progressive) jpeg_simple_progression(&codec);
    if (kind->scans) use_many_scans(&codec);
    jpeg_start_compress(&codec, TRUE);
    rg_test_exif(app1 + 6, kind->orientation, kind->big_endian);
    if (kind->orientation) jpeg_write_marker(&codec, JPEG_APP0 + 1, app1, sizeof app1);
    while (codec.next_scanline < codec.image_height) {
        uint8_t *row = picture->rgb + (size_t)codec.next_scanline * (size_t)picture->width * 3;
        jpeg_write_scanlines(&codec, &row, 1);
    }
    jpeg_finish_compress(&codec);
    jpeg_destroy_compress(&codec);
    *size = n;
    return bytes;
}

// ---- PNG

typedef struct {
    uint8_t *bytes;
    size_t size;
} buffer_t;

static void buffer_add(png_structp png, png_bytep bytes, size_t n)
{
    buffer_t *buffer = png_get_io_ptr(png);
    buffer->bytes = rg_realloc(buffer->bytes, buffer->size + n);
    memcpy(buffer->bytes + buffer->size, bytes, n);
    buffer->size += n;
}

static void buffer_flush(png_structp png)
{
    (void)png;
}

static int png_colour_type(const rg_test_file_t *kind)
{
    if (kind->colours == PALETTE) return PNG_COLOR_TYPE_PALETTE;
    if (kind->colours == GREY) return kind->alpha ? PNG_COLOR_TYPE_GRAY_ALPHA : PNG_COLOR_TYPE_GRAY;
    return kind->alpha ? PNG_COLOR_TYPE_RGB_ALPHA : PNG_COLOR_TYPE_RGB;
}

// Writes a sample; one of less than 8 bits has a byte of its own, which libpng packs. Returns the place
// behind.
static uint8_t *png_put(uint8_t *out, const rg_test_file_t *kind, uint8_t value)
{
    if (kind->depth == 16) *out++ = value;
    *out++ = kind->depth < 8 ? value >> (8 - kind->depth) : value;
    return out;
}

static void png_fill_row(const rg_test_file_t *kind, const rg_image_t *picture, int y, uint8_t *out)
{
    const uint8_t *pixel = picture->rgb + (size_t)y * (size_t)picture->width * 3;
    for (int x = 0; x < picture->width; x++, pixel += 3) {
        if (kind->colours == PALETTE)
            *out++ = (uint8_t)colour_index(x, y);
        else
            for (int c = 0; c < (kind->colours == GREY ? 1 : 3); c++) out = png_put(out, kind, pixel[c]);
        if (kind->alpha) out = png_put(out, kind, rg_test_alpha(x, y));
    }
}

static void png_write_palette(png_structp png, png_infop info)
{
    png_color palette[RG_TEST_COLOURS];
    for (int i = 0; i < RG_TEST_COLOURS; i++)
        palette[i] = (png_color){colours[i][0], colours[i][1], colours[i][2]};
    png_set_PLTE(png, info, palette, RG_TEST_COLOURS);
}

static uint8_t *make_png_file(const rg_test_file_t *kind, const rg_image_t *picture, size_t *size)
{
    static const uint8_t frames[8] = {0, 0, 0, 2}, second[8] = {0, 0, 0, 1, 'x', 'x', 'x', 'x'};
    buffer_t buffer = {0};
    uint8_t exif[RG_TEST_EXIF], *row = rg_alloc((size_t)picture->width * 8);
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, &buffer, buffer_add, buffer_flush);
    png_set_IHDR(png, info, (png_uint_32)picture->width, (png_uint_32)picture->height, kind->depth,
                 png_colour_type(kind), kind->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (kind->colours == PALETTE) png_write_palette(png, info);
    rg_test_exif(exif, kind->orientation, kind->big_endian);
    if (kind->orientation && !kind->exif_behind) png_set_eXIf_1(png, info, RG_TEST_EXIF, exif);
    png_write_info(png, info);
    png_set_packing(png);
    if (kind->animated) png_write_chunk(png, (png_const_bytep) "acTL", frames, sizeof frames);
    int passes = png_set_interlace_handling(png);
    for (int pass = 0; pass < passes; pass++)
        for (int y = 0; y < picture->height; y++) {
            png_fill_row(kind, picture, y, row);
            png_write_row(png, row);
        }
    if (kind->animated) png_write_chunk(png, (png_const_bytep) "fdAT", second, sizeof second);
    if (kind->orientation && kind->exif_behind)
        png_write_chunk(png, (png_const_bytep) "eXIf", exif, RG_TEST_EXIF);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    free(row);
    *size = buffer.size;
    return buffer.bytes;
}

// ---- WebP

static WebPData webp_encode_frame(const rg_test_file_t *kind, const rg_image_t *picture)
{
    int w = picture->width, h = picture->height;
    uint8_t *rgba = rg_alloc((size_t)w * (size_t)h * 4);
    WebPData data = {0};
    for (int i = 0; i < w * h; i++) {
        memcpy(rgba + 4 * i, picture->rgb + 3 * i, 3);
        rgba[4 * i + 3] = kind->alpha ? rg_test_alpha(i % w, i / w) : 255;
    }
    uint8_t *bytes = NULL;
    data.size = kind->lossless ? WebPEncodeLosslessRGBA(rgba, w, h, 4 * w, &bytes)
                               : WebPEncodeRGBA(rgba, w, h, 4 * w, 100, &bytes);
    data.bytes = bytes;
    free(rgba);
    return data;
}

// Two frames on a canvas that is wider by 8 pixels and higher by 4, with the picture at its lower right.
static void webp_add_frames(WebPMux *mux, const WebPData *frame, const rg_image_t *picture)
{
    const WebPMuxAnimParams params = {.bgcolor = 0xffffffff};
    WebPMuxFrameInfo info = {.bitstream = *frame, .x_offset = 8, .y_offset = 4, .duration = 100};
    info.id = WEBP_CHUNK_ANMF;
    WebPMuxPushFrame(mux, &info, 1);
    info.x_offset = info.y_offset = 0;
    WebPMuxPushFrame(mux, &info, 1);
    WebPMuxSetAnimationParams(mux, &params);
    WebPMuxSetCanvasSize(mux, picture->width + 8, picture->height + 4);
}

static uint8_t *make_webp_file(const rg_test_file_t *kind, const rg_image_t *picture, size_t *size)
{
    uint8_t exif[RG_TEST_EXIF], *bytes;
    WebPData frame = webp_encode_frame(kind, picture), file = {0}, block = {exif, sizeof exif};
    WebPMux *mux = WebPMuxNew();
    if (kind->animated)
        webp_add_frames(mux, &frame, picture);
    else
        WebPMuxSetImage(mux, &frame, 1);
    rg_test_exif(exif, kind->orientation, kind->big_endian);
    if (kind->orientation) WebPMuxSetChunk(mux, "EXIF", &block, 1);
    if (WebPMuxAssemble(mux, &file) != WEBP_MUX_OK) abort();
    WebPMuxDelete(mux);
    bytes = rg_alloc(file.size);
    memcpy(bytes, file.bytes, file.size);
    *size = file.size;
    WebPDataClear(&file);
    WebPDataClear(&frame);
    return bytes;
}

// ---- files

uint8_t *rg_test_file(const rg_test_file_t *kind, const rg_image_t *picture, size_t *size)
{
    if (kind->format == RG_IMAGE_JPEG) return make_jpeg_file(kind, picture, size);
    return kind->format == RG_IMAGE_PNG ? make_png_file(kind, picture, size)
                                        : make_webp_file(kind, picture, size);
}

uint8_t *rg_test_image(size_t i, uint8_t **bytes, size_t *size)
{
    rg_image_t picture;
    rg_test_picture(&picture, RG_TEST_WIDTH, RG_TEST_HEIGHT, rg_test_kinds[i].colours == GREY);
    *bytes = rg_test_file(&rg_test_kinds[i], &picture, size);
    rg_image_fini(&picture);
    return *bytes;
}
