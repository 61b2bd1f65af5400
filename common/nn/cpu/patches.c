#include "common/nn/cpu/patches.h"

#include <string.h>

#include "common/nn/cpu/cpu.h"
#include "common/nn/cpu/lanes.h"
#include "common/nn/cpu/products.h"

// Off x86-64 the direct convolution of oneDNN is slow, so there everything whose columns fit into memory is
// done here.
enum { FEW_PIXELS = 1024 };
#ifdef __x86_64__
enum { PIXELS_MAX = FEW_PIXELS, COLUMNS_MAX = 4 << 20, WIDTH_MIN = 256 };
#else
enum { PIXELS_MAX = 16 << 20, COLUMNS_MAX = 64 << 20, WIDTH_MIN = 1 };
#endif

void rg__patches_fini(rg__patches_t *self)
{
    rg__scratch_free(&self->columns);
}

static int output_pixels(const rg_conv_shape_t *s)
{
    return s->n * s->oh * s->ow;
}

static int width_of(const rg_conv_shape_t *s)
{
    return s->c * s->k * s->k;
}

int rg__patches_fits(const rg_conv_shape_t *s)
{
    return !s->up && output_pixels(s) <= PIXELS_MAX && width_of(s) >= WIDTH_MIN &&
           width_of(s) <= COLUMNS_MAX / output_pixels(s);
}

// The row or column of x under tap `tap` of output `at`, or -1 in the zero border.
static int under(const rg_conv_shape_t *s, int at, int tap, int size)
{
    int i = at * s->stride + tap - s->pad;
    if (s->reflect && i < 0) i = -i;
    if (s->reflect && i >= size) i = 2 * size - 2 - i;
    return i >= 0 && i < size ? i : -1;
}

// For every output pixel of an image and every tap: calls with the place in the columns and the pixel of x,
// NULL in the border.
typedef void tap_fn(float *column, float *pixel, const rg_conv_shape_t *s);

static void each_tap(float *columns, float *image, const rg_conv_shape_t *s, tap_fn *fn)
{
    for (int p = 0; p < s->oh * s->ow; p++, columns += width_of(s))
        for (int tap = 0; tap < s->k * s->k; tap++) {
            int row = under(s, p / s->ow, tap / s->k, s->h), column = under(s, p % s->ow, tap % s->k, s->w);
            float *pixel = row < 0 || column < 0 ? NULL : image + ((ptrdiff_t)row * s->w + column) * s->c;
            fn(columns + tap, pixel, s);
        }
}

static void read_tap(float *column, float *pixel, const rg_conv_shape_t *s)
{
    int step = s->k * s->k;
    for (int c = 0; c < s->c; c++) column[c * step] = pixel ? pixel[c] : 0;
}

static void add_tap(float *column, float *pixel, const rg_conv_shape_t *s)
{
    int step = s->k * s->k;
    for (int c = 0; pixel && c < s->c; c++) pixel[c] += column[c * step];
}

static void all_taps(float *columns, float *x, const rg_conv_shape_t *s, tap_fn *fn)
{
    size_t image = (size_t)s->h * (size_t)s->w * (size_t)s->c,
           rows = (size_t)(s->oh * s->ow) * (size_t)width_of(s);
#pragma omp parallel for schedule(static)
    for (int i = 0; i < s->n; i++) each_tap(columns + (size_t)i * rows, x + (size_t)i * image, s, fn);
}

static float *columns_scratch(rg__patches_t *self, const rg_conv_shape_t *s)
{
    return rg__scratch(&self->columns, (size_t)output_pixels(s) * (size_t)width_of(s) * sizeof(float));
}

// ---- y [pixels,o] = columns w^T. Both operands are read along their rows, so neither is repacked; a general
// product would repack all weights for a few pixels.

enum { ROWS = 4, OUTPUTS = 6, CACHED = 96 << 10, STRETCH_MIN = 256 }; // numbers

// How many numbers of each row at a time: the stretch of all rows must stay in the cache.
static int stretch_of(const rg_conv_shape_t *s)
{
    int n = CACHED / output_pixels(s) / RG_LANES * RG_LANES;
    return n > STRETCH_MIN ? n : STRETCH_MIN;
}

// y += the products of `rows` rows with `outputs` weights over a stretch of n numbers, `width` apart.
RG_INLINE void dots(const int rows, const int outputs, float *y, int o, const float *columns, const float *w,
                    int width, int n)
{
    rg__lanes_t sum[ROWS][OUTPUTS] = {0};
    int i = 0;
    for (; i + RG_LANES <= n; i += RG_LANES) {
        rg__lanes_t x[ROWS];
        for (int r = 0; r < rows; r++) x[r] = rg__load(columns + (size_t)r * (size_t)width + i);
        for (int k = 0; k < outputs; k++) {
            rg__lanes_t v = rg__load(w + (size_t)k * (size_t)width + i);
            for (int r = 0; r < rows; r++) sum[r][k] += x[r] * v;
        }
    }
    for (int r = 0; r < rows; r++)
        for (int k = 0; k < outputs; k++) {
            float rest = 0;
            for (int j = i; j < n; j++)
                rest += columns[(size_t)r * (size_t)width + j] * w[(size_t)k * (size_t)width + j];
            y[r * o + k] += rg__lane_sum(sum[r][k]) + rest;
        }
}

// One stretch of all rows against `outputs` weights from w on.
RG_INLINE void dot_rows(const int outputs, float *y, const rg_conv_shape_t *s, const float *columns,
                        const float *w, int n)
{
    int width = width_of(s), pixels = output_pixels(s), p = 0;
    for (; p + ROWS <= pixels; p += ROWS)
        dots(ROWS, outputs, y + p * s->o, s->o, columns + (size_t)p * (size_t)width, w, width, n);
    for (; p < pixels; p++)
        dots(1, outputs, y + p * s->o, s->o, columns + (size_t)p * (size_t)width, w, width, n);
}

RG_HOT static void dot_outputs(float *y, const rg_conv_shape_t *s, const float *columns, const float *w,
                               int first, int end)
{
    int width = width_of(s), stretch = stretch_of(s);
    for (int at = 0; at < width; at += stretch) {
        int n = width - at < stretch ? width - at : stretch, k = first;
        for (; k + OUTPUTS <= end; k += OUTPUTS)
            dot_rows(OUTPUTS, y + k, s, columns + at, w + (size_t)k * (size_t)width + at, n);
        for (; k < end; k++) dot_rows(1, y + k, s, columns + at, w + (size_t)k * (size_t)width + at, n);
    }
}

void rg__patches_forward(rg__patches_t *self, float *y, const float *x, const float *w,
                         const rg_conv_shape_t *s)
{
    enum { BAND = 8 * OUTPUTS };
    float *columns = columns_scratch(self, s);
    all_taps(columns, (float *)x, s, read_tap);
    if (output_pixels(s) > FEW_PIXELS) {
        rg__product_f32(
            &(rg__product_t){.m = output_pixels(s), .n = s->o, .k = width_of(s), .transpose_b = 1}, columns,
            w, y);
        return;
    }
    memset(y, 0, (size_t)output_pixels(s) * (size_t)s->o * sizeof *y);
#pragma omp parallel for schedule(static)
    for (int first = 0; first < s->o; first += BAND)
        dot_outputs(y, s, columns, w, first, first + BAND < s->o ? first + BAND : s->o);
}

// ---- backward

void rg__patches_backward(rg__patches_t *self, float *dx, int add, float *dw, const float *x, const float *dy,
                          const float *w, const rg_conv_shape_t *s)
{
    float *columns = columns_scratch(self, s);
    if (dw) {
        all_taps(columns, (float *)x, s, read_tap);
        rg__product_f32(
            &(rg__product_t){.m = s->o, .n = width_of(s), .k = output_pixels(s), .transpose_a = 1, .add = 1},
            dy, columns, dw);
    }
    if (!dx) return;
    if (!add) memset(dx, 0, (size_t)s->n * (size_t)s->h * (size_t)s->w * (size_t)s->c * sizeof *dx);
    rg__product_f32(&(rg__product_t){.m = output_pixels(s), .n = width_of(s), .k = s->o}, dy, w, columns);
    all_taps(columns, dx, s, add_tap);
}
