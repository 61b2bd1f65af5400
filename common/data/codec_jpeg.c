// JPEG through libjpeg-turbo.
//
// libjpeg reports an error by a callback that must not return, so ours jumps back (longjmp) to the function
// that set the trap. The functions that set a trap keep all their state in structs, which the jump leaves
// unchanged; local variables would be undefined after it.
//
// libjpeg also warns of files that break the rules, and goes on. Most of these files show the whole picture
// (odd parameters, stray bytes between the parts, no end marker): they are read, and the warnings are
// counted. A warning is an error where a part of the picture is lost:
//
//   the file ends before its last pixel or its last scan
//   compressed data cannot be decoded, before the last tenth of the rows or in any scan of a progressive file
#include "common/data/codec.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h> // after jpeglib.h, which says what it was built with

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/data/exif.h"

// A hostile progressive file repeats cheap scans of a large image. Ordinary files have about ten scans, at
// most 18 with four components. Each scan visits every block, so large images may have fewer.
enum { SCANS_MIN = 24, SCANS_MAX = 100, VISITS = 1 << 25 };

typedef struct {
    struct jpeg_error_mgr manager; // first: libjpeg's pointer to it is ours
    jmp_buf jump;
    const char *origin;
    rg_image_facts_t *facts; // NULL: an encoder
    int ended;               // the file ended before its end marker
} trap_t;

struct rg__jpeg {
    trap_t trap;
    struct jpeg_decompress_struct codec;
    struct jpeg_progress_mgr progress;
    rg_image_t image;
};

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

static _Noreturn void trap_jump_truncated(j_common_ptr codec)
{
    trap_t *trap = (trap_t *)codec->err;
    rg_fail(RG_EFORMAT, "%s: the file is cut off: copy it again", trap->origin);
    longjmp(trap->jump, 1);
}

// Whether the message says that compressed data cannot be decoded.
static int is_damage(int message)
{
    return message == JWRN_HIT_MARKER || message == JWRN_HUFF_BAD_CODE || message == JWRN_ARITH_BAD_CODE ||
           message == JWRN_MUST_RESYNC;
}

// Whether only the last tenth of the rows is not decoded yet.
static int is_almost_done(j_common_ptr codec)
{
    const struct jpeg_decompress_struct *decoder = (j_decompress_ptr)codec;
    return !decoder->progressive_mode && decoder->output_height &&
           decoder->output_scanline >= decoder->output_height - decoder->output_height / 10;
}

static void judge_message(j_common_ptr codec, int level)
{
    trap_t *trap = (trap_t *)codec->err;
    char text[JMSG_LENGTH_MAX];
    int message = codec->err->msg_code;
    if (level >= 0 || !trap->facts) return; // a trace, or an encoder
    if (message == JWRN_JPEG_EOF) trap->ended = 1;
    // The decoder of arithmetic codes reads zeros behind the end and never says so.
    if (trap->ended && (is_damage(message) || ((j_decompress_ptr)codec)->arith_code))
        trap_jump_truncated(codec);
    if (is_damage(message) && !is_almost_done(codec)) trap_jump(codec);
    codec->err->format_message(codec, text);
    rg__image_warn(trap->facts, text);
}

static size_t count_blocks(const struct jpeg_decompress_struct *codec)
{
    size_t blocks = 0;
    for (int c = 0; c < codec->num_components; c++)
        blocks += (size_t)codec->comp_info[c].width_in_blocks * codec->comp_info[c].height_in_blocks;
    return blocks;
}

static void count_scans(j_common_ptr codec)
{
    trap_t *trap = (trap_t *)codec->err;
    const struct jpeg_decompress_struct *decoder = (j_decompress_ptr)codec;
    size_t most = VISITS / (count_blocks(decoder) + 1);
    if (most < SCANS_MIN) most = SCANS_MIN;
    if (most > SCANS_MAX) most = SCANS_MAX;
    if ((size_t)decoder->input_scan_number <= most) return;
    rg_fail(RG_EFORMAT, "%s: more than %zu progressive scans", trap->origin, most);
    longjmp(trap->jump, 1);
}

static struct jpeg_error_mgr *trap_init(trap_t *trap, const char *origin, rg_image_facts_t *facts)
{
    trap->origin = origin;
    trap->facts = facts;
    jpeg_std_error(&trap->manager);
    trap->manager.error_exit = trap_jump;
    trap->manager.emit_message = judge_message;
    return &trap->manager;
}

// Camera pictures say in an APP1 marker which way up they are. Another APP1 marker may hold XMP.
static int find_orientation(const struct jpeg_decompress_struct *codec)
{
    for (jpeg_saved_marker_ptr marker = codec->marker_list; marker; marker = marker->next)
        if (marker->data_length > 6 && memcmp(marker->data, "Exif\0\0", 6) == 0)
            return rg__exif_orientation(marker->data, marker->data_length);
    return 1;
}

static int read_header(rg__jpeg_t *d, const rg_image_file_t *file)
{
    struct jpeg_decompress_struct *codec = &d->codec;
    rg_image_facts_t *facts = d->trap.facts;
    jpeg_create_decompress(codec);
    d->progress.progress_monitor = count_scans;
    codec->progress = &d->progress;
    jpeg_save_markers(codec, JPEG_APP0 + 1, 0xffff);
    jpeg_mem_src(codec, file->bytes, file->size);
    jpeg_read_header(codec, TRUE);
    facts->orientation = find_orientation(codec);
    // libjpeg collects the coefficients of all scans before it makes the first pixel.
    if (jpeg_has_multiple_scans(codec)) facts->work_bytes = count_blocks(codec) * sizeof(JBLOCK);
    return rg__image_check_sides(file, facts, codec->image_width, codec->image_height);
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
static unsigned rows_beyond(const rg__jpeg_t *d, int crop, int min_side, int denom)
{
    if (crop == 0 || min_side == 0) return 0;
    int beyond = ((int)d->codec.image_height - crop) / 2 - crop / min_side - denom - 1;
    return beyond > 0 ? (unsigned)(beyond / denom) : 0;
}

// Whether a file that ends without its marker still has the whole picture, as far as the scans tell: one scan
// of everything, or each coefficient to its last bit. What a scan lacks itself shows when it is decoded.
static int has_all_scans(struct jpeg_decompress_struct *codec)
{
    if (!jpeg_has_multiple_scans(codec)) return 1;
    if (!codec->coef_bits) return 0;
    for (int c = 0; c < codec->num_components; c++)
        for (int i = 0; i < DCTSIZE2; i++)
            if (codec->coef_bits[c][i] != 0) return 0;
    return 1;
}

// Reads the rows of the crop. The other rows are skipped: only the entropy decoder reads them, which still
// finds damaged data.
static int read_pixels(rg__jpeg_t *d, int crop, int min_side, int denom)
{
    struct jpeg_decompress_struct *codec = &d->codec;
    int four = codec->num_components == 4;
    codec->scale_num = 1;
    codec->scale_denom = (unsigned)denom;
    codec->out_color_space = four ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(codec);
    if (d->trap.ended && !has_all_scans(codec)) trap_jump_truncated((j_common_ptr)codec);
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

static int trap_header(rg__jpeg_t *d, const rg_image_file_t *file)
{
    if (setjmp(d->trap.jump)) return RG_EFORMAT;
    return read_header(d, file);
}

static int trap_pixels(rg__jpeg_t *d, int crop, int min_side)
{
    if (setjmp(d->trap.jump)) return RG_EFORMAT;
    return read_pixels(d, crop, min_side, d->trap.facts->scale_denom);
}

int rg__jpeg_open(rg__jpeg_t **out, const rg_image_file_t *file, rg_image_facts_t *facts)
{
    rg__jpeg_t *d = rg_alloc(sizeof *d);
    d->codec.err = trap_init(&d->trap, file->origin, facts);
    int err = trap_header(d, file);
    if (err)
        rg__jpeg_close(&d);
    else
        *out = d;
    return err;
}

int rg__jpeg_decode(rg__jpeg_t *d, int crop, int min_side, rg_image_t *image)
{
    int err = trap_pixels(d, crop, min_side);
    if (err)
        rg_image_fini(&d->image);
    else
        *image = d->image;
    return err;
}

void rg__jpeg_close(rg__jpeg_t **d)
{
    if (!*d) return;
    jpeg_destroy_decompress(&(*d)->codec);
    free(*d);
    *d = NULL;
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
    e.codec.err = trap_init(&e.trap, "JPEG encoder", NULL);
    int err = jpeg_encode(&e, image, quality);
    jpeg_destroy_compress(&e.codec);
    if (err) return err; // out of memory: it is unknown whether e.bytes was freed
    *jpeg = e.bytes;
    *size = e.size;
    return 0;
}
