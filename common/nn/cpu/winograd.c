#include "common/nn/cpu/winograd.h"

#include <string.h>

#include "common/nn/cpu/lanes/loops.h"

enum {
    CHUNK_FLOATS = 8 << 20, // of V and M together
    CHUNK_TILES_MIN = 96,   // fewer rows make the products slow
    PLANE_GAP = 32,         // keeps planes out of each other's cache sets
    RUN = 8,                // tiles a thread takes at a time
    GROUP = 64              // channels a thread takes at a time
};
enum { FORM_F32 = 1, FORM_BF16 = 3 };

int rg__winograd_init(rg__winograd_t *self, rg__packs_t *packs, int bf16)
{
    *self = (rg__winograd_t){.packs = packs, .bf16 = bf16};
    return rg__products_new(&self->products, bf16);
}

void rg__winograd_fini(rg__winograd_t *self)
{
    rg__products_destroy(&self->products);
    rg__scratch_free(&self->v);
    rg__scratch_free(&self->m);
    rg__scratch_free(&self->du);
}

int rg__winograd_fits(const rg_conv_shape_t *s)
{
    rg__tiling_t t;
    return rg__tiling_of(&t, s, 0) && t.tiles >= 32 && t.depth <= RG_TILE_CHANNELS_MAX &&
           t.width <= RG_TILE_CHANNELS_MAX && s->oh >= RG_TILE && s->ow >= RG_TILE;
}

// ---- one convolution

typedef struct {
    rg__winograd_t *self;
    const rg__tile_loops_t *loops;
    rg__tiling_t t;
    int chunk;                        // tiles per chunk
    size_t plane_v, plane_m, plane_u; // elements from one point's matrix to the next
    void *v, *m;                      // operands of a product may be bfloat16, results are f32
} work_t;

static size_t plane_of(int rows, int columns)
{
    return (size_t)rows * (size_t)columns + PLANE_GAP;
}

static work_t winograd_begin(rg__winograd_t *self, const rg_conv_shape_t *s)
{
    work_t w = {.self = self, .loops = rg__loops()->tiles};
    rg__tiling_t *t = &w.t;
    rg__tiling_of(t, s, self->bf16);
    int most = CHUNK_FLOATS / (t->points * (t->depth + t->width));
    if (most < CHUNK_TILES_MIN) most = CHUNK_TILES_MIN;
    int chunks = (t->tiles + most - 1) / most;
    w.chunk = (t->tiles + chunks - 1) / chunks;
    w.plane_v = plane_of(w.chunk, t->depth);
    w.plane_m = plane_of(w.chunk, t->width);
    w.plane_u = plane_of(t->depth, t->width);
    w.v = rg__scratch(&self->v, (size_t)t->points * w.plane_v * sizeof(float));
    w.m = rg__scratch(&self->m, (size_t)t->points * w.plane_m * sizeof(float));
    return w;
}

static const void *winograd_pack(const work_t *w, rg_weights_t weights)
{
    int stale;
    const rg__tiling_t *t = &w->t;
    size_t size = t->bf16 ? sizeof(uint16_t) : sizeof(float);
    void *u = rg__packs_find(w->self->packs, weights, t->bf16 ? FORM_BF16 : FORM_F32,
                             (size_t)t->points * w->plane_u * size, &stale);
    if (!stale) return u;
#pragma omp parallel for schedule(static)
    for (int c = 0; c < t->shape.c; c += RG_TILE_GROUP)
        w->loops->pack_kernel(t, u, w->plane_u, weights.value, c);
    return u;
}

static int min(int a, int b)
{
    return a < b ? a : b;
}

// M = V U
static int multiply(const work_t *w, int count, const void *u)
{
    const rg__tiling_t *t = &w->t;
    return rg__products_run(w->self->products,
                            &(rg__product_t){.batch = t->points,
                                             .m = count,
                                             .n = t->width,
                                             .k = t->depth,
                                             .plane_a = w->plane_v,
                                             .plane_b = w->plane_u,
                                             .plane_c = w->plane_m},
                            w->v, u, w->m);
}

// dV = dM U'
static int multiply_back(const work_t *w, int count, const void *u, float *dv)
{
    const rg__tiling_t *t = &w->t;
    return rg__products_run(w->self->products,
                            &(rg__product_t){.batch = t->points,
                                             .m = count,
                                             .n = t->depth,
                                             .k = t->width,
                                             .transpose_b = 1,
                                             .plane_a = w->plane_m,
                                             .plane_b = w->plane_u,
                                             .plane_c = w->plane_v},
                            w->m, u, dv);
}

// dU (+)= V' dM
static int multiply_weights(const work_t *w, int count, float *du, int add)
{
    const rg__tiling_t *t = &w->t;
    return rg__products_run(w->self->products,
                            &(rg__product_t){.batch = t->points,
                                             .m = t->depth,
                                             .n = t->width,
                                             .k = count,
                                             .transpose_a = 1,
                                             .add = add,
                                             .plane_a = w->plane_v,
                                             .plane_b = w->plane_m,
                                             .plane_c = w->plane_u},
                            w->v, w->m, du);
}

// ---- forward

int rg__winograd_forward(rg__winograd_t *self, void *y, const float *x, rg_weights_t weights,
                         const float *bias, const rg_conv_shape_t *s)
{
    work_t w = winograd_begin(self, s);
    const void *u = winograd_pack(&w, weights);
    int err = 0;
    for (int first = 0; first < w.t.tiles && !err; first += w.chunk) {
        int count = min(w.t.tiles - first, w.chunk);
#pragma omp parallel for schedule(static)
        for (int i = 0; i < count; i += RUN)
            w.loops->read_input(&w.t, w.v, w.plane_v, x, first, i, min(count - i, RUN));
        err = multiply(&w, count, u);
#pragma omp parallel for schedule(static)
        for (int i = 0; i < count; i += RUN)
            w.loops->write_output(&w.t, y, w.m, w.plane_m, bias, first, i, min(count - i, RUN));
    }
    return err;
}

// ---- backward

static void winograd_clear(float *dx, const rg_conv_shape_t *s)
{
    size_t image = (size_t)s->h * (size_t)s->w * (size_t)s->c;
#pragma omp parallel for schedule(static)
    for (int i = 0; i < s->n; i++) memset(dx + (size_t)i * image, 0, image * sizeof *dx);
}

// The adjoint of reading the input. Tasks take different images or different channels of an image, so that no
// two of them add to one element of dx.
static void add_input(const work_t *w, float *dx, const float *dv, int first, int count)
{
    const rg__tiling_t *t = &w->t;
    int per_image = t->rows * t->columns, c = t->shape.c;
    int image0 = first / per_image, images = (first + count - 1) / per_image - image0 + 1;
#pragma omp parallel for schedule(static) collapse(2)
    for (int i = 0; i < images; i++)
        for (int from = 0; from < c; from += GROUP) {
            int start = (image0 + i) * per_image - first, end = min(start + per_image, count);
            if (start < 0) start = 0;
            w->loops->add_input(t, dx, dv, w->plane_v, first, start, end - start, from, min(from + GROUP, c));
        }
}

int rg__winograd_backward(rg__winograd_t *self, float *dx, int add, float *dw, const float *x,
                          const float *dy, rg_weights_t weights, const rg_conv_shape_t *s)
{
    work_t w = winograd_begin(self, s);
    const rg__tiling_t *t = &w.t;
    const void *u = dx ? winograd_pack(&w, weights) : NULL;
    float *du = dw ? rg__scratch(&self->du, (size_t)t->points * w.plane_u * sizeof *du) : NULL;
    int err = 0;
    if (dx && !add) winograd_clear(dx, s);
    for (int first = 0; first < t->tiles && !err; first += w.chunk) {
        int count = min(t->tiles - first, w.chunk);
#pragma omp parallel for schedule(static)
        for (int i = 0; i < count; i += RUN) {
            w.loops->read_output(t, w.m, w.plane_m, dy, first, i, min(count - i, RUN));
            if (dw) w.loops->read_input(t, w.v, w.plane_v, x, first, i, min(count - i, RUN));
        }
        if (dw) err = multiply_weights(&w, count, du, first > 0);
        if (dx && !err) err = multiply_back(&w, count, u, w.v); // V is not needed any more: dV overwrites it
        if (dx && !err) add_input(&w, dx, w.v, first, count);
    }
#pragma omp parallel for schedule(static)
    for (int c = 0; c < s->c; c += RG_TILE_GROUP)
        if (dw && !err) w.loops->add_kernel(t, dw, du, w.plane_u, c);
    return err;
}
