// Arithmetic with values that are repeated along some sides of a map, lengths, and signs.
#include <math.h>
#include <string.h>

#include "common/nn/cpu/cpu.h"

static size_t count_pixels(const rg_broadcast_shape_t *s)
{
    return (size_t)s->n * (size_t)s->h * (size_t)s->w;
}

// Where b's values for a pixel of a begin.
static size_t row_of(const rg_broadcast_shape_t *s, size_t pixel)
{
    size_t w = pixel % (size_t)s->w, h = pixel / (size_t)s->w % (size_t)s->h,
           n = pixel / (size_t)s->w / (size_t)s->h;
    size_t row = n * (size_t)s->bh + (s->bh > 1 ? h : 0);
    return (row * (size_t)s->bw + (s->bw > 1 ? w : 0)) * (size_t)s->bc;
}

static float calculate(enum rg_arithmetic what, float a, float b)
{
    switch (what) {
    case RG_PLUS:
        return a + b;
    case RG_MINUS:
        return a - b;
    case RG_TIMES:
        return a * b;
    case RG_OVER:
        return a / b;
    }
    return 0;
}

static float slope_of_a(enum rg_arithmetic what, float b)
{
    return what == RG_TIMES ? b : what == RG_OVER ? 1 / b : 1;
}

static float slope_of_b(enum rg_arithmetic what, float a, float b)
{
    return what == RG_TIMES ? a : what == RG_OVER ? -a / (b * b) : what == RG_MINUS ? -1 : 1;
}

static void broadcast_forward(rg_backend_t *self, float *y, const float *a, const float *b,
                              const rg_broadcast_shape_t *s)
{
    size_t channels = (size_t)s->c, step = s->bc > 1;
    for (size_t p = 0; p < count_pixels(s); p++) {
        size_t row = row_of(s, p);
        for (size_t c = 0, i = p * channels; c < channels; c++, i++)
            y[i] = calculate(s->what, a[i], b[row + c * step]);
    }
}

static void broadcast_backward_a(rg_backend_t *self, float *da, int add, const float *dy, const float *b,
                                 const rg_broadcast_shape_t *s)
{
    size_t channels = (size_t)s->c, step = s->bc > 1;
    for (size_t p = 0; p < count_pixels(s); p++) {
        size_t row = row_of(s, p);
        for (size_t c = 0, i = p * channels; c < channels; c++, i++)
            da[i] = (add ? da[i] : 0) + dy[i] * slope_of_a(s->what, b[row + c * step]);
    }
}

static void broadcast_backward_b(rg_backend_t *self, float *db, int add, const float *dy, const float *a,
                                 const float *b, const rg_broadcast_shape_t *s)
{
    size_t channels = (size_t)s->c, step = s->bc > 1;
    if (!add) memset(db, 0, (size_t)s->n * (size_t)s->bh * (size_t)s->bw * (size_t)s->bc * sizeof *db);
    for (size_t p = 0; p < count_pixels(s); p++) {
        size_t row = row_of(s, p);
        for (size_t c = 0, i = p * channels; c < channels; c++, i++)
            db[row + c * step] += dy[i] * slope_of_b(s->what, a[i], b[row + c * step]);
    }
}

// ---- lengths and signs

static void length_forward(rg_backend_t *self, float *y, const float *x, int n, size_t c)
{
    for (int i = 0; i < n; i++, x += c) {
        double sum = 0;
        for (size_t k = 0; k < c; k++) sum += (double)x[k] * (double)x[k];
        y[i] = (float)sqrt(sum);
    }
}

static void length_backward(rg_backend_t *self, float *dx, int add, const float *dy, const float *x,
                            const float *y, int n, size_t c)
{
    for (int i = 0; i < n; i++, dx += c, x += c) {
        float slope = y[i] > 0 ? dy[i] / y[i] : 0;
        for (size_t k = 0; k < c; k++) dx[k] = (add ? dx[k] : 0) + slope * x[k];
    }
}

static void signs(rg_backend_t *self, float *y, const float *x, size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r++, x += columns, y += columns) {
        float sum = 0;
        for (size_t c = 0; c < columns; c++) sum += x[c];
        for (size_t c = 0; c < columns; c++) y[c] = sum > 0 ? 1 : -1;
    }
}

void rg__cpu_broadcast_table(rg_backend_t *table)
{
    table->broadcast_forward = broadcast_forward;
    table->broadcast_backward_a = broadcast_backward_a;
    table->broadcast_backward_b = broadcast_backward_b;
    table->length_forward = length_forward;
    table->length_backward = length_backward;
    table->signs = signs;
}
