// Convolutions as products (conv.cl): the patches of some images at a time are written out, as many as fit into
// PATCHES_BYTES, and multiplied with the weights:
//
//   forward             y [p,o]       = patches [p,taps*c] w^T
//   gradient of x       dpatches      = dy w, collected into dx
//   gradient of w       dw [o,taps*c] += dy^T patches
//
// The weights [o,c,kh,kw] are turned to [o,kh*kw,c] before and their gradient back after.
#include "common/nn/opencl/device.h"

static const size_t PATCHES_BYTES = (size_t)256 << 20;

// Any convolution of the table.
typedef struct {
    rg_window_conv_shape_t s; // s.act is not used
    int reflect, up;
    int taps, c, o; // c, o: of a group
} product_t;

static product_t product_of_window(const rg_window_conv_shape_t *s)
{
    return (product_t){
        .s = *s, .taps = s->window.h.k * s->window.w.k, .c = s->c / s->groups, .o = s->o / s->groups};
}

static product_t product_of_conv(const rg_conv_shape_t *s)
{
    const rg_window_side_t side = {
        .k = s->k, .stride = s->stride, .dilation = 1, .before = s->pad, .after = s->pad};
    const rg_window_conv_shape_t shape = {.n = s->n,
                                          .h = s->h,
                                          .w = s->w,
                                          .c = s->c,
                                          .o = s->o,
                                          .groups = 1,
                                          .oh = s->oh,
                                          .ow = s->ow,
                                          .window = {side, side}};
    product_t p = product_of_window(&shape);
    p.reflect = s->reflect;
    p.up = s->up;
    return p;
}

static size_t patch_size(const product_t *p)
{
    return (size_t)p->taps * (size_t)p->c;
}

static size_t patches_of_image(const product_t *p)
{
    return (size_t)p->s.oh * (size_t)p->s.ow;
}

// How many images are computed at a time.
static int images_at_once(const product_t *p)
{
    size_t images = PATCHES_BYTES / (patches_of_image(p) * patch_size(p) * sizeof(float));
    return images < 1 ? 1 : images < (size_t)p->s.n ? (int)images : p->s.n;
}

static size_t map_floats(const product_t *p)
{
    return (size_t)p->s.h * (size_t)p->s.w * (size_t)p->s.c;
}

static size_t output_floats(const product_t *p)
{
    return patches_of_image(p) * (size_t)p->s.o;
}

static rg__place_t place_floats(rg__place_t place, size_t floats)
{
    place.at += floats * sizeof(float);
    return place;
}

// A 1x1 convolution without padding: the map itself is its patches.
static int is_plain(const product_t *p)
{
    const rg_window_side_t *h = &p->s.window.h, *w = &p->s.window.w;
    return p->taps == 1 && h->stride == 1 && w->stride == 1 && !h->before && !w->before && !p->up &&
           p->s.groups == 1;
}

#define SIDE(s) rg__i((s).k), rg__i((s).stride), rg__i((s).dilation), rg__i((s).before)
#define GEOMETRY(p, n, group)                                                                                \
    rg__i(n), rg__i((p)->s.h), rg__i((p)->s.w), rg__i((p)->s.c), rg__i((group) * (p)->c), rg__i((p)->c),     \
        rg__i((p)->s.oh), rg__i((p)->s.ow), rg__i((p)->reflect), rg__i((p)->up), SIDE((p)->s.window.h),      \
        SIDE((p)->s.window.w)

// The patches of images first..first+n-1 of x.
static rg__place_t write_patches(rg__ocl_t *self, const product_t *p, const float *x, int first, int n,
                                 int group)
{
    const float *images = x + (size_t)first * map_floats(p);
    if (is_plain(p)) return rg__ocl_place(self, images);
    size_t size = (size_t)n * patches_of_image(p) * patch_size(p);
    rg__place_t patches = rg__ocl_scratch(self, RG__PATCHES, size);
    RG__LAUNCH(&self->table, "patches", size, rg__p(patches), rg__a(images), GEOMETRY(p, n, group));
    return patches;
}

// w [o,c,taps] to [o,taps,c], of all groups.
static rg__place_t turn_weights(rg__ocl_t *self, const product_t *p, const float *w)
{
    size_t size = (size_t)p->s.o * patch_size(p);
    rg__place_t turned = rg__ocl_scratch(self, RG__WEIGHTS, size);
    RG__LAUNCH(&self->table, "transpose", size, rg__p(turned), rg__i(0), rg__a(w), rg__n((size_t)p->s.o),
               rg__n((size_t)p->c), rg__n((size_t)p->taps));
    return turned;
}

static void forward(rg__ocl_t *self, float *y, const float *x, const float *w, const product_t *p)
{
    const int step = images_at_once(p);
    const size_t all = (size_t)p->s.o;
    rg__place_t turned = turn_weights(self, p, w), output = rg__ocl_place(self, y);
    for (int first = 0, n; first < p->s.n; first += n)
        for (int group = 0; n = p->s.n - first < step ? p->s.n - first : step, group < p->s.groups; group++) {
            const rg__gemm_t product = {.transpose_b = 1,
                                        .m = (size_t)n * patches_of_image(p),
                                        .n = (size_t)p->o,
                                        .k = patch_size(p),
                                        .alpha = 1,
                                        .lda = patch_size(p),
                                        .ldb = patch_size(p),
                                        .ldc = all};
            size_t channel = (size_t)group * (size_t)p->o;
            rg__ocl_product(self, place_floats(output, (size_t)first * output_floats(p) + channel),
                            write_patches(self, p, x, first, n, group),
                            place_floats(turned, channel * patch_size(p)), &product);
        }
}

static void backward_map(rg__ocl_t *self, float *dx, int add, const float *dy, const float *w,
                         const product_t *p)
{
    const int step = images_at_once(p);
    const size_t patch = patch_size(p);
    rg__place_t turned = turn_weights(self, p, w), output = rg__ocl_place(self, dy);
    for (int first = 0, n; first < p->s.n; first += n)
        for (int group = 0; n = p->s.n - first < step ? p->s.n - first : step, group < p->s.groups; group++) {
            size_t count = (size_t)n * patches_of_image(p), channel = (size_t)group * (size_t)p->o;
            const rg__gemm_t product = {.m = count,
                                        .n = patch,
                                        .k = (size_t)p->o,
                                        .alpha = 1,
                                        .lda = (size_t)p->s.o,
                                        .ldb = patch,
                                        .ldc = patch};
            rg__place_t patches = rg__ocl_scratch(self, RG__PATCHES, count * patch);
            rg__ocl_product(self, patches, place_floats(output, (size_t)first * output_floats(p) + channel),
                            place_floats(turned, channel * patch), &product);
            RG__LAUNCH(&self->table, "collect_patches", (size_t)n * (map_floats(p) / (size_t)p->s.groups),
                       rg__a(dx + (size_t)first * map_floats(p)), rg__i(add), rg__p(patches),
                       GEOMETRY(p, n, group));
        }
}

// groups is 1: the weights of grouped convolutions are frozen.
static void backward_weights(rg__ocl_t *self, float *dw, const float *x, const float *dy, const product_t *p)
{
    const int step = images_at_once(p);
    const size_t all = (size_t)p->o, patch = patch_size(p);
    rg__place_t turned = rg__ocl_scratch(self, RG__WEIGHTS, all * patch), output = rg__ocl_place(self, dy);
    for (int first = 0, n; first < p->s.n; first += n) {
        n = p->s.n - first < step ? p->s.n - first : step;
        const rg__gemm_t product = {.transpose_a = 1,
                                    .m = all,
                                    .n = patch,
                                    .k = (size_t)n * patches_of_image(p),
                                    .alpha = 1,
                                    .beta = first > 0,
                                    .lda = all,
                                    .ldb = patch,
                                    .ldc = patch};
        rg__place_t patches = write_patches(self, p, x, first, n, 0);
        rg__ocl_product(self, turned, place_floats(output, (size_t)first * output_floats(p)), patches,
                        &product);
    }
    RG__LAUNCH(&self->table, "transpose", all * patch, rg__a(dw), rg__i(1), rg__p(turned), rg__n(all),
               rg__n((size_t)p->taps), rg__n((size_t)p->c));
}

// ---- the table

static void add_bias(rg_backend_t *backend, float *y, const float *bias, enum rg_act act, const product_t *p)
{
    size_t rows = (size_t)p->s.n * patches_of_image(p), columns = (size_t)p->s.o;
    if (bias || act != RG_ACT_NONE) backend->scale_forward(backend, y, y, NULL, bias, act, rows, columns);
}

static int ocl_conv_forward(rg_backend_t *backend, void *y, const float *x, rg_weights_t w, const float *bias,
                            const rg_conv_shape_t *s)
{
    const product_t p = product_of_conv(s);
    forward(rg__ocl(backend), y, x, w.value, &p);
    add_bias(backend, y, bias, s->act, &p);
    return backend->error(backend);
}

static int ocl_conv_backward(rg_backend_t *backend, float *dx, int add, float *dw, float *db, const float *x,
                             const float *dy, rg_weights_t w, const rg_conv_shape_t *s)
{
    const product_t p = product_of_conv(s);
    if (dx) backward_map(rg__ocl(backend), dx, add, dy, w.value, &p);
    if (dw) backward_weights(rg__ocl(backend), dw, x, dy, &p);
    if (db) backend->bias_backward(backend, db, dy, s->n * s->oh * s->ow, s->o);
    return backend->error(backend);
}

static int ocl_window_forward(rg_backend_t *backend, float *y, const float *x, rg_weights_t w,
                              const float *bias, const rg_window_conv_shape_t *s)
{
    const product_t p = product_of_window(s);
    forward(rg__ocl(backend), y, x, w.value, &p);
    add_bias(backend, y, bias, s->act, &p);
    return backend->error(backend);
}

static int ocl_window_backward(rg_backend_t *backend, float *dx, int add, const float *dy, rg_weights_t w,
                               const rg_window_conv_shape_t *s)
{
    const product_t p = product_of_window(s);
    backward_map(rg__ocl(backend), dx, add, dy, w.value, &p);
    return backend->error(backend);
}

static void ocl_gemm(rg_backend_t *backend, int transpose_a, int transpose_b, int m, int n, int k,
                     float alpha, const float *a, const float *b, float beta, float *c)
{
    rg__ocl_t *self = rg__ocl(backend);
    const rg__gemm_t product = {.transpose_a = transpose_a,
                                .transpose_b = transpose_b,
                                .m = (size_t)m,
                                .n = (size_t)n,
                                .k = (size_t)k,
                                .alpha = alpha,
                                .beta = beta,
                                .lda = (size_t)(transpose_a ? m : k),
                                .ldb = (size_t)(transpose_b ? k : n),
                                .ldc = (size_t)n};
    rg__ocl_product(self, rg__ocl_place(self, c), rg__ocl_place(self, a), rg__ocl_place(self, b), &product);
}

void rg__ocl_conv_table(rg_backend_t *table)
{
    table->conv_forward = ocl_conv_forward;
    table->conv_backward = ocl_conv_backward;
    table->window_conv_forward = ocl_window_forward;
    table->window_conv_backward = ocl_window_backward;
    table->gemm = ocl_gemm;
}
