// Pooling: maxima and means under windows of any geometry.
#include <string.h>

#include "common/nn/cpu/cpu.h"

enum { SLICE = 64 }; // channels per task of backward: windows may share pixels, slices of channels do not

// The taps of one position that lie in the map, and the number of taps in the map or its padding.
typedef struct {
    int start; // where tap 0 lies
    int first, end, padded;
} taps_t;

static inline int taps_below(const rg_window_side_t *span, int start, int limit)
{
    int room = limit - start,
        count = span->dilation == 1 ? room : (room + span->dilation - 1) / span->dilation;
    return room <= 0 ? 0 : count < span->k ? count : span->k;
}

static taps_t taps_at(const rg_window_side_t *span, int position, int size)
{
    taps_t t = {.start = position * span->stride - span->before};
    t.first = taps_below(span, t.start, 0);
    t.end = taps_below(span, t.start, size);
    t.padded = taps_below(span, t.start, size + span->after);
    return t;
}

// ---- one window: its pixels in order

typedef struct {
    const rg_pool_shape_t *s;
    taps_t rows, columns;
} place_t;

// The index of the pixel under tap (a, b) in the map.
static inline size_t pixel_of(const place_t *p, int a, int b)
{
    size_t row = (size_t)(p->rows.start + a * p->s->window.h.dilation);
    size_t column = (size_t)(p->columns.start + b * p->s->window.w.dilation);
    return row * (size_t)p->s->w + column;
}

static float share_of(const place_t *p)
{
    int inside = (p->rows.end - p->rows.first) * (p->columns.end - p->columns.first);
    int padded = p->rows.padded * p->columns.padded;
    return 1.0f / (float)(p->s->kind == RG_POOLING_MEAN_PADDED ? padded : inside);
}

static void forward_window(float *y, const float *map, const place_t *p)
{
    int channels = p->s->c, is_first = 1;
    float share = share_of(p);
    memset(y, 0, (size_t)channels * sizeof *y);
    for (int a = p->rows.first; a < p->rows.end; a++)
        for (int b = p->columns.first; b < p->columns.end; b++, is_first = 0) {
            const float *x = map + pixel_of(p, a, b) * (size_t)channels;
            if (p->s->kind != RG_POOLING_MAX)
                for (int c = 0; c < channels; c++) y[c] += share * x[c];
            else if (is_first)
                memcpy(y, x, (size_t)channels * sizeof *y);
            else
                for (int c = 0; c < channels; c++) y[c] = x[c] > y[c] ? x[c] : y[c];
        }
}

static void window_mean_backward(float *dmap, const float *dy, const place_t *p, int width)
{
    float share = share_of(p);
    for (int a = p->rows.first; a < p->rows.end; a++)
        for (int b = p->columns.first; b < p->columns.end; b++) {
            float *dx = dmap + pixel_of(p, a, b) * (size_t)p->s->c;
            for (int c = 0; c < width; c++) dx[c] += share * dy[c];
        }
}

// Without branches, so that the loop over channels vectorises.
RG_HOT static void raise_best(float *restrict best, int *restrict winner, const float *restrict x, int pixel,
                              int width)
{
    for (int c = 0; c < width; c++) {
        int is_more = x[c] > best[c];
        best[c] = is_more ? x[c] : best[c];
        winner[c] = is_more ? pixel : winner[c];
    }
}

static void max_backward(float *dmap, const float *map, const float *dy, const place_t *p, int width)
{
    float best[SLICE];
    int winner[SLICE];
    for (int c = 0; c < width; c++)
        best[c] = -INFINITY, winner[c] = (int)pixel_of(p, p->rows.first, p->columns.first);
    for (int a = p->rows.first; a < p->rows.end; a++)
        for (int b = p->columns.first; b < p->columns.end; b++) {
            size_t pixel = pixel_of(p, a, b);
            raise_best(best, winner, map + pixel * (size_t)p->s->c, (int)pixel, width);
        }
    for (int c = 0; c < width; c++) dmap[(size_t)winner[c] * (size_t)p->s->c + (size_t)c] += dy[c];
}

// ---- the table

static size_t map_size(const rg_pool_shape_t *s)
{
    return (size_t)s->h * (size_t)s->w * (size_t)s->c;
}

static size_t output_at(const rg_pool_shape_t *s, int n, int row, int column)
{
    return (((size_t)n * (size_t)s->oh + (size_t)row) * (size_t)s->ow + (size_t)column) * (size_t)s->c;
}

static void forward(rg_backend_t *self, float *y, const float *x, const rg_pool_shape_t *s)
{
#pragma omp parallel for collapse(2) schedule(static)
    for (int n = 0; n < s->n; n++)
        for (int row = 0; row < s->oh; row++) {
            place_t place = {.s = s, .rows = taps_at(&s->window.h, row, s->h)};
            for (int column = 0; column < s->ow; column++) {
                place.columns = taps_at(&s->window.w, column, s->w);
                forward_window(y + output_at(s, n, row, column), x + (size_t)n * map_size(s), &place);
            }
        }
}

// Channels slice.. of image n.
static void backward_slice(float *dx, const float *dy, const float *x, const rg_pool_shape_t *s, int n,
                           int slice)
{
    size_t map = (size_t)n * map_size(s) + (size_t)slice;
    int width = s->c - slice < SLICE ? s->c - slice : SLICE;
    for (int row = 0; row < s->oh; row++) {
        place_t place = {.s = s, .rows = taps_at(&s->window.h, row, s->h)};
        for (int column = 0; column < s->ow; column++) {
            const float *from = dy + output_at(s, n, row, column) + slice;
            place.columns = taps_at(&s->window.w, column, s->w);
            if (s->kind == RG_POOLING_MAX)
                max_backward(dx + map, x + map, from, &place, width);
            else
                window_mean_backward(dx + map, from, &place, width);
        }
    }
}

static void backward(rg_backend_t *self, float *dx, int add, const float *dy, const float *x,
                     const rg_pool_shape_t *s)
{
    if (!add) memset(dx, 0, (size_t)s->n * map_size(s) * sizeof *dx);
#pragma omp parallel for collapse(2) schedule(static)
    for (int n = 0; n < s->n; n++)
        for (int slice = 0; slice < s->c; slice += SLICE) backward_slice(dx, dy, x, s, n, slice);
}

void rg__cpu_pool_table(rg_backend_t *table)
{
    table->pool_forward = forward;
    table->pool_backward = backward;
}
