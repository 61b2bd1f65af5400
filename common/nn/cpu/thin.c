#include "common/nn/cpu/thin.h"

#include <string.h>

#include <omp.h>

#include "common/nn/cpu/lanes/loops.h"
#include "common/nn/cpu/products.h"

enum { KERNEL_MAX = 7, FORM = 2, WIDE_MAX = 512 };

void rg__thin_fini(rg__thin_t *self)
{
    rg__scratch_free(&self->padded);
    rg__scratch_free(&self->dw);
    rg__scratch_free(&self->sums);
    rg__scratch_free(&self->products);
}

static rg__thin_map_t map_of(const rg_conv_shape_t *s)
{
    if (s->c == RG_RGB)
        return (rg__thin_map_t){s->n, s->oh, s->ow, s->o, s->h, s->w, s->pad, s->reflect, s->k, s->stride, 0};
    return (rg__thin_map_t){s->n, s->h, s->w, s->c, s->oh, s->ow, s->k - 1 - s->pad, 0, s->k, 1, 1};
}

int rg__thin_fits(const rg_conv_shape_t *s)
{
    int wide = s->c == RG_RGB ? s->o : s->c;
    if (s->up || s->k > KERNEL_MAX || wide % RG_WIDEST != 0 || wide > WIDE_MAX) return 0;
    return s->c == RG_RGB || (s->o == RG_RGB && s->stride == 1 && !s->reflect && s->pad < s->k);
}

static size_t padded_size(const rg__thin_map_t *m)
{
    return (size_t)(m->h + 2 * m->pad) * (size_t)rg__thin_padded_width(m) * RG_RGB;
}

static size_t row_size(const rg__thin_map_t *m)
{
    return (size_t)m->columns * (size_t)m->wide;
}

// ---- weights as W [k,k,3,wide]

// Index in w [o,c,k,k] of tap (i,j,channel) and wide channel f.
static inline size_t weight_at(const rg__thin_map_t *m, int tap, int f)
{
    int channel = tap % RG_RGB, ij = tap / RG_RGB, area = m->k * m->k;
    if (m->output)
        return ((size_t)channel * (size_t)m->wide + (size_t)f) * (size_t)area + (size_t)(area - 1 - ij);
    return ((size_t)f * RG_RGB + (size_t)channel) * (size_t)area + (size_t)ij;
}

static int taps_of(const rg__thin_map_t *m)
{
    return m->k * m->k * RG_RGB;
}

static const float *thin_pack(rg__thin_t *self, const rg__thin_map_t *m, rg_weights_t w)
{
    int stale;
    size_t count = (size_t)taps_of(m) * (size_t)m->wide;
    float *matrix = rg__packs_find(self->packs, w, FORM, count * sizeof *matrix, &stale);
    for (int tap = 0; stale && tap < taps_of(m); tap++)
        for (int f = 0; f < m->wide; f++)
            matrix[(size_t)tap * (size_t)m->wide + (size_t)f] = w.value[weight_at(m, tap, f)];
    return matrix;
}

// ---- padding

static float *pad(rg__thin_t *self, const rg__thin_map_t *m, const float *image)
{
    float *padded = rg__scratch(&self->padded, (size_t)m->n * padded_size(m) * sizeof *padded);
    if (m->reflect) {
        rg__reflect(padded, image, m->n, m->h, m->w, RG_RGB, m->pad);
        return padded;
    }
    size_t row = (size_t)m->w * RG_RGB;
    memset(padded, 0, (size_t)m->n * padded_size(m) * sizeof *padded);
    for (int i = 0; i < m->n; i++)
        for (int r = 0; r < m->h; r++)
            memcpy(padded + (size_t)i * padded_size(m) +
                       ((size_t)(r + m->pad) * (size_t)rg__thin_padded_width(m) + (size_t)m->pad) * RG_RGB,
                   image + ((size_t)i * (size_t)m->h + (size_t)r) * row, row * sizeof *padded);
    return padded;
}

// ---- to_wide

static float slope_of(enum rg_act act)
{
    return act == RG_ACT_RELU ? 0 : act == RG_ACT_LEAKY ? RG_LEAKY_SLOPE : 1;
}

static void to_wide(rg__thin_t *self, const rg__thin_map_t *m, void *f, int add, const float *image,
                    const float *weights, const float *bias, enum rg_act act)
{
    const float *padded = pad(self, m, image);
    size_t stride = (size_t)m->stride * (size_t)rg__thin_padded_width(m) * RG_RGB;
#pragma omp parallel for schedule(static) collapse(2)
    for (int i = 0; i < m->n; i++)
        for (int r = 0; r < m->rows; r++)
            rg__loops()->thin->wide_row(m, f, ((size_t)i * (size_t)m->rows + (size_t)r) * row_size(m), add,
                                        padded + (size_t)i * padded_size(m) + (size_t)r * stride, weights,
                                        bias, slope_of(act));
}

// ---- to_rgb: P = F W' [pixels,k,k,3] by products, then the sum of P's shifted rows. Adjacent rows of F reach into
// the same rows of I, so bands of rows are summed separately and then added in order.

enum {
    BAND = 16,    // rows of F that are summed together
    BAND_STEP = 4 // rows of F whose P exists at a time
};

static int bands_of(const rg__thin_map_t *m)
{
    return (m->rows + BAND - 1) / BAND;
}

static int band_rows(const rg__thin_map_t *m)
{
    return (BAND - 1) * m->stride + m->k;
}

// Adds P of one row of F to the k rows of padded I that start at `sum`.
RG_HOT static void add_products(const rg__thin_map_t *m, float *sum, const float *p)
{
    int run = m->k * RG_RGB, step = m->stride * RG_RGB;
    for (int c = 0; c < m->columns; c++)
        for (int i = 0; i < m->k; i++, p += run) {
            float *to = sum + i * rg__thin_padded_width(m) * RG_RGB + c * step;
            for (int t = 0; t < run; t++) to[t] += p[t];
        }
}

static void sum_band(const rg__thin_map_t *m, float *sum, float *p, const float *f, const float *weights,
                     int first)
{
    int width = rg__thin_padded_width(m) * RG_RGB, end = first + BAND < m->rows ? first + BAND : m->rows,
        taps = taps_of(m);
    memset(sum, 0, (size_t)band_rows(m) * (size_t)width * sizeof *sum);
    for (int r = first; r < end; r += BAND_STEP) {
        int rows = end - r < BAND_STEP ? end - r : BAND_STEP;
        rg__product_f32(&(rg__product_t){.m = rows * m->columns, .n = taps, .k = m->wide, .transpose_b = 1},
                        f + (size_t)r * row_size(m), weights, p);
        for (int i = 0; i < rows; i++)
            add_products(m, sum + (r + i - first) * m->stride * width,
                         p + (size_t)i * (size_t)m->columns * (size_t)taps);
    }
}

// Row `row` of padded I, from pixel `margin` on.
static void join_bands(const rg__thin_map_t *m, float *to, int add, const float *sums, const float *bias,
                       int row, int margin)
{
    int pixels = rg__thin_padded_width(m) - 2 * margin, height = band_rows(m);
    for (int i = 0; i < pixels * RG_RGB; i++) to[i] = (add ? to[i] : 0) + (bias ? bias[i % RG_RGB] : 0);
    for (int b = 0; b < bands_of(m); b++) {
        int at = row - b * BAND * m->stride;
        if (at < 0 || at >= height) continue;
        const float *from =
            sums + ((size_t)b * (size_t)height + (size_t)at) * (size_t)rg__thin_padded_width(m) * RG_RGB +
            margin * RG_RGB;
        for (int i = 0; i < pixels * RG_RGB; i++) to[i] += from[i];
    }
}

static void to_rgb(rg__thin_t *self, const rg__thin_map_t *m, float *image, int add, const float *f,
                   const float *weights, const float *bias)
{
    // A mirrored border is computed and then folded back; a zero border is left out.
    int margin = m->reflect ? 0 : m->pad, h = m->h + 2 * (m->pad - margin), w = m->w + 2 * (m->pad - margin);
    int bands = bands_of(m);
    size_t sum = (size_t)band_rows(m) * (size_t)rg__thin_padded_width(m) * RG_RGB,
           products = (size_t)BAND_STEP * (size_t)m->columns * (size_t)taps_of(m);
    float *to = m->reflect ? rg__scratch(&self->padded, (size_t)m->n * padded_size(m) * sizeof *to) : image;
    float *sums = rg__scratch(&self->sums, (size_t)(m->n * bands) * sum * sizeof *sums);
    float *p = rg__scratch(&self->products, (size_t)omp_get_max_threads() * products * sizeof *p);
#pragma omp parallel for schedule(static)
    for (int i = 0; i < m->n * bands; i++)
        sum_band(m, sums + (size_t)i * sum, p + (size_t)omp_get_thread_num() * products,
                 f + (size_t)(i / bands) * (size_t)m->rows * row_size(m), weights, i % bands * BAND);
#pragma omp parallel for schedule(static) collapse(2)
    for (int i = 0; i < m->n; i++)
        for (int r = 0; r < h; r++)
            join_bands(m, to + ((size_t)i * (size_t)h + (size_t)r) * (size_t)w * RG_RGB, add && !m->reflect,
                       sums + (size_t)(i * bands) * sum, bias, r + margin, margin);
    if (m->reflect) rg__reflect_adjoint(image, add, to, m->n, m->h, m->w, RG_RGB, m->pad);
}

// ---- to_weights

// Each thread sums its rows; then the threads' sums are added in order.
static void to_weights(rg__thin_t *self, const rg__thin_map_t *m, float *dw, const float *image,
                       const float *f)
{
    int threads = omp_get_max_threads(), taps = taps_of(m);
    size_t count = (size_t)taps * (size_t)m->wide,
           stride = (size_t)m->stride * (size_t)rg__thin_padded_width(m) * RG_RGB;
    const float *padded = pad(self, m, image);
    float *sums = rg__scratch(&self->dw, (size_t)threads * count * sizeof *sums);
    memset(sums, 0, (size_t)threads * count * sizeof *sums);
#pragma omp parallel for schedule(static) collapse(2)
    for (int i = 0; i < m->n; i++)
        for (int r = 0; r < m->rows; r++)
            rg__loops()->thin->weight_row(m, sums + (size_t)omp_get_thread_num() * count,
                                          padded + (size_t)i * padded_size(m) + (size_t)r * stride,
                                          f + ((size_t)i * (size_t)m->rows + (size_t)r) * row_size(m));
    for (int tap = 0; tap < taps; tap++)
        for (int c = 0; c < m->wide; c++)
            for (int t = 0; t < threads; t++)
                dw[weight_at(m, tap, c)] +=
                    sums[(size_t)t * count + (size_t)tap * (size_t)m->wide + (size_t)c];
}

// ---- the convolution

void rg__thin_forward(rg__thin_t *self, void *y, const float *x, rg_weights_t w, const float *bias,
                      const rg_conv_shape_t *s)
{
    rg__thin_map_t m = map_of(s);
    const float *weights = thin_pack(self, &m, w);
    if (!m.output) {
        m.half = s->half;
        to_wide(self, &m, y, 0, x, weights, bias, s->act);
        return;
    }
    to_rgb(self, &m, y, 0, x, weights, bias);
    size_t count = (size_t)m.n * (size_t)m.h * (size_t)m.w * RG_RGB;
    float *values = y;
    for (size_t i = 0; s->act != RG_ACT_NONE && i < count; i++) values[i] = rg__act_value(values[i], s->act);
}

void rg__thin_backward(rg__thin_t *self, float *dx, int add, float *dw, const float *x, const float *dy,
                       rg_weights_t w, const rg_conv_shape_t *s)
{
    rg__thin_map_t m = map_of(s);
    if (dw) to_weights(self, &m, dw, m.output ? dy : x, m.output ? x : dy);
    if (!dx) return;
    const float *weights = thin_pack(self, &m, w);
    if (m.output)
        to_wide(self, &m, dx, add, dy, weights, NULL, RG_ACT_NONE);
    else
        to_rgb(self, &m, dx, add, dy, weights, NULL);
}
