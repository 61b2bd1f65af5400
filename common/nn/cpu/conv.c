// Convolutions: chooses the method. A convolution goes to the first one whose *_fits accepts its geometry:
//
//   winograd  3x3/1, 4x4/2 and upsample + 5x5 with channels in multiples of 16 and at least 32 tiles: 2.6 to 11
//             times fewer multiplications. Almost all of G, the encoders and D's first layers.
//   thin      one side is an RGB image (7x7 layers, D's input). Three channels fill a sixteenth of a vector, so a
//             general kernel would waste most of it.
//   patches   small maps with many weights (D's last layers). Reordering the weights would cost more than the
//             products, so a product with the plain weights wins.
//   direct    everything else, on oneDNN. It pads with zeros only and does not upsample, so this file hands it
//             padded or upsampled copies.
#include <assert.h>
#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/nn/cpu/cpu.h"
#include "common/nn/cpu/direct.h"
#include "common/nn/cpu/patches.h"
#include "common/nn/cpu/thin.h"
#include "common/nn/cpu/winograd.h"

struct rg__conv {
    rg__packs_t *packs;
    rg__winograd_t winograd;
    rg__thin_t thin;
    rg__patches_t patches;
    rg__direct_t *direct;
    rg__scratch_t x, dx; // padded or upsampled copies for the direct convolution
    rg__scratch_t y;     // its f32 output before it is rounded to bfloat16
};

// oneDNN starts on every processor, but refuses bfloat16 primitives where the processor lacks the
// instructions, and only when they are made. So one small convolution of each kind is tried now.
static int probe_bf16(rg__conv_t *conv)
{
    enum { SIDE = 16, CHANNELS = 16, MAP = SIDE * SIDE * CHANNELS, WEIGHTS = CHANNELS * CHANNELS * 9 };
    const rg_conv_shape_t shape = {.n = 2,
                                   .h = SIDE,
                                   .w = SIDE,
                                   .c = CHANNELS,
                                   .o = CHANNELS,
                                   .k = 3,
                                   .stride = 1,
                                   .pad = 1,
                                   .oh = SIDE,
                                   .ow = SIDE};
    const rg_window_side_t side = {.k = 3, .stride = 1, .dilation = 1, .before = 1, .after = 1};
    const rg_window_conv_shape_t plain_shape = {.n = 2,
                                                .h = SIDE,
                                                .w = SIDE,
                                                .c = CHANNELS,
                                                .o = CHANNELS,
                                                .groups = 1,
                                                .oh = SIDE,
                                                .ow = SIDE,
                                                .window = {side, side}};
    float *x = rg_alloc(2 * MAP * sizeof *x), *y = rg_alloc(2 * MAP * sizeof *y),
          *w = rg_alloc(WEIGHTS * sizeof *w);
    const rg_weights_t weights = {.value = w};
    int err = rg__winograd_forward(&conv->winograd, y, x, weights, NULL, &shape);
    if (!err) err = rg__direct_forward(conv->direct, y, x, weights, NULL, &plain_shape);
    free(x);
    free(y);
    free(w);
    if (!err) return 0;
    return rg_fail(RG_EVERSION, "this processor has no bfloat16 products (%s): use `precision: f32`",
                   rg_error());
}

int rg__conv_new(rg__conv_t **out, int bf16)
{
    rg__conv_t *conv = rg_alloc(sizeof *conv);
    conv->packs = rg__packs_new();
    conv->thin.packs = conv->packs;
    int err = rg__direct_new(&conv->direct, conv->packs, bf16);
    if (!err) err = rg__winograd_init(&conv->winograd, conv->packs, bf16);
    if (!err && bf16) err = probe_bf16(conv);
    if (err) {
        rg__conv_destroy(&conv);
        return err;
    }
    *out = conv;
    return 0;
}

void rg__conv_destroy(rg__conv_t **out)
{
    rg__conv_t *conv = *out;
    if (!conv) return;
    rg__direct_destroy(&conv->direct);
    rg__winograd_fini(&conv->winograd);
    rg__thin_fini(&conv->thin);
    rg__patches_fini(&conv->patches);
    rg__packs_destroy(&conv->packs);
    rg__scratch_free(&conv->x);
    rg__scratch_free(&conv->dx);
    rg__scratch_free(&conv->y);
    free(conv);
    *out = NULL;
}

static rg__conv_t *conv_of(rg_backend_t *backend)
{
    return ((rg_cpu_backend_t *)backend)->conv;
}

// ---- inputs of the direct convolution

static rg_window_conv_shape_t plain(const rg_conv_shape_t *s)
{
    int scale = s->up ? 2 : 1, border = s->reflect ? s->pad : 0, pad = s->pad - border;
    rg_window_side_t span = {.k = s->k, .stride = s->stride, .dilation = 1, .before = pad, .after = pad};
    return (rg_window_conv_shape_t){.n = s->n,
                                    .h = scale * s->h + 2 * border,
                                    .w = scale * s->w + 2 * border,
                                    .c = s->c,
                                    .o = s->o,
                                    .groups = 1,
                                    .oh = s->oh,
                                    .ow = s->ow,
                                    .window = {span, span},
                                    .act = s->act};
}

static size_t plain_bytes(const rg_window_conv_shape_t *p)
{
    return (size_t)p->n * (size_t)p->h * (size_t)p->w * (size_t)p->c * sizeof(float);
}

static const float *plain_input(rg__conv_t *conv, const rg_conv_shape_t *s, const rg_window_conv_shape_t *p,
                                const float *x)
{
    if (!s->up && !s->reflect) return x;
    float *copy = rg__scratch(&conv->x, plain_bytes(p));
    if (s->up)
        rg__upsample(copy, x, s->n, s->h, s->w, s->c);
    else
        rg__reflect(copy, x, s->n, s->h, s->w, s->c, s->pad);
    return copy;
}

// dx (+)= the gradient. oneDNN can only overwrite, so adding goes through a copy.
static int window_backward(rg_backend_t *backend, float *dx, int add, const float *dy, rg_weights_t w,
                           const rg_window_conv_shape_t *p)
{
    rg__conv_t *conv = conv_of(backend);
    float *target = add ? rg__scratch(&conv->dx, plain_bytes(p)) : dx;
    int err = rg__direct_backward_data(conv->direct, target, dy, w, p);
    if (!err && add) rg__add(dx, dx, target, plain_bytes(p) / sizeof *dx);
    return err;
}

static int direct_backward_data(rg_backend_t *backend, float *dx, int add, const float *dy, rg_weights_t w,
                                const rg_conv_shape_t *s, const rg_window_conv_shape_t *p)
{
    rg__conv_t *conv = conv_of(backend);
    if (!s->up && !s->reflect) return window_backward(backend, dx, add, dy, w, p);
    float *target = rg__scratch(&conv->dx, plain_bytes(p));
    int err = rg__direct_backward_data(conv->direct, target, dy, w, p);
    if (err) return err;
    if (s->up)
        rg__upsample_adjoint(dx, add, target, s->n, s->h, s->w, s->c);
    else
        rg__reflect_adjoint(dx, add, target, s->n, s->h, s->w, s->c, s->pad);
    return 0;
}

static int window_forward(rg_backend_t *backend, float *y, const float *x, rg_weights_t w, const float *bias,
                          const rg_window_conv_shape_t *s)
{
    return rg__direct_forward(conv_of(backend)->direct, y, x, w, bias, s);
}

// ---- the table

static void check_geometry(const rg_conv_shape_t *s)
{
    assert(!(s->up && s->reflect));
    assert(!s->reflect || (s->pad < s->h && s->pad < s->w));
}

static int plain_forward(rg_backend_t *backend, float *y, const float *x, rg_weights_t w, const float *bias,
                         const rg_conv_shape_t *s)
{
    rg__conv_t *conv = conv_of(backend);
    if (rg__patches_fits(s)) {
        rg__patches_forward(&conv->patches, y, x, w.value, s);
        int pixels = s->n * s->oh * s->ow;
        if (bias)
            backend->bias_forward(backend, y, bias, s->act, pixels, s->o);
        else if (s->act != RG_ACT_NONE)
            backend->act_forward(backend, y, y, s->act, (size_t)pixels * (size_t)s->o);
        return 0;
    }
    rg_window_conv_shape_t p = plain(s);
    return rg__direct_forward(conv->direct, y, plain_input(conv, s, &p, x), w, bias, &p);
}

static int any_forward(rg_backend_t *backend, void *y, const float *x, rg_weights_t w, const float *bias,
                       const rg_conv_shape_t *s)
{
    rg__conv_t *conv = conv_of(backend);
    check_geometry(s);
    if (rg__winograd_fits(s)) return rg__winograd_forward(&conv->winograd, y, x, w, bias, s);
    if (rg__thin_fits(s)) {
        rg__thin_forward(&conv->thin, y, x, w, bias, s);
        return 0;
    }
    if (!s->half) return plain_forward(backend, y, x, w, bias, s);
    size_t count = (size_t)s->n * (size_t)s->oh * (size_t)s->ow * (size_t)s->o;
    float *wide = rg__scratch(&conv->y, count * sizeof *wide);
    int err = plain_forward(backend, wide, x, w, bias, s);
    rg__bf16_from_float(y, wide, count);
    return err;
}

static int any_backward(rg_backend_t *backend, float *dx, int add, float *dw, float *db, const float *x,
                        const float *dy, rg_weights_t w, const rg_conv_shape_t *s)
{
    rg__conv_t *conv = conv_of(backend);
    int pixels = s->n * s->oh * s->ow;
    int err = 0;
    check_geometry(s);
    if (rg__winograd_fits(s)) {
        err = rg__winograd_backward(&conv->winograd, dx, add, dw, x, dy, w, s);
        if (db) backend->bias_backward(backend, db, dy, pixels, s->o);
    } else if (rg__thin_fits(s)) {
        rg__thin_backward(&conv->thin, dx, add, dw, x, dy, w, s);
        if (db) backend->bias_backward(backend, db, dy, pixels, s->o);
    } else if (rg__patches_fits(s)) {
        rg__patches_backward(&conv->patches, dx, add, dw, x, dy, w.value, s);
        if (db) backend->bias_backward(backend, db, dy, pixels, s->o);
    } else {
        rg_window_conv_shape_t p = plain(s);
        if (dw) err = rg__direct_backward_weights(conv->direct, dw, db, plain_input(conv, s, &p, x), dy, &p);
        if (dx && !err) err = direct_backward_data(backend, dx, add, dy, w, s, &p);
    }
    return err;
}

void rg__cpu_conv_table(rg_backend_t *table)
{
    table->conv_forward = any_forward;
    table->conv_backward = any_backward;
    table->window_conv_forward = window_forward;
    table->window_conv_backward = window_backward;
}
