#include "common/nn/cpu/lanes/lane.h"
#include "common/nn/cpu/lanes/loops.h"

// How much is summed in registers at a time: vectors of a pixel, adjacent pixels, taps. A processor with vectors of 64
// bytes has 32 registers. The others take two vectors of a pixel, so that a broadcast serves two products.
#if RG_LANE_BYTES == 64
enum { VECTORS = 1, SPAN = 16, TAPS = 7 * RG_RGB };
#else
enum { VECTORS = 2, SPAN = 4, TAPS = 2 * RG_RGB };
#endif
enum { WIDTH = VECTORS * RG_LANES }; // channels

// ---- to_wide: broadcast pixels times rows of W, `span` adjacent pixels at a time

RG_INLINE void wide_span(const int span, const int half, const rg__thin_map_t *m, void *f, size_t at, int add,
                         const float *image, const float *weights, const float *bias, float slope)
{
    int run = m->k * RG_RGB, step = m->stride * RG_RGB;
    rg__lanes_t sum[16][VECTORS];
    for (int p = 0; p < span; p++)
        for (int v = 0; v < VECTORS; v++) {
            sum[p][v] = bias ? rg__load(bias + v * RG_LANES) : (rg__lanes_t){0};
            if (add) sum[p][v] += rg__load((const float *)f + at + (size_t)(p * m->wide + v * RG_LANES));
        }
    for (int i = 0; i < m->k; i++) {
        const float *x = image + i * rg__thin_padded_width(m) * RG_RGB;
        for (int t = 0; t < run; t++, weights += m->wide) {
            rg__lanes_t w[VECTORS];
            for (int v = 0; v < VECTORS; v++) w[v] = rg__load(weights + v * RG_LANES);
            for (int p = 0; p < span; p++)
                for (int v = 0; v < VECTORS; v++) sum[p][v] += x[p * step + t] * w[v];
        }
    }
    for (int p = 0; p < span; p++)
        for (int v = 0; v < VECTORS; v++) {
            rg__lanes_t y = rg__leak(sum[p][v], slope);
            rg__put(f, half, at + (size_t)(p * m->wide + v * RG_LANES), &y);
        }
}

// One row of F, from index `at` on. image: padded I at the row's first pixel.
RG_INLINE void wide_spans(const int half, const rg__thin_map_t *m, void *f, size_t at, int add,
                          const float *image, const float *weights, const float *bias, float slope)
{
    for (int o = 0; o < m->wide; o += WIDTH) {
        const float *b = bias ? bias + o : NULL;
        int c = 0;
        for (; SPAN == 16 && c + 16 <= m->columns; c += 16)
            wide_span(16, half, m, f, at + (size_t)(c * m->wide + o), add, image + c * m->stride * RG_RGB,
                      weights + o, b, slope);
        for (; c + 4 <= m->columns; c += 4)
            wide_span(4, half, m, f, at + (size_t)(c * m->wide + o), add, image + c * m->stride * RG_RGB,
                      weights + o, b, slope);
        for (; c < m->columns; c++)
            wide_span(1, half, m, f, at + (size_t)(c * m->wide + o), add, image + c * m->stride * RG_RGB,
                      weights + o, b, slope);
    }
}

static void wide_row(const rg__thin_map_t *m, void *f, size_t at, int add, const float *image,
                     const float *weights, const float *bias, float slope)
{
    if (m->half)
        wide_spans(1, m, f, at, add, image, weights, bias, slope);
    else
        wide_spans(0, m, f, at, add, image, weights, bias, slope);
}

// ---- to_weights: broadcast pixels times vectors of F, summed over pixels

// `taps` adjacent numbers of a row of padded I times one row of F.
RG_INLINE void weight_taps(const int taps, const rg__thin_map_t *m, float *dw, const float *image,
                           const float *f)
{
    rg__lanes_t sum[TAPS][VECTORS];
    int step = m->stride * RG_RGB;
#pragma GCC unroll 21
    for (int t = 0; t < taps; t++)
        for (int v = 0; v < VECTORS; v++) sum[t][v] = rg__load(dw + t * m->wide + v * RG_LANES);
    for (int c = 0; c < m->columns; c++) {
        rg__lanes_t x[VECTORS];
        for (int v = 0; v < VECTORS; v++) x[v] = rg__load(f + c * m->wide + v * RG_LANES);
#pragma GCC unroll 21
        for (int t = 0; t < taps; t++)
            for (int v = 0; v < VECTORS; v++) sum[t][v] += image[c * step + t] * x[v];
    }
#pragma GCC unroll 21
    for (int t = 0; t < taps; t++)
        for (int v = 0; v < VECTORS; v++) rg__store(dw + t * m->wide + v * RG_LANES, &sum[t][v]);
}

// One row of a kernel: as many taps at a time as fit.
RG_INLINE void weight_run(const rg__thin_map_t *m, float *dw, const float *image, const float *f)
{
    int run = m->k * RG_RGB, t = 0;
    for (; TAPS == 21 && t + 21 <= run; t += 21) weight_taps(21, m, dw + t * m->wide, image + t, f);
    for (; TAPS >= 12 && t + 12 <= run; t += 12) weight_taps(12, m, dw + t * m->wide, image + t, f);
    for (; t + 6 <= run; t += 6) weight_taps(6, m, dw + t * m->wide, image + t, f);
    for (; t < run; t += RG_RGB) weight_taps(RG_RGB, m, dw + t * m->wide, image + t, f);
}

static void weight_row(const rg__thin_map_t *m, float *dw, const float *image, const float *f)
{
    for (int o = 0; o < m->wide; o += WIDTH)
        for (int i = 0; i < m->k; i++)
            weight_run(m, dw + i * m->k * RG_RGB * m->wide + o, image + i * rg__thin_padded_width(m) * RG_RGB,
                       f + o);
}

const rg__thin_loops_t RG_LANES_NAME(rg__thin_loops) = {.wide_row = wide_row, .weight_row = weight_row};
