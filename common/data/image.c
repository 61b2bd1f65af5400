#include "common/data/image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/simd.h"
#include "common/data/codec.h"
#include "common/data/exif.h"

enum { CELEBA_WIDTH = 178, CELEBA_HEIGHT = 218, CROP_LARGEST = 0 };

void rg_image_init(rg_image_t *image, int width, int height)
{
    *image = (rg_image_t){width, height, rg_alloc((size_t)width * (size_t)height * 3)};
}

void rg_image_fini(rg_image_t *image)
{
    free(image->rgb);
    *image = (rg_image_t){0};
}

// ---- resizing
//
// As BILINEAR of Pillow: the weights of an output pixel are a triangle over the source, as wide as two output
// pixels and at least two source pixels, sampled at the source pixels and normalised. For each output row,
// the source rows are summed first and the columns of the sum second: the inner loop of the first step, which
// does most of the work, runs over whole rows in memory.

// The source pixels that each output pixel of one axis reads, and their weights.
typedef struct {
    int taps;      // capacity of `weight` per output pixel
    int most;      // the largest count; weights from an output's count up to `most` are 0
    int *first;    // [size]
    int *count;    // [size]
    float *weight; // [size,taps]
} axis_t;

static double triangle(double at)
{
    double height = 1 - fabs(at);
    return height > 0 ? height : 0;
}

static void axis_init(axis_t *axis, int length, double origin, double extent, int size)
{
    double scale = extent / size, support = scale > 1 ? scale : 1;
    axis->most = 0;
    axis->taps = (int)ceil(support) * 2 + 1;
    axis->first = rg_alloc(2 * (size_t)size * sizeof *axis->first);
    axis->count = axis->first + size;
    axis->weight = rg_alloc((size_t)size * (size_t)axis->taps * sizeof *axis->weight);
    for (int i = 0; i < size; i++) {
        double centre = origin + (i + 0.5) * scale, total = 0;
        int first = (int)fmax(centre - support + 0.5, 0), end = (int)fmin(centre + support + 0.5, length);
        float *weight = axis->weight + (size_t)i * (size_t)axis->taps;
        for (int j = first; j < end; j++) total += triangle((j + 0.5 - centre) / support);
        for (int j = first; j < end; j++)
            weight[j - first] = (float)(triangle((j + 0.5 - centre) / support) / total);
        axis->first[i] = first;
        axis->count[i] = end - first;
        if (end - first > axis->most) axis->most = end - first;
    }
}

static void axis_fini(axis_t *axis)
{
    free(axis->first);
    free(axis->weight);
}

// row [width*3]: the weighted sum of the source rows of output row y.
RG_HOT static void sum_rows(const rg_image_t *source, const axis_t *axis, int y, float *row)
{
    size_t n = (size_t)source->width * 3;
    const uint8_t *pixels = source->rgb + (size_t)axis->first[y] * n;
    const float *weight = axis->weight + y * axis->taps;
    for (size_t i = 0; i < n; i++) row[i] = *weight * pixels[i];
    for (int t = 1; t < axis->count[y]; t++) {
        pixels += n;
        for (size_t i = 0; i < n; i++) row[i] += weight[t] * pixels[i];
    }
}

// The three channels of a pixel and the value after them.
typedef float pixel_t __attribute__((vector_size(16), aligned(4), may_alias));

static inline __attribute__((always_inline)) void sum_taps(const int taps, const float *row,
                                                           const axis_t *axis, int size, float *sums)
{
    for (int x = 0; x < size; x++) {
        pixel_t sum = {0.5f, 0.5f, 0.5f};
        const float *weight = axis->weight + x * axis->taps, *pixel = row + axis->first[x] * 3;
        for (int t = 0; t < taps; t++) sum += weight[t] * *(const pixel_t *)(pixel + 3 * t);
        *(pixel_t *)(sums + 3 * x) = sum;
    }
}

// sums [size*3] has space for one more value, row for axis->taps more pixels.
RG_HOT static void sum_columns(const float *row, const axis_t *axis, int size, float *sums)
{
    if (axis->most <= 3) // taps is at least 3
        sum_taps(3, row, axis, size, sums);
    else if (axis->most == 4)
        sum_taps(4, row, axis, size, sums);
    else
        sum_taps(axis->most, row, axis, size, sums);
}

RG_HOT static void floor_bytes(uint8_t *out, const float *values, size_t n)
{
    for (size_t i = 0; i < n; i++) out[i] = (uint8_t)(int)values[i];
}

void rg_image_resize(const rg_image_t *source, double x, double y, double w, double h, int size, uint8_t *out)
{
    axis_t columns, rows;
    axis_init(&columns, source->width, x, w, size);
    axis_init(&rows, source->height, y, h, size);
    size_t width = (size_t)size * 3;
    float *row = rg_alloc((size_t)(source->width + columns.taps + 1) * 3 * sizeof *row);
    float *sums = rg_alloc((width + 1) * sizeof *sums);
    for (int i = 0; i < size; i++) {
        sum_rows(source, &rows, i, row);
        sum_columns(row, &columns, size, sums);
        floor_bytes(out + (size_t)i * width, sums, width);
    }
    free(row);
    free(sums);
    axis_fini(&columns);
    axis_fini(&rows);
}

// ---- reading, decoding, cropping and resizing

rg_image_limits_t rg_image_limits(const rg_limits_config_t *limits)
{
    return (rg_image_limits_t){.max_bytes = (size_t)limits->image_max_mib << 20,
                               .max_side = limits->image_max_side};
}

int rg_image_read(const rg_limits_config_t *limits, const char *path, uint8_t **bytes, size_t *size)
{
    int err = rg_file_read(path, (size_t)limits->image_max_mib << 20, bytes, size);
    if (err != RG_ELIMIT) return err;
    return rg_fail(err, "%s: larger than limits.image_max_mib %d: raise the key or shrink the image", path,
                   limits->image_max_mib);
}

static int crop_side(int crop, int width, int height, const char *origin, int *side)
{
    int largest = width < height ? width : height;
    if (crop > largest)
        return rg_fail(RG_ELIMIT, "%s: a crop of %d pixels does not fit into %dx%d", origin, crop, width,
                       height);
    if (crop > 0)
        *side = crop;
    else
        *side = width == CELEBA_WIDTH && height == CELEBA_HEIGHT ? CELEBA_WIDTH : largest;
    return 0;
}

// Where an axis of the upright picture begins in the scaled image. The decoder rounds the last pixel of a
// scaled axis up; after a turn it may be the first.
static double axis_origin(int length, int scaled, const rg_image_facts_t *facts, int reversed)
{
    return reversed ? scaled - (double)length / facts->scale_denom : 0;
}

static void crop_resize(const rg_image_t *image, const rg_image_facts_t *facts, int side, int size,
                        uint8_t *out)
{
    // The crop starts on a whole source pixel, so that a crop of the wanted size is copied, not interpolated.
    double scale = 1.0 / facts->scale_denom;
    double x = (facts->width - side) / 2 * scale, y = (facts->height - side) / 2 * scale;
    int transposed = rg__exif_transposes(facts->orientation),
        reversed_x = rg__exif_reverses_x(facts->orientation),
        reversed_y = rg__exif_reverses_y(facts->orientation);
    x += axis_origin(facts->width, image->width, facts, transposed ? reversed_y : reversed_x);
    y += axis_origin(facts->height, image->height, facts, transposed ? reversed_x : reversed_y);
    rg_image_resize(image, x, y, side * scale, side * scale, size, out);
}

int rg_image_load(const rg_image_file_t *file, int crop, int size, uint8_t *out, rg_image_facts_t *facts)
{
    int side = 0;
    rg_image_t image;
    int err = rg_image_inspect(file, facts);
    if (!err) err = crop_side(crop, facts->width, facts->height, file->origin, &side);
    if (!err) err = rg__image_decode(file, side, size, &image, facts);
    if (err) return err;
    crop_resize(&image, facts, side, size, out);
    rg_image_fini(&image);
    return 0;
}

size_t rg_image_bytes(const rg_config_t *config)
{
    return (size_t)config->data.img_size * (size_t)config->data.img_size * 3;
}

static int load_configured(const rg_config_t *config, rg_image_file_t file, int crop, uint8_t *out,
                           rg_image_facts_t *facts)
{
    const rg_image_limits_t limits = rg_image_limits(&config->limits);
    file.limits = &limits;
    return rg_image_load(&file, crop, config->data.img_size, out, facts);
}

int rg_image_examine(const rg_config_t *config, const uint8_t *bytes, size_t size, const char *origin,
                     uint8_t *out, rg_image_facts_t *facts)
{
    const rg_image_file_t file = {.bytes = bytes, .size = size, .origin = origin};
    return load_configured(config, file, config->data.crop, out, facts);
}

int rg_image_decode(const rg_config_t *config, const uint8_t *bytes, size_t size, const char *origin,
                    uint8_t *out)
{
    rg_image_facts_t facts;
    return rg_image_examine(config, bytes, size, origin, out, &facts);
}

int rg_image_decode_stored(const rg_config_t *config, const uint8_t *bytes, size_t size, const char *origin,
                           uint8_t *out)
{
    const rg_image_file_t file = {.bytes = bytes, .size = size, .origin = origin};
    rg_image_facts_t facts;
    return load_configured(config, file, CROP_LARGEST, out, &facts);
}

// ---- augmentation

enum { RUN = 48 }; // bytes of sixteen pixels: a multiple of the three channels and of the vector width

// sum [RUN] += the bytes that lie RUN apart. The caller adds up the sums of each channel.
RG_HOT static void sum_runs(uint32_t *sum, const uint8_t *pixels, size_t runs)
{
    for (size_t i = 0; i < runs; i++, pixels += RUN)
        for (int j = 0; j < RUN; j++) sum[j] += pixels[j];
}

// The mean grey level of an image, with the luma weights of ITU-R BT.601.
static float mean_grey(const uint8_t *pixels, int size)
{
    uint64_t sum[3] = {0};
    uint32_t run[RUN] = {0};
    size_t n = (size_t)size * (size_t)size, runs = n * 3 / RUN;
    sum_runs(run, pixels, runs); // each sum has at most 8192^2/16 bytes and fits into 32 bits
    for (size_t j = 0; j < RUN; j++) sum[j % 3] += run[j];
    for (size_t i = runs * RUN; i < n * 3; i++) sum[i % 3] += pixels[i];
    return (0.299f * (float)sum[0] + 0.587f * (float)sum[1] + 0.114f * (float)sum[2]) / (float)n;
}

static inline float clamp_byte(float value)
{
    return value < 0 ? 0 : value > 255 ? 255 : value;
}

static inline float centred(float byte)
{
    return byte * (2.0f / 255.0f) - 1.0f;
}

// A change of grey levels: brightness first, then contrast around the mean.
typedef struct {
    float brightness, contrast, mean;
} tone_t;

RG_HOT static void change_tone(const uint8_t *bytes, size_t n, tone_t tone, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = centred(clamp_byte(
            tone.mean + tone.contrast * (clamp_byte((float)bytes[i] * tone.brightness) - tone.mean)));
}

static void mirror_row(const uint8_t *row, int size, uint8_t *out)
{
    for (int x = 0; x < size; x++) memcpy(out + 3 * x, row + 3 * (size - 1 - x), 3);
}

void rg_image_augment(const uint8_t *pixels, int size, double jitter, rg_rng_t *rng, float *out)
{
    int flip = rg_rng_uniform(rng) < 0.5f;
    tone_t tone;
    tone.brightness = 1 + (float)jitter * (2 * rg_rng_uniform(rng) - 1);
    tone.contrast = 1 + (float)jitter * (2 * rg_rng_uniform(rng) - 1);
    tone.mean = mean_grey(pixels, size) * tone.brightness;
    size_t width = (size_t)size * 3;
    uint8_t *mirrored = rg_alloc(width);
    for (int y = 0; y < size; y++, pixels += width, out += width) {
        if (flip) mirror_row(pixels, size, mirrored);
        change_tone(flip ? mirrored : pixels, width, tone, out);
    }
    free(mirrored);
}

void rg_pixels_to_float(const uint8_t *pixels, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++) out[i] = centred(pixels[i]);
}

void rg_pixels_to_u8(const float *values, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i++) {
        float byte = (values[i] + 1.0f) * 127.5f;
        out[i] = byte >= 255 ? 255 : byte > 0 ? (uint8_t)(byte + 0.5f) : 0; // NaN gives 0
    }
}
