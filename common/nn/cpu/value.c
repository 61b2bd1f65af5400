// Scaling by channel, bounds and softmax.
#include <string.h>

#include "common/nn/cpu/cpu.h"

enum { CHUNK = 16384 }; // floats a thread takes at a time

static inline size_t chunk_length(size_t start, size_t n)
{
    return n - start < CHUNK ? n - start : CHUNK;
}

// ---- scaling

static inline void scale_range(float *y, const float *x, const float *scale, const float *shift, size_t n)
{
    if (shift)
        for (size_t i = 0; i < n; i++) y[i] = x[i] * scale[i] + shift[i];
    else
        for (size_t i = 0; i < n; i++) y[i] = x[i] * scale[i];
}

static void scale_forward(float *y, const float *x, const float *scale, const float *shift, enum rg_act act,
                          size_t rows, size_t columns)
{
#pragma omp parallel for collapse(2) schedule(static)
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c += CHUNK) {
            size_t at = r * columns + c, n = chunk_length(c, columns);
            scale_range(y + at, x + at, scale + c, shift ? shift + c : NULL, n);
            if (act != RG_ACT_NONE) rg__act_range(y + at, y + at, act, n);
        }
}

static inline void product_range(float *y, int add, const float *a, const float *b, size_t n)
{
    if (add)
        for (size_t i = 0; i < n; i++) y[i] += a[i] * b[i];
    else
        for (size_t i = 0; i < n; i++) y[i] = a[i] * b[i];
}

static void scale_backward(float *dx, int add, const float *dy, const float *scale, size_t rows,
                           size_t columns)
{
#pragma omp parallel for collapse(2) schedule(static)
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c += CHUNK)
            product_range(dx + r * columns + c, add, dy + r * columns + c, scale + c,
                          chunk_length(c, columns));
}

static void scale_sums(float *dscale, int add, const float *dy, const float *x, size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r++)
        product_range(dscale, add || r > 0, dy + r * columns, x + r * columns, columns);
}

// ---- bounds

// Each alternative is computed, so that values go side by side.
RG_HOT static void clip_range(float *y, const float *x, rg_clip_t clip, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float below = clip.low + clip.leak * (x[i] - clip.low), above = x[i] > clip.high ? clip.high : x[i];
        y[i] = x[i] < clip.low ? below : above;
    }
}

static void clip_forward(float *y, const float *x, rg_clip_t clip, size_t n)
{
#pragma omp parallel for schedule(static)
    for (size_t start = 0; start < n; start += CHUNK)
        clip_range(y + start, x + start, clip, chunk_length(start, n));
}

RG_HOT static void clip_backward_range(float *dx, int add, const float *dy, const float *x, rg_clip_t clip,
                                       size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float slope = x[i] > clip.high ? 0 : 1;
        slope = x[i] < clip.low ? clip.leak : slope;
        dx[i] = add ? dx[i] + dy[i] * slope : dy[i] * slope;
    }
}

static void clip_backward(float *dx, int add, const float *dy, const float *x, rg_clip_t clip, size_t n)
{
#pragma omp parallel for schedule(static)
    for (size_t start = 0; start < n; start += CHUNK)
        clip_backward_range(dx + start, add, dy + start, x + start, clip, chunk_length(start, n));
}

// ---- softmax: shifted by the largest, so that no exponential overflows

static void softmax_row(float *y, const float *x, size_t n)
{
    float largest = x[0], sum = 0;
    for (size_t i = 1; i < n; i++) largest = x[i] > largest ? x[i] : largest;
    for (size_t i = 0; i < n; i++) sum += y[i] = expf(x[i] - largest);
    for (size_t i = 0; i < n; i++) y[i] /= sum;
}

static void softmax_forward(float *y, const float *x, size_t rows, size_t columns)
{
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < rows; r++) softmax_row(y + r * columns, x + r * columns, columns);
}

static void softmax_row_backward(float *dx, int add, const float *dy, const float *y, size_t n)
{
    float mean = 0; // of dy, weighted by y
    for (size_t i = 0; i < n; i++) mean += dy[i] * y[i];
    for (size_t i = 0; i < n; i++) dx[i] = (add ? dx[i] : 0) + y[i] * (dy[i] - mean);
}

static void softmax_backward(float *dx, int add, const float *dy, const float *y, size_t rows, size_t columns)
{
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < rows; r++)
        softmax_row_backward(dx + r * columns, add, dy + r * columns, y + r * columns, columns);
}

void rg__cpu_value_table(rg_backend_t *table)
{
    table->scale_forward = scale_forward;
    table->scale_backward = scale_backward;
    table->scale_sums = scale_sums;
    table->clip_forward = clip_forward;
    table->clip_backward = clip_backward;
    table->softmax_forward = softmax_forward;
    table->softmax_backward = softmax_backward;
}
