// Element by element: activations, sums, biases, scales, bounds, softmax.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/nn/cpu/cpu.h"

enum { CHUNK = 16384 }; // floats a thread takes at a time

static inline size_t chunk_length(size_t start, size_t n)
{
    return n - start < CHUNK ? n - start : CHUNK;
}

// ---- activations. Each inlined copy switches on a constant, so its loop has no branch.

// act'(x) from y = act(x)
static inline float slope_of(float y, enum rg_act act)
{
    switch (act) {
    case RG_ACT_RELU:
        return y > 0 ? 1 : 0;
    case RG_ACT_LEAKY:
        return y > 0 ? 1 : RG_LEAKY_SLOPE;
    case RG_ACT_TANH:
        return 1 - y * y;
    case RG_ACT_SIGMOID:
        return y * (1 - y);
    case RG_ACT_NONE:
        break;
    }
    return 1;
}

static inline void forward_loop(float *y, const float *x, enum rg_act act, size_t n)
{
    for (size_t i = 0; i < n; i++) y[i] = rg__act_value(x[i], act);
}

static inline void backward_loop(float *dx, int add, const float *dy, const float *y, enum rg_act act,
                                 size_t n)
{
    if (add)
        for (size_t i = 0; i < n; i++) dx[i] += dy[i] * slope_of(y[i], act);
    else
        for (size_t i = 0; i < n; i++) dx[i] = dy[i] * slope_of(y[i], act);
}

RG_HOT static void act_range(float *y, const float *x, enum rg_act act, size_t n)
{
    switch (act) {
    case RG_ACT_NONE:
        forward_loop(y, x, RG_ACT_NONE, n);
        break;
    case RG_ACT_RELU:
        forward_loop(y, x, RG_ACT_RELU, n);
        break;
    case RG_ACT_LEAKY:
        forward_loop(y, x, RG_ACT_LEAKY, n);
        break;
    case RG_ACT_TANH:
        forward_loop(y, x, RG_ACT_TANH, n);
        break;
    case RG_ACT_SIGMOID:
        forward_loop(y, x, RG_ACT_SIGMOID, n);
        break;
    }
}

void rg__act_range(float *y, const float *x, enum rg_act act, size_t n)
{
    act_range(y, x, act, n);
}

RG_HOT static void act_backward_range(float *dx, int add, const float *dy, const float *y, enum rg_act act,
                                      size_t n)
{
    switch (act) {
    case RG_ACT_NONE:
        backward_loop(dx, add, dy, dy, RG_ACT_NONE, n);
        break; // y is not needed, may be NULL
    case RG_ACT_RELU:
        backward_loop(dx, add, dy, y, RG_ACT_RELU, n);
        break;
    case RG_ACT_LEAKY:
        backward_loop(dx, add, dy, y, RG_ACT_LEAKY, n);
        break;
    case RG_ACT_TANH:
        backward_loop(dx, add, dy, y, RG_ACT_TANH, n);
        break;
    case RG_ACT_SIGMOID:
        backward_loop(dx, add, dy, y, RG_ACT_SIGMOID, n);
        break;
    }
}

static void act_forward(rg_backend_t *self, float *y, const float *x, enum rg_act act, size_t n)
{
#pragma omp parallel for schedule(static)
    for (size_t start = 0; start < n; start += CHUNK)
        rg__act_range(y + start, x + start, act, chunk_length(start, n));
}

static void act_backward(rg_backend_t *self, float *dx, int add, const float *dy, const float *y,
                         enum rg_act act, size_t n)
{
#pragma omp parallel for schedule(static)
    for (size_t start = 0; start < n; start += CHUNK)
        act_backward_range(dx + start, add, dy + start, y ? y + start : NULL, act, chunk_length(start, n));
}

// ---- sums and biases

RG_HOT static void add_range(float *y, const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++) y[i] = a[i] + b[i];
}

void rg__add(float *y, const float *a, const float *b, size_t n)
{
#pragma omp parallel for schedule(static)
    for (size_t start = 0; start < n; start += CHUNK)
        add_range(y + start, a + start, b + start, chunk_length(start, n));
}

static void add_arrays(rg_backend_t *self, float *y, const float *a, const float *b, size_t n)
{
    rg__add(y, a, b, n);
}

// bfloat16 is the upper half of a float, here rounded to nearest even; NaN stays NaN.
RG_HOT static void bf16_range(uint16_t *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
        y[i] = (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? bits >> 16 | 0x40 : rounded);
    }
}

void rg__bf16_from_float(uint16_t *y, const float *x, size_t n)
{
#pragma omp parallel for schedule(static)
    for (size_t start = 0; start < n; start += CHUNK)
        bf16_range(y + start, x + start, chunk_length(start, n));
}

static void bias_forward(rg_backend_t *self, float *y, const float *bias, enum rg_act act, int rows,
                         int columns)
{
    for (int r = 0; r < rows; r++) {
        float *row = y + (size_t)r * (size_t)columns;
        add_range(row, row, bias, (size_t)columns);
        if (act != RG_ACT_NONE) rg__act_range(row, row, act, (size_t)columns);
    }
}

// Adds the column sums of x [rows,columns]: all threads sum bands of rows, then the bands are added in order.
RG_HOT static void sum_band(float *sums, const float *x, size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) sums[c] += x[r * columns + c];
}

static void bias_backward(rg_backend_t *self, float *db, const float *dy, int rows, int columns)
{
    enum { BANDS = 8, COLUMNS_MAX = 4096 };
    if (columns > COLUMNS_MAX) abort();
    float sums[BANDS][COLUMNS_MAX];
    size_t n = (size_t)rows, width = (size_t)columns;
#pragma omp parallel for schedule(static)
    for (size_t band = 0; band < BANDS; band++) {
        size_t first = band * n / BANDS, end = (band + 1) * n / BANDS;
        memset(sums[band], 0, width * sizeof(float));
        sum_band(sums[band], dy + first * width, end - first, width);
    }
    for (int band = 0; band < BANDS; band++)
        for (size_t c = 0; c < width; c++) db[c] += sums[band][c];
}

// ---- scaling

static inline void scale_range(float *y, const float *x, const float *scale, const float *shift, size_t n)
{
    if (shift)
        for (size_t i = 0; i < n; i++) y[i] = x[i] * scale[i] + shift[i];
    else
        for (size_t i = 0; i < n; i++) y[i] = x[i] * scale[i];
}

static void scale_forward(rg_backend_t *self, float *y, const float *x, const float *scale,
                          const float *shift, enum rg_act act, size_t rows, size_t columns)
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

static void scale_backward(rg_backend_t *self, float *dx, int add, const float *dy, const float *scale,
                           size_t rows, size_t columns)
{
#pragma omp parallel for collapse(2) schedule(static)
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c += CHUNK)
            product_range(dx + r * columns + c, add, dy + r * columns + c, scale + c,
                          chunk_length(c, columns));
}

static void scale_sums(rg_backend_t *self, float *dscale, int add, const float *dy, const float *x,
                       size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r++)
        product_range(dscale, add || r > 0, dy + r * columns, x + r * columns, columns);
}

// ---- bounds

// Computes every alternative instead of branching, so that the loop vectorises.
RG_HOT static void clip_range(float *y, const float *x, rg_clip_t clip, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float below = clip.low + clip.leak * (x[i] - clip.low), above = x[i] > clip.high ? clip.high : x[i];
        y[i] = x[i] < clip.low ? below : above;
    }
}

static void clip_forward(rg_backend_t *self, float *y, const float *x, rg_clip_t clip, size_t n)
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

static void clip_backward(rg_backend_t *self, float *dx, int add, const float *dy, const float *x,
                          rg_clip_t clip, size_t n)
{
#pragma omp parallel for schedule(static)
    for (size_t start = 0; start < n; start += CHUNK)
        clip_backward_range(dx + start, add, dy + start, x + start, clip, chunk_length(start, n));
}

// ---- softmax, shifted by the largest value so that no exponential overflows

static void softmax_row(float *y, const float *x, size_t n)
{
    float largest = x[0], sum = 0;
    for (size_t i = 1; i < n; i++) largest = x[i] > largest ? x[i] : largest;
    for (size_t i = 0; i < n; i++) sum += y[i] = expf(x[i] - largest);
    for (size_t i = 0; i < n; i++) y[i] /= sum;
}

static void softmax_forward(rg_backend_t *self, float *y, const float *x, size_t rows, size_t columns)
{
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < rows; r++) softmax_row(y + r * columns, x + r * columns, columns);
}

static void softmax_row_backward(float *dx, int add, const float *dy, const float *y, size_t n)
{
    float mean = 0; // of dy, weighted with y
    for (size_t i = 0; i < n; i++) mean += dy[i] * y[i];
    for (size_t i = 0; i < n; i++) dx[i] = (add ? dx[i] : 0) + y[i] * (dy[i] - mean);
}

static void softmax_backward(rg_backend_t *self, float *dx, int add, const float *dy, const float *y,
                             size_t rows, size_t columns)
{
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < rows; r++)
        softmax_row_backward(dx + r * columns, add, dy + r * columns, y + r * columns, columns);
}

void rg__cpu_pointwise_table(rg_backend_t *table)
{
    table->act_forward = act_forward;
    table->act_backward = act_backward;
    table->add = add_arrays;
    table->bias_forward = bias_forward;
    table->bias_backward = bias_backward;
    table->scale_forward = scale_forward;
    table->scale_backward = scale_backward;
    table->scale_sums = scale_sums;
    table->clip_forward = clip_forward;
    table->clip_backward = clip_backward;
    table->softmax_forward = softmax_forward;
    table->softmax_backward = softmax_backward;
}
