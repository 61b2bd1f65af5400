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
// the source rows are summed first and the columns of the sum second. The first step runs over whole rows in
// memory and counts in 256ths of a grey level, so that 16 bits hold a value. The second step makes four
// output rows at once: they have the same weights.

enum { RUN = 64, ROWS = 4, MULTIPLIED = 3 };

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

static inline int at_least(int value, int least)
{
    return value > least ? value : least;
}

static inline int at_most(int value, int most)
{
    return value < most ? value : most;
}

static void axis_init(axis_t *axis, int length, double origin, double extent, int size)
{
    double scale = extent / size, support = scale > 1 ? scale : 1, inverse = 1 / support;
    axis->most = 0;
    axis->taps = (int)ceil(support) * 2 + 1;
    axis->first = rg_alloc(2 * (size_t)size * sizeof *axis->first);
    axis->count = axis->first + size;
    axis->weight = rg_alloc((size_t)size * (size_t)axis->taps * sizeof *axis->weight);
    for (int i = 0; i < size; i++) {
        double centre = origin + (i + 0.5) * scale, total = 0;
        int first = at_least((int)(centre - support + 0.5), 0),
            end = at_most((int)(centre + support + 0.5), length);
        float *weight = axis->weight + (size_t)i * (size_t)axis->taps;
        for (int j = first; j < end; j++) {
            double height = triangle((j + 0.5 - centre) * inverse);
            weight[j - first] = (float)height;
            total += height;
        }
        for (int j = first; j < end; j++) weight[j - first] *= (float)(1 / total);
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

// The product of a grey level and a weight, in 256ths of a grey level. The weight is in 65536ths.
static inline uint16_t weigh(uint8_t grey, uint16_t weight)
{
    return (uint16_t)((uint16_t)(grey << 8) * (uint32_t)weight >> 16);
}

RG_INLINE void sum_run(const uint8_t *const rows[MULTIPLIED], const uint16_t weight[MULTIPLIED], size_t from,
                       size_t n, float *restrict sum)
{
    const uint8_t *a = rows[0] + from, *b = rows[1] + from, *c = rows[2] + from;
    for (size_t i = 0; i < n; i++)
        sum[from + i] = (uint16_t)(weigh(a[i], weight[0]) + weigh(b[i], weight[1]) + weigh(c[i], weight[2]));
}

// sum [n]: the weighted sum of three rows. The last run overlaps the one before it.
RG_HOT static void sum_three_rows(const uint8_t *const rows[MULTIPLIED], const uint16_t weight[MULTIPLIED],
                                  size_t n, float *sum)
{
    if (n < RUN) {
        sum_run(rows, weight, 0, n, sum);
        return;
    }
    for (size_t i = 0; i + RUN <= n; i += RUN) sum_run(rows, weight, i, RUN, sum);
    sum_run(rows, weight, n - RUN, RUN, sum);
}

RG_HOT static void add_row(const uint8_t *restrict row, float weight, size_t n, float *restrict sum)
{
    for (size_t i = 0; i < n; i++) sum[i] += weight * row[i];
}

// sum [width*3]: the weighted sum of the source rows of output row y, in 256ths of a grey level. Three rows, all that
// enlarging and halving read, are summed at once.
static void sum_rows(const rg_image_t *source, const axis_t *axis, int y, float *sum)
{
    size_t n = (size_t)source->width * 3;
    const uint8_t *pixels = source->rgb + (size_t)axis->first[y] * n, *rows[MULTIPLIED];
    const float *weight = axis->weight + y * axis->taps;
    uint16_t weights[MULTIPLIED];
    for (int t = 0; t < MULTIPLIED; t++) {
        int used = t < axis->count[y];
        rows[t] = used ? pixels + (size_t)t * n : pixels;
        weights[t] = used ? (uint16_t)fminf(weight[t] * 65536 + 0.5f, 65535) : 0;
    }
    sum_three_rows(rows, weights, n, sum);
    for (int t = MULTIPLIED; t < axis->count[y]; t++)
        add_row(pixels + (size_t)t * n, 256 * weight[t], n, sum);
}

// The three channels of a pixel and the value after them.
typedef float pixel_t __attribute__((vector_size(16), aligned(4), may_alias));

RG_INLINE void sum_taps(const int taps, const float *rows, size_t stride, const axis_t *axis, int size,
                        float *restrict sums)
{
    const size_t width = (size_t)size * 3 + 1;
    const float *weight = axis->weight;
    for (int x = 0; x < size; x++, weight += axis->taps) {
        const float *from = rows + axis->first[x] * 3;
        for (size_t r = 0; r < ROWS; r++, from += stride) {
            pixel_t sum = {128, 128, 128};
            for (int t = 0; t < taps; t++) sum += weight[t] * *(const pixel_t *)(from + 3 * t);
            *(pixel_t *)(sums + r * width + 3 * x) = sum;
        }
    }
}

// rows [ROWS,stride] have space for axis->taps more pixels, sums [ROWS,size*3+1] for one more value. Adds half a grey
// level.
RG_HOT static void sum_columns(const float *rows, size_t stride, const axis_t *axis, int size, float *sums)
{
    if (axis->most == 2)
        sum_taps(2, rows, stride, axis, size, sums);
    else if (axis->most == 3)
        sum_taps(3, rows, stride, axis, size, sums);
    else if (axis->most == 4)
        sum_taps(4, rows, stride, axis, size, sums);
    else
        sum_taps(axis->most, rows, stride, axis, size, sums);
}

// From 256ths of grey levels.
RG_HOT static void floor_bytes(uint8_t *restrict out, const float *restrict values, size_t n)
{
    for (size_t i = 0; i < n; i++) out[i] = (uint8_t)((int)values[i] >> 8);
}

void rg_image_resize(const rg_image_t *source, double x, double y, double w, double h, int size, uint8_t *out)
{
    axis_t columns, rows;
    axis_init(&columns, source->width, x, w, size);
    axis_init(&rows, source->height, y, h, size);
    const size_t width = (size_t)size * 3, stride = (size_t)(source->width + columns.taps + 1) * 3;
    float *sum = rg_alloc(ROWS * stride * sizeof *sum),
          *sums = rg_alloc((ROWS * (width + 1) + 1) * sizeof *sums);
    for (int i = 0; i < size; i += ROWS) {
        const int n = size - i < ROWS ? size - i : ROWS;
        for (int r = 0; r < n; r++) sum_rows(source, &rows, i + r, sum + (size_t)r * stride);
        sum_columns(sum, stride, &columns, size, sums);
        for (int r = 0; r < n; r++)
            floor_bytes(out + (size_t)(i + r) * width, sums + (size_t)r * (width + 1), width);
    }
    free(sum);
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
    rg__image_reader_t reader;
    int err = rg__image_open(&reader, file, facts);
    if (err) return err;
    err = crop_side(crop, facts->width, facts->height, file->origin, &side);
    if (!err) err = rg__image_decode(&reader, side, size, &image);
    rg__image_close(&reader);
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

// CHANNEL_RUN: bytes of sixteen pixels, a multiple of the three channels and of the vector width. As many as
// CHANNEL_RUNS sums of bytes fit into 16 bits.
enum { CHANNEL_RUN = 48, CHANNEL_RUNS = 257 };

// sum [CHANNEL_RUN]: of the bytes that lie CHANNEL_RUN apart.
RG_HOT static void sum_runs(uint16_t *restrict sum, const uint8_t *restrict pixels, size_t runs)
{
    memset(sum, 0, CHANNEL_RUN * sizeof *sum);
    for (size_t i = 0; i < runs; i++, pixels += CHANNEL_RUN)
        for (int j = 0; j < CHANNEL_RUN; j++) sum[j] += pixels[j];
}

// The mean grey level of an image, with the luma weights of ITU-R BT.601.
static float mean_grey(const uint8_t *pixels, int size)
{
    uint64_t sum[3] = {0};
    uint16_t run[CHANNEL_RUN];
    size_t n = (size_t)size * (size_t)size, i = 0;
    for (size_t runs = n * 3 / CHANNEL_RUN, now; runs; runs -= now, i += now * CHANNEL_RUN) {
        now = runs < CHANNEL_RUNS ? runs : CHANNEL_RUNS;
        sum_runs(run, pixels + i, now);
        for (size_t j = 0; j < CHANNEL_RUN; j++) sum[j % 3] += run[j];
    }
    for (; i < n * 3; i++) sum[i % 3] += pixels[i];
    return (0.299f * (float)sum[0] + 0.587f * (float)sum[1] + 0.114f * (float)sum[2]) / (float)n;
}

static inline float centred(float byte)
{
    return byte * (2.0f / 255.0f) - 1.0f;
}

// A change of grey levels: a value is byte * slope + offset, within -1..highest.
typedef struct {
    float slope, offset, highest;
} tone_t;

// Brightness first, up to white, then contrast around the mean grey level of the brighter image. Neither factor
// is negative.
static tone_t make_tone(float brightness, float contrast, float mean)
{
    const float black = mean - contrast * mean, white = centred(black + contrast * 255);
    return (tone_t){contrast * brightness * (2.0f / 255.0f), centred(black), white < 1 ? white : 1};
}

RG_HOT static void change_tone(const uint8_t *restrict bytes, size_t n, tone_t tone, float *restrict out)
{
    for (size_t i = 0; i < n; i++) {
        float value = (float)bytes[i] * tone.slope + tone.offset;
        value = value < tone.highest ? value : tone.highest;
        out[i] = value > -1 ? value : -1;
    }
}

typedef uint8_t bytes_t __attribute__((vector_size(16), aligned(1), may_alias));

// Five pixels at a time: the sixteenth byte is written again by the next ones.
static void mirror_row(const uint8_t *row, int size, uint8_t *out)
{
    int x = 0;
    for (; x + 6 <= size; x += 5) {
        const bytes_t five = *(const bytes_t *)(row + 3 * (size - x) - 16);
        *(bytes_t *)(out + 3 * x) =
            __builtin_shufflevector(five, five, 13, 14, 15, 10, 11, 12, 7, 8, 9, 4, 5, 6, 1, 2, 3, 0);
    }
    for (; x < size; x++) memcpy(out + 3 * x, row + 3 * (size - 1 - x), 3);
}

void rg_image_augment(const uint8_t *pixels, int size, double jitter, rg_rng_t *rng, float *out)
{
    int flip = rg_rng_uniform(rng) < 0.5f;
    const float brightness = 1 + (float)jitter * (2 * rg_rng_uniform(rng) - 1),
                contrast = 1 + (float)jitter * (2 * rg_rng_uniform(rng) - 1);
    const tone_t tone = make_tone(brightness, contrast, mean_grey(pixels, size) * brightness);
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
