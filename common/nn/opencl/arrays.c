// Element by element: activations, sums, scales, bounds, softmax (pointwise.cl); copies and masks
// (shape.cl); pooling (pool.cl).
#include "common/nn/opencl/device.h"

// ---- activations, sums, scales, bounds, softmax

static void ocl_act_forward(rg_backend_t *self, float *y, const float *x, enum rg_act act, size_t n)
{
    RG__LAUNCH(self, "act_forward", n, rg__a(y), rg__a(x), rg__i((int)act), rg__n(n));
}

static void ocl_act_backward(rg_backend_t *self, float *dx, int add, const float *dy, const float *y,
                             enum rg_act act, size_t n)
{
    RG__LAUNCH(self, "act_backward", n, rg__a(dx), rg__i(add), rg__a(dy), rg__a(y), rg__i((int)act),
               rg__n(n));
}

static void ocl_add(rg_backend_t *self, float *y, const float *a, const float *b, size_t n)
{
    RG__LAUNCH(self, "add_arrays", n, rg__a(y), rg__a(a), rg__a(b), rg__n(n));
}

static void ocl_scale_forward(rg_backend_t *self, float *y, const float *x, const float *scale,
                              const float *shift, enum rg_act act, size_t rows, size_t columns)
{
    RG__LAUNCH(self, "scale_forward", rows * columns, rg__a(y), rg__a(x), rg__a(scale), rg__a(shift),
               rg__i((int)act), rg__n(rows * columns), rg__n(columns));
}

static void ocl_bias_forward(rg_backend_t *self, float *y, const float *bias, enum rg_act act, int rows,
                             int columns)
{
    ocl_scale_forward(self, y, y, NULL, bias, act, (size_t)rows, (size_t)columns);
}

static void ocl_bias_backward(rg_backend_t *self, float *db, const float *dy, int rows, int columns)
{
    rg__ocl_add_column_sums(rg__ocl(self), db, dy, rows, columns);
}

static void ocl_scale_backward(rg_backend_t *self, float *dx, int add, const float *dy, const float *scale,
                               size_t rows, size_t columns)
{
    RG__LAUNCH(self, "scale_backward", rows * columns, rg__a(dx), rg__i(add), rg__a(dy), rg__a(scale),
               rg__n(rows * columns), rg__n(columns));
}

static void ocl_scale_sums(rg_backend_t *self, float *dscale, int add, const float *dy, const float *x,
                           size_t rows, size_t columns)
{
    RG__LAUNCH(self, "scale_sums", columns, rg__a(dscale), rg__i(add), rg__a(dy), rg__a(x), rg__n(rows),
               rg__n(columns));
}

static void ocl_clip_forward(rg_backend_t *self, float *y, const float *x, rg_clip_t clip, size_t n)
{
    RG__LAUNCH(self, "clip_forward", n, rg__a(y), rg__a(x), rg__f(clip.low), rg__f(clip.high),
               rg__f(clip.leak), rg__n(n));
}

static void ocl_clip_backward(rg_backend_t *self, float *dx, int add, const float *dy, const float *x,
                              rg_clip_t clip, size_t n)
{
    RG__LAUNCH(self, "clip_backward", n, rg__a(dx), rg__i(add), rg__a(dy), rg__a(x), rg__f(clip.low),
               rg__f(clip.high), rg__f(clip.leak), rg__n(n));
}

static void ocl_softmax_forward(rg_backend_t *self, float *y, const float *x, size_t rows, size_t columns)
{
    RG__LAUNCH(self, "softmax_forward", rows, rg__a(y), rg__a(x), rg__n(rows), rg__n(columns));
}

static void ocl_softmax_backward(rg_backend_t *self, float *dx, int add, const float *dy, const float *y,
                                 size_t rows, size_t columns)
{
    RG__LAUNCH(self, "softmax_backward", rows, rg__a(dx), rg__i(add), rg__a(dy), rg__a(y), rg__n(rows),
               rg__n(columns));
}

// ---- copies and masks

static void ocl_fill(rg_backend_t *self, float *to, float value, size_t n)
{
    RG__LAUNCH(self, "fill", n, rg__a(to), rg__f(value), rg__n(n));
}

static void ocl_copy_columns(rg_backend_t *self, float *to, size_t to_stride, int add, const float *from,
                             size_t from_stride, size_t rows, size_t columns)
{
    RG__LAUNCH(self, "copy_columns", rows * columns, rg__a(to), rg__n(to_stride), rg__i(add), rg__a(from),
               rg__n(from_stride), rg__n(rows), rg__n(columns));
}

static void ocl_copy(rg_backend_t *self, float *to, const float *from, size_t n)
{
    ocl_copy_columns(self, to, n, 0, from, n, 1, n);
}

static void ocl_transpose(rg_backend_t *self, float *to, int add, const float *from, size_t n, size_t rows,
                          size_t columns)
{
    RG__LAUNCH(self, "transpose", n * rows * columns, rg__a(to), rg__i(add), rg__a(from), rg__n(n),
               rg__n(rows), rg__n(columns));
}

static void ocl_select_forward(rg_backend_t *self, float *y, const unsigned char *mask, const float *a,
                               const float *b, size_t n)
{
    RG__LAUNCH(self, "select_forward", n, rg__a(y), rg__a(mask), rg__a(a), rg__a(b), rg__n(n));
}

static void ocl_select_backward(rg_backend_t *self, float *dx, int add, const float *dy,
                                const unsigned char *mask, int taken, size_t n)
{
    RG__LAUNCH(self, "select_backward", n, rg__a(dx), rg__i(add), rg__a(dy), rg__a(mask), rg__i(taken),
               rg__n(n));
}

static void ocl_replace_changed(rg_backend_t *self, float *y, const unsigned char *mask, const float *a,
                                const float *b, const float *other, size_t n)
{
    RG__LAUNCH(self, "replace_changed", n, rg__a(y), rg__a(mask), rg__a(a), rg__a(b), rg__a(other), rg__n(n));
}

// ---- pooling

#define SIDE(s) rg__i((s).k), rg__i((s).stride), rg__i((s).dilation), rg__i((s).before), rg__i((s).after)
#define GEOMETRY(s)                                                                                          \
    rg__i((int)(s)->kind), rg__i((s)->n), rg__i((s)->h), rg__i((s)->w), rg__i((s)->c), rg__i((s)->oh),       \
        rg__i((s)->ow), SIDE((s)->window.h), SIDE((s)->window.w)

static size_t volume(int n, int h, int w, int c)
{
    return (size_t)n * (size_t)h * (size_t)w * (size_t)c;
}

static void ocl_pool_forward(rg_backend_t *self, float *y, const float *x, const rg_pool_shape_t *s)
{
    RG__LAUNCH(self, "pool_forward", volume(s->n, s->oh, s->ow, s->c), rg__a(y), rg__a(x), GEOMETRY(s));
}

static void ocl_pool_backward(rg_backend_t *self, float *dx, int add, const float *dy, const float *x,
                              const rg_pool_shape_t *s)
{
    RG__LAUNCH(self, "pool_backward", volume(s->n, s->h, s->w, s->c), rg__a(dx), rg__i(add), rg__a(dy),
               rg__a(x), GEOMETRY(s));
}

void rg__ocl_array_table(rg_backend_t *table)
{
    table->act_forward = ocl_act_forward;
    table->act_backward = ocl_act_backward;
    table->add = ocl_add;
    table->bias_forward = ocl_bias_forward;
    table->bias_backward = ocl_bias_backward;
    table->scale_forward = ocl_scale_forward;
    table->scale_backward = ocl_scale_backward;
    table->scale_sums = ocl_scale_sums;
    table->clip_forward = ocl_clip_forward;
    table->clip_backward = ocl_clip_backward;
    table->softmax_forward = ocl_softmax_forward;
    table->softmax_backward = ocl_softmax_backward;
    table->copy = ocl_copy;
    table->fill = ocl_fill;
    table->copy_columns = ocl_copy_columns;
    table->transpose = ocl_transpose;
    table->select_forward = ocl_select_forward;
    table->select_backward = ocl_select_backward;
    table->replace_changed = ocl_replace_changed;
    table->pool_forward = ocl_pool_forward;
    table->pool_backward = ocl_pool_backward;
}
