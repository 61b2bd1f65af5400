// Means, norms and sums over pixels (norm.cl).
#include "common/nn/opencl/device.h"

// In how many bands of pixels a sum is made: enough to use the device, few enough to be added by one item.
static int count_bands(int hw)
{
    return hw < 64 ? 1 : hw / 32 > 64 ? 64 : hw / 32;
}

// What sum_channels adds up. mean is [n,c], or [n] if `whole`.
typedef struct {
    const float *x, *dy, *mean; // dy, mean: NULL or given
    int whole, n, hw, c;
} sums_t;

static rg__place_t sum_channels(rg__ocl_t *self, const sums_t *s, int bands)
{
    rg__place_t part =
        rg__ocl_scratch(self, RG__PARTS, (size_t)s->n * (size_t)bands * (size_t)s->c * (s->dy ? 2 : 1));
    const rg__arg_t args[] = {rg__p(part), rg__a(s->x),  rg__a(s->dy), rg__a(s->mean), rg__i(!s->whole),
                              rg__i(s->n), rg__i(bands), rg__i(s->hw), rg__i(s->c)};
    rg__ocl_launch(self, "channel_sums", (rg__items_t){(size_t)s->c, (size_t)bands, (size_t)s->n}, args,
                   sizeof args / sizeof *args);
    return part;
}

static size_t map_size(int n, int hw, int c)
{
    return (size_t)n * (size_t)hw * (size_t)c;
}

// y [n,c] (+)= factor * sums over the pixels of x
static void add_sums(rg_backend_t *self, float *y, int add, float factor, const sums_t *s)
{
    int bands = count_bands(s->hw);
    rg__place_t part = sum_channels(rg__ocl(self), s, bands);
    RG__LAUNCH(self, "add_bands", map_size(s->n, 1, s->c), rg__a(y), rg__i(add), rg__p(part), rg__f(factor),
               rg__i(bands), rg__i(s->n), rg__i(s->c));
}

void rg__ocl_add_column_sums(rg__ocl_t *self, float *y, const float *x, int rows, int columns)
{
    add_sums(&self->table, y, 1, 1, &(sums_t){.x = x, .n = 1, .hw = rows, .c = columns});
}

static void ocl_mean_forward(rg_backend_t *self, float *y, const float *x, int n, int hw, int c)
{
    add_sums(self, y, 0, 1.0f / (float)hw, &(sums_t){.x = x, .n = n, .hw = hw, .c = c});
}

static void ocl_mean_backward(rg_backend_t *self, float *dx, int add, const float *dy, int n, int hw, int c)
{
    size_t size = map_size(n, hw, c);
    RG__LAUNCH(self, "mean_backward", size, rg__a(dx), rg__i(add), rg__a(dy), rg__i(hw), rg__i(c),
               rg__n(size));
}

// ---- instance norm. No map is bfloat16: the table says bf16 = 0.

static void ocl_instance_moments(rg_backend_t *self, float *mean, float *rstd, rg_map_t x, int n, int hw,
                                 int c)
{
    int bands = count_bands(hw);
    ocl_mean_forward(self, mean, x.data, n, hw, c);
    rg__place_t part =
        sum_channels(rg__ocl(self), &(sums_t){.x = x.data, .mean = mean, .n = n, .hw = hw, .c = c}, bands);
    RG__LAUNCH(self, "instance_deviation", map_size(n, 1, c), rg__a(rstd), rg__p(part), rg__i(bands),
               rg__i(hw), rg__i(n), rg__i(c));
}

static void ocl_instance_forward(rg_backend_t *self, float *y, rg_map_t x, const float *mean,
                                 const float *rstd, const float *scale, const float *shift, int stride,
                                 const float *residual, enum rg_act act, int n, int hw, int c)
{
    size_t size = map_size(n, hw, c);
    RG__LAUNCH(self, "instance_forward", size, rg__a(y), rg__a(x.data), rg__a(mean), rg__a(rstd),
               rg__a(scale), rg__a(shift), rg__i(stride), rg__a(residual), rg__i((int)act), rg__i(hw),
               rg__i(c), rg__n(size));
}

static void apply_factors(rg_backend_t *self, float *dx, int add, const float *dy, rg_map_t x,
                          rg__place_t factors, int n, int hw, int c)
{
    size_t size = map_size(n, hw, c);
    if (dx)
        RG__LAUNCH(self, "apply_factors", size, rg__a(dx), rg__i(add), rg__a(dy), rg__a(x.data),
                   rg__p(factors), rg__i(n), rg__i(hw), rg__i(c), rg__n(size));
}

static void ocl_instance_backward(rg_backend_t *self, float *dx, int add, float *dscale, float *dshift,
                                  const float *dy, rg_map_t x, const float *mean, const float *rstd,
                                  const float *scale, int stride, int n, int hw, int c)
{
    int bands = count_bands(hw);
    const sums_t sums = {.x = x.data, .dy = dy, .mean = mean, .n = n, .hw = hw, .c = c};
    rg__place_t factors = rg__ocl_scratch(rg__ocl(self), RG__FACTORS, 3 * map_size(n, 1, c)),
                part = sum_channels(rg__ocl(self), &sums, bands);
    RG__LAUNCH(self, "instance_factors", map_size(n, 1, c), rg__p(factors), rg__a(dscale), rg__a(dshift),
               rg__p(part), rg__a(mean), rg__a(rstd), rg__a(scale), rg__i(stride), rg__i(bands), rg__i(hw),
               rg__i(n), rg__i(c));
    apply_factors(self, dx, add, dy, x, factors, n, hw, c);
}

// ---- layer norm

static void layer_moment(rg_backend_t *self, float *y, const float *x, const float *mean, int n, int hw,
                         int c)
{
    int bands = count_bands(hw);
    rg__place_t part = sum_channels(
        rg__ocl(self), &(sums_t){.x = x, .mean = mean, .whole = 1, .n = n, .hw = hw, .c = c}, bands);
    RG__LAUNCH(self, "layer_moment", (size_t)n * RG__GROUP, rg__a(y), rg__p(part), rg__i(mean != NULL),
               rg__i(bands), rg__i(hw), rg__i(c));
}

static void ocl_layer_moments(rg_backend_t *self, float *mean, float *std, rg_map_t x, int n, int hw, int c)
{
    layer_moment(self, mean, x.data, NULL, n, hw, c);
    layer_moment(self, std, x.data, mean, n, hw, c);
}

static void ocl_layer_forward(rg_backend_t *self, float *y, rg_map_t x, const float *mean, const float *std,
                              const float *gain, const float *bias, enum rg_act act, int n, int hw, int c)
{
    size_t size = map_size(n, hw, c);
    RG__LAUNCH(self, "layer_forward", size, rg__a(y), rg__a(x.data), rg__a(mean), rg__a(std), rg__a(gain),
               rg__a(bias), rg__i((int)act), rg__i(hw), rg__i(c), rg__n(size));
}

static void ocl_layer_backward(rg_backend_t *self, float *dx, int add, float *dgain, float *dbias,
                               float *parts, const float *dy, rg_map_t x, const float *mean, const float *std,
                               const float *gain, int n, int hw, int c)
{
    int bands = count_bands(hw);
    const sums_t sums = {.x = x.data, .dy = dy, .mean = mean, .whole = 1, .n = n, .hw = hw, .c = c};
    rg__place_t factors = rg__ocl_scratch(rg__ocl(self), RG__FACTORS, 3 * map_size(n, 1, c)),
                part = sum_channels(rg__ocl(self), &sums, bands);
    RG__LAUNCH(self, "layer_factors", (size_t)n * RG__GROUP, rg__p(factors), rg__a(parts), rg__p(part),
               rg__a(mean), rg__a(std), rg__a(gain), rg__i(bands), rg__i(hw), rg__i(n), rg__i(c));
    apply_factors(self, dx, add, dy, x, factors, n, hw, c);
    if (dgain)
        RG__LAUNCH(self, "layer_add_shares", (size_t)c, rg__a(dgain), rg__a(dbias), rg__a(parts), rg__i(n),
                   rg__i(c));
}

// ---- rows of unit length

static void ocl_unit_forward(rg_backend_t *self, float *y, float *length, const float *x, int n, int c)
{
    RG__LAUNCH(self, "unit_forward", (size_t)n * RG__GROUP, rg__a(y), rg__a(length), rg__a(x), rg__i(c));
}

static void ocl_unit_backward(rg_backend_t *self, float *dx, int add, const float *dy, const float *y,
                              const float *length, int n, int c)
{
    RG__LAUNCH(self, "unit_backward", (size_t)n * RG__GROUP, rg__a(dx), rg__i(add), rg__a(dy), rg__a(y),
               rg__a(length), rg__i(c));
}

void rg__ocl_norm_table(rg_backend_t *table)
{
    table->mean_forward = ocl_mean_forward;
    table->mean_backward = ocl_mean_backward;
    table->instance_moments = ocl_instance_moments;
    table->instance_forward = ocl_instance_forward;
    table->instance_backward = ocl_instance_backward;
    table->layer_moments = ocl_layer_moments;
    table->layer_forward = ocl_layer_forward;
    table->layer_backward = ocl_layer_backward;
    table->unit_forward = ocl_unit_forward;
    table->unit_backward = ocl_unit_backward;
}
