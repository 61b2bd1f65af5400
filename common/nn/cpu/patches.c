#include "common/nn/cpu/patches.h"

#include <string.h>

#include "common/nn/cpu/lanes/loops.h"
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

enum { CACHED = 96 << 10, STRETCH_MIN = 256 }; // numbers

static int stretch_of(const rg_conv_shape_t *s)
{
    int n = CACHED / output_pixels(s) / RG_WIDEST * RG_WIDEST;
    return n > STRETCH_MIN ? n : STRETCH_MIN;
}

static void few_pixels(float *y, const rg_conv_shape_t *s, const float *columns, const float *w)
{
    enum { BAND = 48 }; // outputs that a thread takes at a time
    const rg__dots_t dots = {output_pixels(s), s->o, width_of(s), stretch_of(s)};
    memset(y, 0, (size_t)output_pixels(s) * (size_t)s->o * sizeof *y);
#pragma omp parallel for schedule(static)
    for (int first = 0; first < s->o; first += BAND)
        rg__loops()->dots->outputs(&dots, y, columns, w, first, first + BAND < s->o ? first + BAND : s->o);
}

void rg__patches_forward(rg__patches_t *self, float *y, const float *x, const float *w,
                         const rg_conv_shape_t *s)
{
    float *columns = columns_scratch(self, s);
    all_taps(columns, (float *)x, s, read_tap);
    if (output_pixels(s) <= FEW_PIXELS)
        few_pixels(y, s, columns, w);
    else
        rg__product_f32(
            &(rg__product_t){.m = output_pixels(s), .n = s->o, .k = width_of(s), .transpose_b = 1}, columns,
            w, y);
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
