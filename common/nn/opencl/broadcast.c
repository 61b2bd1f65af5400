// Arithmetic with repeated values, lengths, and signs (broadcast.cl).
#include "common/nn/opencl/device.h"

#define GEOMETRY(s)                                                                                          \
    rg__i((int)(s)->what), rg__i((s)->n), rg__i((s)->h), rg__i((s)->w), rg__i((s)->c), rg__i((s)->bh),       \
        rg__i((s)->bw), rg__i((s)->bc)

static size_t size_of_a(const rg_broadcast_shape_t *s)
{
    return (size_t)s->n * (size_t)s->h * (size_t)s->w * (size_t)s->c;
}

static void ocl_broadcast_forward(rg_backend_t *self, float *y, const float *a, const float *b,
                                  const rg_broadcast_shape_t *s)
{
    RG__LAUNCH(self, "broadcast_forward", size_of_a(s), rg__a(y), rg__a(a), rg__a(b), GEOMETRY(s));
}

static void ocl_broadcast_backward_a(rg_backend_t *self, float *da, int add, const float *dy, const float *b,
                                     const rg_broadcast_shape_t *s)
{
    RG__LAUNCH(self, "broadcast_backward_a", size_of_a(s), rg__a(da), rg__i(add), rg__a(dy), rg__a(b),
               GEOMETRY(s));
}

static void ocl_broadcast_backward_b(rg_backend_t *self, float *db, int add, const float *dy, const float *a,
                                     const float *b, const rg_broadcast_shape_t *s)
{
    size_t size = (size_t)s->n * (size_t)s->bh * (size_t)s->bw * (size_t)s->bc;
    RG__LAUNCH(self, "broadcast_backward_b", size, rg__a(db), rg__i(add), rg__a(dy), rg__a(a), rg__a(b),
               GEOMETRY(s));
}

static void ocl_length_forward(rg_backend_t *self, float *y, const float *x, int n, size_t c)
{
    RG__LAUNCH(self, "length_forward", (size_t)n * RG__GROUP, rg__a(y), rg__a(x), rg__n(c));
}

static void ocl_length_backward(rg_backend_t *self, float *dx, int add, const float *dy, const float *x,
                                const float *y, int n, size_t c)
{
    size_t size = (size_t)n * c;
    RG__LAUNCH(self, "length_backward", size, rg__a(dx), rg__i(add), rg__a(dy), rg__a(x), rg__a(y),
               rg__n(size), rg__n(c));
}

static void ocl_signs(rg_backend_t *self, float *y, const float *x, size_t rows, size_t columns)
{
    RG__LAUNCH(self, "signs", rows, rg__a(y), rg__a(x), rg__n(rows), rg__n(columns));
}

void rg__ocl_broadcast_table(rg_backend_t *table)
{
    table->broadcast_forward = ocl_broadcast_forward;
    table->broadcast_backward_a = ocl_broadcast_backward_a;
    table->broadcast_backward_b = ocl_broadcast_backward_b;
    table->length_forward = ocl_length_forward;
    table->length_backward = ocl_length_backward;
    table->signs = ocl_signs;
}
