#include "common/data/image.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/simd.h"

enum { RUN = 48 }; // bytes of sixteen pixels

// sum [RUN] of what lies RUN apart
RG_HOT static void sum_runs(uint32_t *sum, const uint8_t *pixels, size_t runs)
{
    for (size_t i = 0; i < runs; i++, pixels += RUN)
        for (int j = 0; j < RUN; j++) sum[j] += pixels[j];
}

static float mean_grey(const uint8_t *pixels, int size)
{
    uint64_t sum[3] = {0};
    uint32_t run[RUN] = {0};
    size_t n = (size_t)size * (size_t)size, runs = n * 3 / RUN;
    sum_runs(run, pixels, runs); // at most 8192^2/16 bytes a sum
    for (size_t j = 0; j < RUN; j++) sum[j % 3] += run[j];
    for (size_t i = runs * RUN; i < n * 3; i++) sum[i % 3] += pixels[i];
    return (0.299f * (float)sum[0] + 0.587f * (float)sum[1] + 0.114f * (float)sum[2]) / (float)n;
}

static inline float clamp_byte(float value)
{
    return value < 0 ? 0 : value > 255 ? 255 : value;
}

static inline float centred(float byte)
{
    return byte * (2.0f / 255.0f) - 1.0f;
}

// What becomes of grey levels: brightness, then contrast around the mean.
typedef struct {
    float brightness, contrast, mean;
} look_t;

RG_HOT static void change(const uint8_t *bytes, size_t n, look_t look, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = centred(clamp_byte(
            look.mean + look.contrast * (clamp_byte((float)bytes[i] * look.brightness) - look.mean)));
}

static void mirror(const uint8_t *row, int size, uint8_t *out)
{
    for (int x = 0; x < size; x++) memcpy(out + 3 * x, row + 3 * (size - 1 - x), 3);
}

void rg_image_augment(const uint8_t *pixels, int size, double jitter, rg_rng_t *rng, float *out)
{
    int flip = rg_rng_uniform(rng) < 0.5f;
    look_t look;
    look.brightness = 1 + (float)jitter * (2 * rg_rng_uniform(rng) - 1);
    look.contrast = 1 + (float)jitter * (2 * rg_rng_uniform(rng) - 1);
    look.mean = mean_grey(pixels, size) * look.brightness;
    size_t width = (size_t)size * 3;
    uint8_t *mirrored = rg_alloc(width);
    for (int y = 0; y < size; y++, pixels += width, out += width) {
        if (flip) mirror(pixels, size, mirrored);
        change(flip ? mirrored : pixels, width, look, out);
    }
    free(mirrored);
}

void rg_pixels_to_float(const uint8_t *pixels, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++) out[i] = centred(pixels[i]);
}

void rg_pixels_to_u8(const float *values, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i++) {
        float byte = (values[i] + 1.0f) * 127.5f;
        out[i] = byte >= 255 ? 255 : byte > 0 ? (uint8_t)(byte + 0.5f) : 0; // NaN gives 0
    }
}
