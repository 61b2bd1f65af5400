// Pillow's BILINEAR: a triangle as wide as one output pixel (at least one source pixel), sampled at the
// source pixels it covers and normalised. Rows first, so that the inner loop runs over whole contiguous rows.
#include "common/data/image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/simd.h"

// Which source positions one axis of the output draws on.
typedef struct {
    int taps;      // room per output position
    int most;      // the largest count; weights between an output's count and it are 0
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

// One output row before its columns are resized: row [width*3], a weighted sum of source rows.
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

// Three channels and what follows them.
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

// sums [size*3] with room for one number more; row has room for axis->taps pixels more.
RG_HOT static void sum_columns(const float *row, const axis_t *axis, int size, float *sums)
{
    if (axis->most <= 3) // always there
        sum_taps(3, row, axis, size, sums);
    else if (axis->most == 4)
        sum_taps(4, row, axis, size, sums);
    else
        sum_taps(axis->most, row, axis, size, sums);
}

RG_HOT static void cut_off(uint8_t *out, const float *values, size_t n)
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
        cut_off(out + (size_t)i * width, sums, width);
    }
    free(row);
    free(sums);
    axis_fini(&columns);
    axis_fini(&rows);
}
