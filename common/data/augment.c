#include "common/core/hot.h"
#include "common/data/image.h"

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

static float clamp_byte(float value)
{
    return value < 0 ? 0 : value > 255 ? 255 : value;
}

static float centred(float byte)
{
    return byte * (2.0f / 255.0f) - 1.0f;
}

void rg_image_augment(const uint8_t *pixels, int size, double jitter, rg_rng_t *rng, float *out)
{
    int flip = rg_rng_uniform(rng) < 0.5f;
    float brightness = 1 + (float)jitter * (2 * rg_rng_uniform(rng) - 1);
    float contrast = 1 + (float)jitter * (2 * rg_rng_uniform(rng) - 1);
    float mean = mean_grey(pixels, size) * brightness, value[256]; // what becomes of each grey level
    for (int i = 0; i < 256; i++)
        value[i] = centred(clamp_byte(mean + contrast * (clamp_byte((float)i * brightness) - mean)));
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            const uint8_t *pixel =
                pixels + 3 * ((size_t)y * (size_t)size + (size_t)(flip ? size - 1 - x : x));
            for (int c = 0; c < 3; c++) *out++ = value[pixel[c]];
        }
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
