// Instance norm, AdaIN and MUNIT's layer norm, one image per task. The statistics of a map are sums over its
// rows of channels, so that every pass reads memory in order.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/nn/cpu/cpu.h"

enum { CHANNELS_MAX = 2048 };

static const float INSTANCE_EPS = 1e-5f, LAYER_EPS = 1e-5f;

RG_INLINE float get(const void *x, int half, size_t i)
{
    if (!half) return ((const float *)x)[i];
    uint32_t bits = (uint32_t)((const uint16_t *)x)[i] << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// The maps of one image.
static rg_map_t image_of(rg_map_t x, int i, int hw, int c)
{
    size_t at = (size_t)i * (size_t)hw * (size_t)c * (x.half ? sizeof(uint16_t) : sizeof(float));
    return (rg_map_t){(const char *)x.data + at, x.half};
}

// Sums x over the pixels first..end-1, or (x - mean)^2 if mean is given.
RG_INLINE void sums(const int half, float *sum, const void *x, const float *mean, int first, int end, int c)
{
    for (int k = 0; k < c; k++) sum[k] = 0;
    for (int p = first; p < end; p++) {
        size_t row = (size_t)p * (size_t)c;
        if (mean)
            for (int k = 0; k < c; k++) {
                float d = get(x, half, row + (size_t)k) - mean[k];
                sum[k] += d * d;
            }
        else
            for (int k = 0; k < c; k++) sum[k] += get(x, half, row + (size_t)k);
    }
}

RG_HOT static void channel_sums(float *sum, rg_map_t x, const float *mean, int first, int end, int c)
{
    if (x.half)
        sums(1, sum, x.data, mean, first, end, c);
    else
        sums(0, sum, x.data, mean, first, end, c);
}

// y = act(a*x + b) + residual per channel
RG_INLINE void affine(const int half, float *y, const void *x, const float *a, const float *b,
                      const float *residual, enum rg_act act, int hw, int c)
{
    for (int p = 0; p < hw; p++) {
        size_t row = (size_t)p * (size_t)c;
        if (residual)
            for (int k = 0; k < c; k++)
                y[row + (size_t)k] = a[k] * get(x, half, row + (size_t)k) + b[k] + residual[row + (size_t)k];
        else if (act == RG_ACT_RELU)
            for (int k = 0; k < c; k++) {
                float v = a[k] * get(x, half, row + (size_t)k) + b[k];
                y[row + (size_t)k] = v > 0 ? v : 0;
            }
        else
            for (int k = 0; k < c; k++)
                y[row + (size_t)k] = rg__act_value(a[k] * get(x, half, row + (size_t)k) + b[k], act);
    }
}

RG_HOT static void channel_affine(float *y, rg_map_t x, const float *a, const float *b, const float *residual,
                                  enum rg_act act, int hw, int c)
{
    if (x.half)
        affine(1, y, x.data, a, b, residual, act, hw, c);
    else
        affine(0, y, x.data, a, b, residual, act, hw, c);
}

// sum_dy = sum of dy, sum_dyx = sum of dy * (x - mean)
RG_INLINE void moments(const int half, float *sum_dy, float *sum_dyx, const float *dy, const void *x,
                       const float *mean, int hw, int c)
{
    for (int k = 0; k < c; k++) sum_dy[k] = sum_dyx[k] = 0;
    for (int p = 0; p < hw; p++)
        for (int k = 0; k < c; k++) {
            size_t i = (size_t)p * (size_t)c + (size_t)k;
            sum_dy[k] += dy[i];
            sum_dyx[k] += dy[i] * (get(x, half, i) - mean[k]);
        }
}

RG_HOT static void gradient_moments(float *sum_dy, float *sum_dyx, const float *dy, rg_map_t x,
                                    const float *mean, int hw, int c)
{
    if (x.half)
        moments(1, sum_dy, sum_dyx, dy, x.data, mean, hw, c);
    else
        moments(0, sum_dy, sum_dyx, dy, x.data, mean, hw, c);
}

// dx (+)= a*dy + b*x + d per channel
RG_INLINE void back(const int half, float *dx, int add, const float *dy, const void *x, const float *a,
                    const float *b, const float *d, int hw, int c)
{
    for (int p = 0; p < hw; p++) {
        size_t row = (size_t)p * (size_t)c;
        if (add)
            for (int k = 0; k < c; k++)
                dx[row + (size_t)k] +=
                    a[k] * dy[row + (size_t)k] + b[k] * get(x, half, row + (size_t)k) + d[k];
        else
            for (int k = 0; k < c; k++)
                dx[row + (size_t)k] =
                    a[k] * dy[row + (size_t)k] + b[k] * get(x, half, row + (size_t)k) + d[k];
    }
}

RG_HOT static void gradient_affine(float *dx, int add, const float *dy, rg_map_t x, const float *a,
                                   const float *b, const float *d, int hw, int c)
{
    if (x.half)
        back(1, dx, add, dy, x.data, a, b, d, hw, c);
    else
        back(0, dx, add, dy, x.data, a, b, d, hw, c);
}

// ---- instance norm

static void instance_moments(rg_backend_t *self, float *mean, float *rstd, rg_map_t x, int n, int hw, int c)
{
    if (c > CHANNELS_MAX) abort();
#pragma omp parallel for schedule(static)
    for (int i = 0; i < n; i++) {
        float *m = mean + (size_t)i * (size_t)c, *r = rstd + (size_t)i * (size_t)c;
        rg_map_t image = image_of(x, i, hw, c);
        channel_sums(m, image, NULL, 0, hw, c);
        for (int k = 0; k < c; k++) m[k] /= (float)hw;
        channel_sums(r, image, m, 0, hw, c);
        for (int k = 0; k < c; k++) r[k] = 1 / sqrtf(r[k] / (float)hw + INSTANCE_EPS);
    }
}

static void instance_forward(rg_backend_t *self, float *y, rg_map_t x, const float *mean, const float *rstd,
                             const float *scale, const float *shift, int stride, const float *residual,
                             enum rg_act act, int n, int hw, int c)
{
#pragma omp parallel for schedule(static)
    for (int i = 0; i < n; i++) {
        float a[CHANNELS_MAX], b[CHANNELS_MAX];
        size_t image = (size_t)i * (size_t)hw * (size_t)c, stat = (size_t)i * (size_t)c,
               row = (size_t)i * (size_t)stride;
        for (int k = 0; k < c; k++) {
            a[k] = rstd[stat + (size_t)k] * (scale ? scale[row + (size_t)k] : 1);
            b[k] = (shift ? shift[row + (size_t)k] : 0) - a[k] * mean[stat + (size_t)k];
        }
        channel_affine(y + image, image_of(x, i, hw, c), a, b, residual ? residual + image : NULL, act, hw,
                       c);
    }
}

// With xh = (x - mean) * rstd:  dx = scale * rstd * (dy - mean(dy) - xh * mean(dy * xh))
static void instance_backward_image(float *dx, int add, float *dscale, float *dshift, const float *dy,
                                    rg_map_t x, const float *mean, const float *rstd, const float *scale,
                                    int hw, int c)
{
    float a[CHANNELS_MAX], b[CHANNELS_MAX], d[CHANNELS_MAX];
    gradient_moments(a, b, dy, x, mean, hw, c);
    for (int k = 0; k < c; k++) {
        float sum_dy = a[k], sum_dyxh = b[k] * rstd[k], factor = rstd[k] * (scale ? scale[k] : 1);
        if (dscale) dscale[k] += sum_dyxh;
        if (dshift) dshift[k] += sum_dy;
        a[k] = factor;
        b[k] = -factor * rstd[k] * sum_dyxh / (float)hw;
        d[k] = -factor * sum_dy / (float)hw - b[k] * mean[k];
    }
    if (dx) gradient_affine(dx, add, dy, x, a, b, d, hw, c);
}

static void instance_backward(rg_backend_t *self, float *dx, int add, float *dscale, float *dshift,
                              const float *dy, rg_map_t x, const float *mean, const float *rstd,
                              const float *scale, int stride, int n, int hw, int c)
{
#pragma omp parallel for schedule(static)
    for (int i = 0; i < n; i++) {
        size_t image = (size_t)i * (size_t)hw * (size_t)c, stat = (size_t)i * (size_t)c,
               row = (size_t)i * (size_t)stride;
        instance_backward_image(dx ? dx + image : NULL, add, dscale ? dscale + row : NULL,
                                dshift ? dshift + row : NULL, dy + image, image_of(x, i, hw, c), mean + stat,
                                rstd + stat, scale ? scale + row : NULL, hw, c);
    }
}

// ---- layer norm

enum { BLOCK = 128 }; // pixels that are summed in f32 before the sum goes on in f64

// Sums x over the pixels and channels of a map, or (x - mean)^2 if mean is given.
static double image_sum(rg_map_t x, const float *mean, int hw, int c)
{
    float sum[CHANNELS_MAX];
    double total = 0;
    for (int p = 0; p < hw; p += BLOCK) {
        channel_sums(sum, x, mean, p, p + BLOCK < hw ? p + BLOCK : hw, c);
        for (int k = 0; k < c; k++) total += (double)sum[k];
    }
    return total;
}

static void layer_moments(rg_backend_t *self, float *mean, float *std, rg_map_t x, int n, int hw, int c)
{
    if (c > CHANNELS_MAX) abort();
#pragma omp parallel for schedule(static)
    for (int i = 0; i < n; i++) {
        float centre[CHANNELS_MAX];
        rg_map_t image = image_of(x, i, hw, c);
        double size = (double)hw * c;
        mean[i] = (float)(image_sum(image, NULL, hw, c) / size);
        for (int k = 0; k < c; k++) centre[k] = mean[i];
        std[i] = (float)sqrt(image_sum(image, centre, hw, c) / (size - 1));
    }
}

static void layer_forward(rg_backend_t *self, float *y, rg_map_t x, const float *mean, const float *std,
                          const float *gain, const float *bias, enum rg_act act, int n, int hw, int c)
{
#pragma omp parallel for schedule(static)
    for (int i = 0; i < n; i++) {
        float a[CHANNELS_MAX], b[CHANNELS_MAX];
        for (int k = 0; k < c; k++) {
            a[k] = gain[k] / (std[i] + LAYER_EPS);
            b[k] = bias[k] - a[k] * mean[i];
        }
        channel_affine(y + (size_t)i * (size_t)hw * (size_t)c, image_of(x, i, hw, c), a, b, NULL, act, hw, c);
    }
}

// With r = 1 / (std + eps), g = gain * dy, m = h*w*c:
//   dx = r * (g - mean(g) - (x - mean) * sum(g * (x - mean)) * r / ((m - 1) * std))
// part [2,c] receives this image's share of dgain and dbias, so that images are added in a fixed order.
static void layer_backward_image(float *dx, int add, float *part, const float *dy, rg_map_t x, float mean,
                                 float std, const float *gain, int hw, int c)
{
    float a[CHANNELS_MAX], b[CHANNELS_MAX], d[CHANNELS_MAX] = {0};
    float r = 1 / (std + LAYER_EPS);
    double m = (double)hw * c, sum_g = 0, sum_gx = 0;
    for (int k = 0; k < c; k++) d[k] = mean;
    gradient_moments(a, b, dy, x, d, hw, c);
    for (int k = 0; k < c; k++) {
        sum_g += (double)(gain[k] * a[k]);
        sum_gx += (double)(gain[k] * b[k]);
        part[k] = b[k] * r;
        part[c + k] = a[k];
    }
    float slope = std > 0 ? (float)(-(double)r * (double)r * sum_gx / ((m - 1) * (double)std)) : 0;
    for (int k = 0; k < c; k++) {
        a[k] = r * gain[k];
        b[k] = slope;
        d[k] = (float)(-(double)r * sum_g / m) - slope * mean;
    }
    if (dx) gradient_affine(dx, add, dy, x, a, b, d, hw, c);
}

static void layer_backward(rg_backend_t *self, float *dx, int add, float *dgain, float *dbias, float *room,
                           const float *dy, rg_map_t x, const float *mean, const float *std,
                           const float *gain, int n, int hw, int c)
{
    size_t size = (size_t)hw * (size_t)c, width = (size_t)c;
#pragma omp parallel for schedule(static)
    for (int i = 0; i < n; i++)
        layer_backward_image(dx ? dx + (size_t)i * size : NULL, add, room + (size_t)i * 2 * width,
                             dy + (size_t)i * size, image_of(x, i, hw, c), mean[i], std[i], gain, hw, c);
    for (int i = 0; dgain && i < n; i++, room += 2 * width)
        for (int k = 0; k < c; k++) {
            dgain[k] += room[k];
            dbias[k] += room[c + k];
        }
}

static const float LENGTH_MIN = 1e-12f;

static double dot(const float *a, const float *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += (double)a[i] * b[i];
    return sum;
}

static void unit_forward(rg_backend_t *self, float *y, float *length, const float *x, int n, int c)
{
    for (int i = 0; i < n; i++, x += c, y += c) {
        length[i] = fmaxf((float)sqrt(dot(x, x, c)), LENGTH_MIN);
        for (int k = 0; k < c; k++) y[k] = x[k] / length[i];
    }
}

// dx = (dy - y (y . dy)) / |x|
static void unit_backward(rg_backend_t *self, float *dx, int add, const float *dy, const float *y,
                          const float *length, int n, int c)
{
    for (int i = 0; i < n; i++, dx += c, dy += c, y += c) {
        float along = (float)dot(y, dy, c);
        for (int k = 0; k < c; k++) dx[k] = (add ? dx[k] : 0) + (dy[k] - y[k] * along) / length[i];
    }
}

void rg__cpu_norm_table(rg_backend_t *table)
{
    table->instance_moments = instance_moments;
    table->instance_forward = instance_forward;
    table->instance_backward = instance_backward;
    table->layer_moments = layer_moments;
    table->layer_forward = layer_forward;
    table->layer_backward = layer_backward;
    table->unit_forward = unit_forward;
    table->unit_backward = unit_backward;
}
