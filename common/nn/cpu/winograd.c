#include "common/nn/cpu/winograd.h"

#include <string.h>

#include <oneapi/dnnl/dnnl.h>

#include "common/nn/cpu/lanes.h"
#include "common/nn/cpu/tiles.h"

enum {
    CHUNK_FLOATS = 2 << 20, // of V and M together
    CHUNK_TILES_MIN = 96,   // fewer rows make the products slow
    PLANE_GAP = 16,         // keeps planes out of each other's cache sets
    RUN = 8,                // tiles a thread takes at a time
    GROUP = 64              // channels a thread takes at a time
};
enum { FORM = 1 };

void rg__winograd_fini(rg__winograd_t *self)
{
    rg__scratch_free(&self->v);
    rg__scratch_free(&self->m);
    rg__scratch_free(&self->du);
}

int rg__winograd_fits(const rg_conv_shape_t *s)
{
    rg__tiling_t t;
    return rg__tiling_of(&t, s) && t.tiles >= 32 && t.depth <= RG_TILE_CHANNELS_MAX &&
           t.width <= RG_TILE_CHANNELS_MAX && s->oh >= RG_TILE && s->ow >= RG_TILE;
}

// c [m,n] (+)= op(a) op(b), on this thread alone
static void product(char transpose_a, char transpose_b, int m, int n, int k, const float *a, const float *b,
                    float *c, int add)
{
    dnnl_sgemm(transpose_a, transpose_b, m, n, k, 1, a, transpose_a == 'T' ? m : k, b,
               transpose_b == 'T' ? k : n, add ? 1 : 0, c, n);
}

static int chunk_of(const rg__tiling_t *t)
{
    int most = CHUNK_FLOATS / (t->points * (t->depth + t->width));
    if (most < CHUNK_TILES_MIN) most = CHUNK_TILES_MIN;
    int chunks = (t->tiles + most - 1) / most;
    return (t->tiles + chunks - 1) / chunks;
}

// Floats from one point's matrix to the next.
static size_t plane_of(int rows, int columns)
{
    return (size_t)rows * (size_t)columns + PLANE_GAP;
}

static const float *pack(rg__winograd_t *self, const rg__tiling_t *t, rg_weights_t w)
{
    int stale;
    size_t plane = plane_of(t->depth, t->width);
    float *u = rg__packs_find(self->packs, w, FORM, (size_t)t->points * plane * sizeof *u, &stale);
    if (!stale) return u;
#pragma omp parallel for schedule(static)
    for (int o = 0; o < t->shape.o; o += RG_LANES) rg__tiles_pack_kernel(t, u, plane, w.value, o);
    return u;
}

void rg__winograd_forward(rg__winograd_t *self, float *y, const float *x, rg_weights_t w, const float *bias,
                          const rg_conv_shape_t *s)
{
    rg__tiling_t t;
    rg__tiling_of(&t, s);
    const float *u = pack(self, &t, w);
    int chunk = chunk_of(&t);
    size_t plane_v = plane_of(chunk, t.depth), plane_m = plane_of(chunk, t.width),
           plane_u = plane_of(t.depth, t.width);
    float *v = rg__scratch(&self->v, (size_t)t.points * plane_v * sizeof *v),
          *m = rg__scratch(&self->m, (size_t)t.points * plane_m * sizeof *m);
#pragma omp parallel
    for (int first = 0; first < t.tiles; first += chunk) {
        int count = t.tiles - first < chunk ? t.tiles - first : chunk;
#pragma omp for schedule(static)
        for (int i = 0; i < count; i += RUN)
            rg__tiles_read_input(&t, v, plane_v, x, first, i, count - i < RUN ? count - i : RUN);
#pragma omp for schedule(static)
        for (int p = 0; p < t.points; p++)
            product('N', 'N', count, t.width, t.depth, v + (size_t)p * plane_v, u + (size_t)p * plane_u,
                    m + (size_t)p * plane_m, 0);
#pragma omp for schedule(static)
        for (int i = 0; i < count; i += RUN)
            rg__tiles_write_output(&t, y, m, plane_m, bias, first, i, count - i < RUN ? count - i : RUN);
    }
}

// The adjoint of reading the input: images apart, and channels apart within an image, never meet in dx.
static void add_input(const rg__tiling_t *t, float *dx, const float *v, size_t plane, int first, int count)
{
    int per_image = t->rows * t->columns, c = t->shape.c;
    int image0 = first / per_image, images = (first + count - 1) / per_image - image0 + 1;
#pragma omp for schedule(static) collapse(2)
    for (int i = 0; i < images; i++)
        for (int from = 0; from < c; from += GROUP) {
            int start = (image0 + i) * per_image - first, end = start + per_image;
            if (start < 0) start = 0;
            if (end > count) end = count;
            rg__tiles_add_input(t, dx, v, plane, first, start, end - start, from,
                                from + GROUP < c ? from + GROUP : c);
        }
}

void rg__winograd_backward(rg__winograd_t *self, float *dx, int add, float *dw, const float *x,
                           const float *dy, rg_weights_t w, const rg_conv_shape_t *s)
{
    rg__tiling_t t;
    rg__tiling_of(&t, s);
    const float *u = dx ? pack(self, &t, w) : NULL;
    int chunk = chunk_of(&t);
    size_t plane_v = plane_of(chunk, t.depth), plane_m = plane_of(chunk, t.width),
           plane_u = plane_of(t.depth, t.width), image = (size_t)s->h * (size_t)s->w * (size_t)s->c;
    float *v = rg__scratch(&self->v, (size_t)t.points * plane_v * sizeof *v),
          *m = rg__scratch(&self->m, (size_t)t.points * plane_m * sizeof *m),
          *du = dw ? rg__scratch(&self->du, (size_t)t.points * plane_u * sizeof *du) : NULL;
#pragma omp parallel
    {
        if (dx && !add) {
#pragma omp for schedule(static)
            for (int i = 0; i < s->n; i++) memset(dx + (size_t)i * image, 0, image * sizeof *dx);
        }
        for (int first = 0; first < t.tiles; first += chunk) {
            int count = t.tiles - first < chunk ? t.tiles - first : chunk;
#pragma omp for schedule(static)
            for (int i = 0; i < count; i += RUN) {
                int run = count - i < RUN ? count - i : RUN;
                rg__tiles_read_output(&t, m, plane_m, dy, first, i, run);
                if (dw) rg__tiles_read_input(&t, v, plane_v, x, first, i, run);
            }
#pragma omp for schedule(static)
            for (int p = 0; p < t.points; p++) { // dV takes V's place
                float *at_v = v + (size_t)p * plane_v, *at_m = m + (size_t)p * plane_m;
                if (dw)
                    product('T', 'N', t.depth, t.width, count, at_v, at_m, du + (size_t)p * plane_u,
                            first > 0);
                if (dx) product('N', 'T', count, t.depth, t.width, at_m, u + (size_t)p * plane_u, at_v, 0);
            }
            if (dx) add_input(&t, dx, v, plane_v, first, count);
        }
        if (dw) {
#pragma omp for schedule(static)
            for (int o = 0; o < s->o; o += RG_LANES) rg__tiles_add_kernel(&t, dw, du, plane_u, o);
        }
    }
}
