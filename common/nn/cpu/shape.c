// Padding, resampling and means. Whole NHWC rows of channels are moved at a time.
#include <string.h>

#include "common/nn/cpu/cpu.h"

typedef struct {
    int h, w, c;
} map_t;

static inline size_t at(const map_t *m, int n, int y, int x)
{
    return (((size_t)n * (size_t)m->h + (size_t)y) * (size_t)m->w + (size_t)x) * (size_t)m->c;
}

static inline void add_pixel(float *to, const float *from, float factor, int c)
{
    for (int i = 0; i < c; i++) to[i] += factor * from[i];
}

static void clear_map(float *d, int add, int n, const map_t *m)
{
    if (!add) memset(d, 0, (size_t)n * (size_t)m->h * (size_t)m->w * (size_t)m->c * sizeof *d);
}

// Position i of a padded line, mirrored into the line itself: -1 -> 1, size -> size-2.
static inline int mirror(int i, int size)
{
    if (i < 0) return -i;
    return i < size ? i : 2 * size - 2 - i;
}

void rg__reflect(float *y, const float *x, int n, int h, int w, int c, int pad)
{
    map_t in = {h, w, c}, out = {h + 2 * pad, w + 2 * pad, c};
    size_t pixel = (size_t)c * sizeof *y;
#pragma omp parallel for collapse(2) schedule(static)
    for (int i = 0; i < n; i++)
        for (int r = 0; r < out.h; r++) {
            int source = mirror(r - pad, h);
            memcpy(y + at(&out, i, r, pad), x + at(&in, i, source, 0), (size_t)w * pixel);
            for (int p = 0; p < pad; p++) {
                memcpy(y + at(&out, i, r, p), x + at(&in, i, source, mirror(p - pad, w)), pixel);
                memcpy(y + at(&out, i, r, pad + w + p), x + at(&in, i, source, mirror(w + p, w)), pixel);
            }
        }
}

void rg__reflect_adjoint(float *dx, int add, const float *dy, int n, int h, int w, int c, int pad)
{
    map_t in = {h, w, c}, out = {h + 2 * pad, w + 2 * pad, c};
    clear_map(dx, add, n, &in);
#pragma omp parallel for schedule(static)
    for (int i = 0; i < n; i++)
        for (int r = 0; r < out.h; r++)
            for (int s = 0; s < out.w; s++)
                add_pixel(dx + at(&in, i, mirror(r - pad, h), mirror(s - pad, w)), dy + at(&out, i, r, s), 1,
                          c);
}

void rg__upsample(float *y, const float *x, int n, int h, int w, int c)
{
    map_t in = {h, w, c}, out = {2 * h, 2 * w, c};
    size_t pixel = (size_t)c * sizeof *y;
#pragma omp parallel for collapse(2) schedule(static)
    for (int i = 0; i < n; i++)
        for (int r = 0; r < h; r++) {
            float *row = y + at(&out, i, 2 * r, 0);
            for (int s = 0; s < w; s++) {
                const float *from = x + at(&in, i, r, s);
                memcpy(row + (size_t)(2 * s) * (size_t)c, from, pixel);
                memcpy(row + (size_t)(2 * s + 1) * (size_t)c, from, pixel);
            }
            memcpy(y + at(&out, i, 2 * r + 1, 0), row, (size_t)out.w * pixel);
        }
}

void rg__upsample_adjoint(float *dx, int add, const float *dy, int n, int h, int w, int c)
{
    map_t in = {h, w, c}, out = {2 * h, 2 * w, c};
#pragma omp parallel for collapse(2) schedule(static)
    for (int i = 0; i < n; i++)
        for (int r = 0; r < h; r++)
            for (int s = 0; s < w; s++) {
                const float *a = dy + at(&out, i, 2 * r, 2 * s), *b = dy + at(&out, i, 2 * r + 1, 2 * s);
                float *to = dx + at(&in, i, r, s);
                for (int k = 0; k < c; k++) to[k] = (add ? to[k] : 0) + a[k] + a[k + c] + b[k] + b[k + c];
            }
}

static void map_mean_forward(rg_backend_t *self, float *y, const float *x, int n, int hw, int c)
{
    map_t in = {hw, 1, c}, out = {1, 1, c};
    clear_map(y, 0, n, &out);
#pragma omp parallel for schedule(static)
    for (int i = 0; i < n; i++)
        for (int p = 0; p < hw; p++)
            add_pixel(y + at(&out, i, 0, 0), x + at(&in, i, p, 0), 1.0f / (float)hw, c);
}

static void map_mean_backward(rg_backend_t *self, float *dx, int add, const float *dy, int n, int hw, int c)
{
    map_t in = {hw, 1, c}, out = {1, 1, c};
    clear_map(dx, add, n, &in);
#pragma omp parallel for schedule(static)
    for (int i = 0; i < n; i++)
        for (int p = 0; p < hw; p++)
            add_pixel(dx + at(&in, i, p, 0), dy + at(&out, i, 0, 0), 1.0f / (float)hw, c);
}

// ---- arrays

static void copy_floats(rg_backend_t *self, float *to, const float *from, size_t n)
{
    memcpy(to, from, n * sizeof *to);
}

static void fill_floats(rg_backend_t *self, float *to, float value, size_t n)
{
    for (size_t i = 0; i < n; i++) to[i] = value;
}

static void copy_columns(rg_backend_t *self, float *to, size_t to_stride, int add, const float *from,
                         size_t from_stride, size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r++, to += to_stride, from += from_stride)
        if (add)
            for (size_t c = 0; c < columns; c++) to[c] += from[c];
        else
            memcpy(to, from, columns * sizeof *to);
}

static void transpose(rg_backend_t *self, float *to, int add, const float *from, size_t n, size_t rows,
                      size_t columns)
{
    for (size_t i = 0; i < n; i++, to += rows * columns, from += rows * columns)
        for (size_t r = 0; r < rows; r++)
            for (size_t c = 0; c < columns; c++) {
                float *target = &to[c * rows + r];
                *target = (add ? *target : 0) + from[r * columns + c];
            }
}

static void mask_forward(rg_backend_t *self, float *y, const unsigned char *mask, const float *a,
                         const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++) y[i] = mask[i] ? a[i] : b[i];
}

static void mask_backward(rg_backend_t *self, float *dx, int add, const float *dy, const unsigned char *mask,
                          int taken, size_t n)
{
    for (size_t i = 0; i < n; i++) dx[i] = (add ? dx[i] : 0) + ((mask[i] != 0) == taken ? dy[i] : 0);
}

static void replace_changed(rg_backend_t *self, float *y, const unsigned char *mask, const float *a,
                            const float *b, const float *other, size_t n)
{
    for (size_t i = 0; i < n; i++) y[i] = mask[i] && a[i] != b[i] ? other[i] : a[i];
}

void rg__cpu_shape_table(rg_backend_t *table)
{
    table->copy = copy_floats;
    table->fill = fill_floats;
    table->copy_columns = copy_columns;
    table->transpose = transpose;
    table->select_forward = mask_forward;
    table->select_backward = mask_backward;
    table->replace_changed = replace_changed;
    table->mean_forward = map_mean_forward;
    table->mean_backward = map_mean_backward;
}
