#include "common/nn/cpu/thin.h"

#include <string.h>

#include <omp.h>

#include "common/nn/cpu/cpu.h"
#include "common/nn/cpu/lanes.h"

enum { RGB = 3, KERNEL_MAX = 7, FORM = 2, WIDE_MAX = 512 };

void rg__thin_fini(rg__thin_t *self)
{
    rg__scratch_free(&self->padded);
    rg__scratch_free(&self->dw);
}

// The two sides of the linear map. F's pixel (r,c) meets the k x k pixels of padded I from (r,c)*stride on.
typedef struct {
    int n, rows, columns, wide; // F
    int h, w, pad, reflect;     // I, without its padding
    int k, stride;
    int output; // I is the convolution's output
} map_t;

static map_t map_of(const rg_conv_shape_t *s)
{
    if (s->c == RGB)
        return (map_t){s->n, s->oh, s->ow, s->o, s->h, s->w, s->pad, s->reflect, s->k, s->stride, 0};
    return (map_t){s->n, s->h, s->w, s->c, s->oh, s->ow, s->k - 1 - s->pad, 0, s->k, 1, 1};
}

int rg__thin_fits(const rg_conv_shape_t *s)
{
    int wide = s->c == RGB ? s->o : s->c;
    if (s->up || s->k > KERNEL_MAX || wide % RG_LANES != 0 || wide > WIDE_MAX) return 0;
    return s->c == RGB || (s->o == RGB && s->stride == 1 && !s->reflect && s->pad < s->k);
}

static int padded_width(const map_t *m)
{
    return m->w + 2 * m->pad;
}

static size_t padded_size(const map_t *m)
{
    return (size_t)(m->h + 2 * m->pad) * (size_t)padded_width(m) * RGB;
}

static size_t row_size(const map_t *m)
{
    return (size_t)m->columns * (size_t)m->wide;
}

// ---- weights as W [k,k,RGB,wide]

// Index in w [o,c,k,k] of tap (i,j,channel) and wide channel f.
static inline size_t weight_at(const map_t *m, int tap, int f)
{
    int channel = tap % RGB, ij = tap / RGB, area = m->k * m->k;
    if (m->output)
        return ((size_t)channel * (size_t)m->wide + (size_t)f) * (size_t)area + (size_t)(area - 1 - ij);
    return ((size_t)f * RGB + (size_t)channel) * (size_t)area + (size_t)ij;
}

static int taps_of(const map_t *m)
{
    return m->k * m->k * RGB;
}

static const float *pack(rg__thin_t *self, const map_t *m, rg_weights_t w)
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

static float *pad(rg__thin_t *self, const map_t *m, const float *image)
{
    float *padded = rg__scratch(&self->padded, (size_t)m->n * padded_size(m) * sizeof *padded);
    if (m->reflect) {
        rg__reflect(padded, image, m->n, m->h, m->w, RGB, m->pad);
        return padded;
    }
    size_t row = (size_t)m->w * RGB;
    memset(padded, 0, (size_t)m->n * padded_size(m) * sizeof *padded);
    for (int i = 0; i < m->n; i++)
        for (int r = 0; r < m->h; r++)
            memcpy(padded + (size_t)i * padded_size(m) +
                       ((size_t)(r + m->pad) * (size_t)padded_width(m) + (size_t)m->pad) * RGB,
                   image + ((size_t)i * (size_t)m->h + (size_t)r) * row, row * sizeof *padded);
    return padded;
}

// ---- to the wide side: broadcast pixels times rows of W, `span` neighbouring pixels at a time

RG_INLINE void wide_span(const int span, const map_t *m, float *f, int add, const float *image,
                         const float *weights, const float *bias, float slope)
{
    int run = m->k * RGB, step = m->stride * RGB;
    rg__lanes_t sum[16];
    for (int p = 0; p < span; p++) {
        sum[p] = bias ? rg__load(bias) : (rg__lanes_t){0};
        if (add) sum[p] += rg__load(f + (size_t)p * (size_t)m->wide);
    }
    for (int i = 0; i < m->k; i++) {
        const float *x = image + (size_t)i * (size_t)padded_width(m) * RGB;
        for (int t = 0; t < run; t++, weights += m->wide) {
            rg__lanes_t w = rg__load(weights);
            for (int p = 0; p < span; p++) sum[p] += x[p * step + t] * w;
        }
    }
    for (int p = 0; p < span; p++) {
        rg__lanes_t v = rg__leak(sum[p], slope);
        rg__store(f + (size_t)p * (size_t)m->wide, &v);
    }
}

// One row of F; image: padded, at the row's first pixel.
RG_HOT static void wide_row(const map_t *m, float *f, int add, const float *image, const float *weights,
                            const float *bias, float slope)
{
    for (int o = 0; o < m->wide; o += RG_LANES) {
        const float *b = bias ? bias + o : NULL;
        int c = 0;
        for (; c + 16 <= m->columns; c += 16)
            wide_span(16, m, f + c * m->wide + o, add, image + c * m->stride * RGB, weights + o, b, slope);
        for (; c < m->columns; c++)
            wide_span(1, m, f + c * m->wide + o, add, image + c * m->stride * RGB, weights + o, b, slope);
    }
}

static float slope_of(enum rg_act act)
{
    return act == RG_ACT_RELU ? 0 : act == RG_ACT_LEAKY ? RG_LEAKY_SLOPE : 1;
}

static void to_wide(rg__thin_t *self, const map_t *m, float *f, int add, const float *image,
                    const float *weights, const float *bias, enum rg_act act)
{
    const float *padded = pad(self, m, image);
    size_t stride = (size_t)m->stride * (size_t)padded_width(m) * RGB;
#pragma omp parallel for schedule(static) collapse(2)
    for (int i = 0; i < m->n; i++)
        for (int r = 0; r < m->rows; r++)
            wide_row(m, f + ((size_t)i * (size_t)m->rows + (size_t)r) * row_size(m), add,
                     padded + (size_t)i * padded_size(m) + (size_t)r * stride, weights, bias, slope_of(act));
}

// ---- to the RGB side: vectors of F times vectors of W, summed over the lanes

static const float NOTHING[WIDE_MAX]; // stands for pixels beyond F

// Halves are added, so that the additions of all lanes run side by side.
RG_INLINE float lane_sum(rg__lanes_t v)
{
    typedef float half_t __attribute__((vector_size(32)));
    typedef float quarter_t __attribute__((vector_size(16)));
    half_t h = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
               __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
    quarter_t q = __builtin_shufflevector(h, h, 0, 1, 2, 3) + __builtin_shufflevector(h, h, 4, 5, 6, 7);
    return (q[0] + q[2]) + (q[1] + q[3]);
}

enum { SPAN = 4 };

// SPAN pixels of padded I, stride apart from (row, column*stride + phase) on; the first `count` are wanted.
// inside: all pixels of F that they meet exist.
RG_INLINE void rgb_span(const int inside, const map_t *m, float *to, int add, const float *f,
                        const float *weights, const float *bias, int row, int column, int phase, int count)
{
    rg__lanes_t sum[SPAN][RGB] = {0};
    for (int i = row % m->stride; i < m->k && i <= row; i += m->stride) {
        int from_row = (row - i) / m->stride;
        if (from_row >= m->rows) continue;
        const float *line = f + (size_t)from_row * row_size(m);
        for (int j = phase; j < m->k; j += m->stride) {
            const float *w = weights + (size_t)(i * m->k + j) * RGB * (size_t)m->wide, *x[SPAN];
            for (int p = 0; p < SPAN; p++) {
                int from = column + p - j / m->stride;
                x[p] = inside || (from >= 0 && from < m->columns) ? line + from * m->wide : NOTHING;
            }
            for (int c = 0; c < m->wide; c += RG_LANES) {
                rg__lanes_t red = rg__load(w + c), green = rg__load(w + m->wide + c),
                            blue = rg__load(w + 2 * m->wide + c);
                for (int p = 0; p < SPAN; p++) {
                    rg__lanes_t v = rg__load(x[p] + c);
                    sum[p][0] += v * red;
                    sum[p][1] += v * green;
                    sum[p][2] += v * blue;
                }
            }
        }
    }
    float pixels[SPAN][RGB];
    for (int p = 0; p < SPAN; p++)
        for (int t = 0; t < RGB; t++) pixels[p][t] = lane_sum(sum[p][t]) + (bias ? bias[t] : 0);
    for (int p = 0; p < count; p++, to += m->stride * RGB)
        for (int t = 0; t < RGB; t++) to[t] = (add ? to[t] : 0) + pixels[p][t];
}

// Pixels first..end-1 of one row of padded I into `to`, where pixel `first` lies.
RG_HOT static void rgb_row(const map_t *m, float *to, int add, const float *f, const float *weights,
                           const float *bias, int row, int first, int end)
{
    int reach = (m->k - 1) / m->stride; // pixels of F to the left that a pixel of I meets
    for (int phase = 0; phase < m->stride; phase++) {
        int column = (first - phase + m->stride - 1) / m->stride,
            last = (end - phase + m->stride - 1) / m->stride;
        for (; column < last; column += SPAN) {
            float *at = to + (column * m->stride + phase - first) * RGB;
            int count = last - column < SPAN ? last - column : SPAN;
            if (column >= reach && column + SPAN <= m->columns)
                rgb_span(1, m, at, add, f, weights, bias, row, column, phase, count);
            else
                rgb_span(0, m, at, add, f, weights, bias, row, column, phase, count);
        }
    }
}

static void to_rgb(rg__thin_t *self, const map_t *m, float *image, int add, const float *f,
                   const float *weights, const float *bias)
{
    // A mirrored border is computed, then folded back; a zero border is not wanted.
    int margin = m->reflect ? 0 : m->pad, h = m->h + 2 * (m->pad - margin), w = m->w + 2 * (m->pad - margin);
    float *to = m->reflect ? rg__scratch(&self->padded, (size_t)m->n * padded_size(m) * sizeof *to) : image;
#pragma omp parallel for schedule(static) collapse(2)
    for (int i = 0; i < m->n; i++)
        for (int r = 0; r < h; r++)
            rgb_row(m, to + ((size_t)i * (size_t)h + (size_t)r) * (size_t)w * RGB, add && !m->reflect,
                    f + (size_t)i * (size_t)m->rows * row_size(m), weights, bias, r + margin, margin,
                    margin + w);
    if (m->reflect) rg__reflect_adjoint(image, add, to, m->n, m->h, m->w, RGB, m->pad);
}

// ---- to the weights: broadcast pixels times vectors of F, summed over pixels

// `taps` neighbouring numbers of a row of padded I against one row of F.
RG_INLINE void weight_taps(const int taps, const map_t *m, float *dw, const float *image, const float *f)
{
    rg__lanes_t sum[KERNEL_MAX * RGB];
    int step = m->stride * RGB;
#pragma GCC unroll 21
    for (int t = 0; t < taps; t++) sum[t] = rg__load(dw + (size_t)t * (size_t)m->wide);
    for (int c = 0; c < m->columns; c++) {
        rg__lanes_t v = rg__load(f + (size_t)c * (size_t)m->wide);
#pragma GCC unroll 21
        for (int t = 0; t < taps; t++) sum[t] += image[c * step + t] * v;
    }
#pragma GCC unroll 21
    for (int t = 0; t < taps; t++) rg__store(dw + (size_t)t * (size_t)m->wide, &sum[t]);
}

RG_HOT static void weight_row(const map_t *m, float *dw, const float *image, const float *f)
{
    int run = m->k * RGB;
    for (int o = 0; o < m->wide; o += RG_LANES)
        for (int i = 0; i < m->k; i++) {
            const float *x = image + (size_t)i * (size_t)padded_width(m) * RGB;
            float *to = dw + (size_t)i * (size_t)run * (size_t)m->wide + o;
            if (m->k == 7)
                weight_taps(7 * RGB, m, to, x, f + o);
            else if (m->k == 4)
                weight_taps(4 * RGB, m, to, x, f + o);
            else
                for (int t = 0; t < run; t += RGB) weight_taps(RGB, m, to + t * m->wide, x + t, f + o);
        }
}

// Each thread sums its rows, the threads are summed in order.
static void to_weights(rg__thin_t *self, const map_t *m, float *dw, const float *image, const float *f)
{
    int threads = omp_get_max_threads(), taps = taps_of(m);
    size_t count = (size_t)taps * (size_t)m->wide, stride = (size_t)m->stride * (size_t)padded_width(m) * RGB;
    const float *padded = pad(self, m, image);
    float *sums = rg__scratch(&self->dw, (size_t)threads * count * sizeof *sums);
    memset(sums, 0, (size_t)threads * count * sizeof *sums);
#pragma omp parallel for schedule(static) collapse(2)
    for (int i = 0; i < m->n; i++)
        for (int r = 0; r < m->rows; r++)
            weight_row(m, sums + (size_t)omp_get_thread_num() * count,
                       padded + (size_t)i * padded_size(m) + (size_t)r * stride,
                       f + ((size_t)i * (size_t)m->rows + (size_t)r) * row_size(m));
    for (int tap = 0; tap < taps; tap++)
        for (int c = 0; c < m->wide; c++)
            for (int t = 0; t < threads; t++)
                dw[weight_at(m, tap, c)] +=
                    sums[(size_t)t * count + (size_t)tap * (size_t)m->wide + (size_t)c];
}

// ---- the convolution

void rg__thin_forward(rg__thin_t *self, float *y, const float *x, rg_weights_t w, const float *bias,
                      const rg_conv_shape_t *s)
{
    map_t m = map_of(s);
    const float *weights = pack(self, &m, w);
    if (!m.output) {
        to_wide(self, &m, y, 0, x, weights, bias, s->act);
        return;
    }
    to_rgb(self, &m, y, 0, x, weights, bias);
    size_t count = (size_t)m.n * (size_t)m.h * (size_t)m.w * RGB;
    for (size_t i = 0; s->act != RG_ACT_NONE && i < count; i++) y[i] = rg__act_value(y[i], s->act);
}

void rg__thin_backward(rg__thin_t *self, float *dx, int add, float *dw, const float *x, const float *dy,
                       rg_weights_t w, const rg_conv_shape_t *s)
{
    map_t m = map_of(s);
    if (dw) to_weights(self, &m, dw, m.output ? dy : x, m.output ? x : dy);
    if (!dx) return;
    const float *weights = pack(self, &m, w);
    if (m.output)
        to_wide(self, &m, dx, add, dy, weights, NULL, RG_ACT_NONE);
    else
        to_rgb(self, &m, dx, add, dy, weights, NULL);
}
