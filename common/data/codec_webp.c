// WebP through libwebp. Of an animation the first frame is read; what it leaves of the canvas is white, as is
// what is transparent.
#include "common/data/codec.h"

#include <stdlib.h>
#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>
#include <webp/encode.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/data/exif.h"

static int webp_fail(const rg_image_file_t *file, int status)
{
    if (status == VP8_STATUS_OUT_OF_MEMORY)
        return rg_fail(RG_ELIMIT, "%s: no memory to read a WebP", file->origin);
    if (status == VP8_STATUS_NOT_ENOUGH_DATA || status == VP8_STATUS_SUSPENDED)
        return rg_fail(RG_EFORMAT, "%s: damaged WebP: the file is cut off: copy it again", file->origin);
    return rg_fail(RG_EFORMAT, "%s: damaged WebP", file->origin);
}

// What libwebp takes beside the pixels that it returns: a lossless picture is decoded to 32 bits as a whole,
// and so may be the alpha of a lossy one. The frames of an animation can be of each kind.
static size_t webp_bytes_per_pixel(const WebPBitstreamFeatures *features)
{
    enum { LOSSY = 1, LOSSLESS = 2 };
    if (features->format == LOSSLESS) return 4;
    return features->format == LOSSY && !features->has_alpha ? 0 : 5;
}

int rg__webp_inspect(const rg_image_file_t *file, rg_image_facts_t *facts)
{
    WebPBitstreamFeatures features;
    int status = WebPGetFeatures(file->bytes, file->size, &features);
    if (status != VP8_STATUS_OK) return webp_fail(file, status);
    int err = rg__image_check_sides(file, facts, (unsigned)features.width, (unsigned)features.height);
    facts->work_bytes = webp_bytes_per_pixel(&features) * (size_t)facts->width * (size_t)facts->height;
    facts->fixed_scale = features.has_animation;
    return err;
}

// The head says how long the file should be: that tells a file that is cut off from a damaged one.
static int webp_open(const rg_image_file_t *file, WebPDemuxer **demuxer)
{
    const WebPData data = {file->bytes, file->size};
    WebPDemuxState state = WEBP_DEMUX_PARSE_ERROR;
    *demuxer = WebPDemuxPartial(&data, &state);
    if (*demuxer && state == WEBP_DEMUX_DONE) return 0;
    WebPDemuxDelete(*demuxer);
    *demuxer = NULL;
    return webp_fail(file, state == WEBP_DEMUX_PARSE_ERROR ? VP8_STATUS_BITSTREAM_ERROR
                                                           : VP8_STATUS_NOT_ENOUGH_DATA);
}

static void webp_find_orientation(const WebPDemuxer *demuxer, rg_image_facts_t *facts)
{
    WebPChunkIterator chunk;
    if (!WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk)) return;
    facts->orientation = rg__exif_orientation(chunk.chunk.bytes, chunk.chunk.size);
    WebPDemuxReleaseChunkIterator(&chunk);
}

static int scaled_side(int side, int denom)
{
    return (side + denom - 1) / denom;
}

// Decodes a frame to its place on the canvas of RGBA pixels. A picture that is scaled fills the canvas: only
// animations have smaller frames.
static int webp_decode_frame(const rg_image_file_t *file, const WebPIterator *frame, uint8_t *canvas,
                             const rg_image_facts_t *facts)
{
    WebPDecoderConfig config;
    int width = facts->width, height = facts->height, denom = facts->scale_denom;
    if (!WebPInitDecoderConfig(&config)) return webp_fail(file, VP8_STATUS_INVALID_PARAM);
    int status = WebPGetFeatures(frame->fragment.bytes, frame->fragment.size, &config.input);
    if (status != VP8_STATUS_OK) return webp_fail(file, status);
    if (frame->x_offset < 0 || frame->y_offset < 0 || config.input.width > width - frame->x_offset ||
        config.input.height > height - frame->y_offset)
        return rg_fail(RG_EFORMAT, "%s: damaged WebP: a frame outside of the picture", file->origin);
    if (denom > 1) {
        config.options.use_scaling = 1;
        config.options.scaled_width = width = scaled_side(width, denom);
        config.options.scaled_height = height = scaled_side(height, denom);
    }
    size_t stride = (size_t)width * 4, at = (size_t)frame->y_offset * stride + (size_t)frame->x_offset * 4;
    config.output.colorspace = MODE_RGBA;
    config.output.is_external_memory = 1;
    config.output.u.RGBA =
        (WebPRGBABuffer){.rgba = canvas + at, .stride = (int)stride, .size = stride * (size_t)height - at};
    status = WebPDecode(frame->fragment.bytes, frame->fragment.size, &config);
    WebPFreeDecBuffer(&config.output);
    return status == VP8_STATUS_OK ? 0 : webp_fail(file, status);
}

static int webp_decode_first(const rg_image_file_t *file, const WebPDemuxer *demuxer, rg_image_t *image,
                             rg_image_facts_t *facts)
{
    WebPIterator frame;
    int err = rg__image_check_sides(file, facts, WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH),
                                    WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT));
    if (err) return err;
    if (!WebPDemuxGetFrame(demuxer, 1, &frame)) return webp_fail(file, VP8_STATUS_BITSTREAM_ERROR);
    const int width = scaled_side(facts->width, facts->scale_denom),
              height = scaled_side(facts->height, facts->scale_denom);
    size_t n = (size_t)width * (size_t)height;
    uint8_t *canvas = calloc(n, 4); // transparent
    if (!canvas)
        err = webp_fail(file, VP8_STATUS_OUT_OF_MEMORY);
    else
        err = webp_decode_frame(file, &frame, canvas, facts);
    WebPDemuxReleaseIterator(&frame);
    if (err) {
        free(canvas);
        return err;
    }
    rg__image_lay_on_white(canvas, n);
    *image = (rg_image_t){width, height, canvas};
    return 0;
}

int rg__webp_decode(const rg_image_file_t *file, rg_image_t *image, rg_image_facts_t *facts)
{
    WebPDemuxer *demuxer;
    int err = webp_open(file, &demuxer);
    if (err) return err;
    webp_find_orientation(demuxer, facts);
    err = webp_decode_first(file, demuxer, image, facts);
    WebPDemuxDelete(demuxer);
    return err;
}

int rg_webp_encode(const rg_image_t *image, int quality, uint8_t **webp, size_t *size)
{
    if (image->width > WEBP_MAX_DIMENSION || image->height > WEBP_MAX_DIMENSION)
        return rg_fail(RG_EINVAL, "%dx%d pixels are too many for WebP: choose .png", image->width,
                       image->height);
    uint8_t *encoded = NULL;
    size_t n =
        WebPEncodeRGB(image->rgb, image->width, image->height, 3 * image->width, (float)quality, &encoded);
    if (!n) return rg_fail(RG_EINVAL, "the WebP encoder failed on %dx%d pixels", image->width, image->height);
    *webp = rg_alloc(n);
    *size = n;
    memcpy(*webp, encoded, n);
    WebPFree(encoded);
    return 0;
}
