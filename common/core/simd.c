// Conversion between f32 and binary16. Processors with F16C convert eight values with one instruction. The
// program is compiled for x86-64-v2, which has no F16C, so one function is compiled for it and chosen at run
// time; the scalar loop converts the rest. The conversion to f32 is exact, so both give the same result.
// Scalars are converted by their bits, because clang 14 has no _Float16 on x86-64.
#include "common/core/simd.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>

// Converts eight values at a time. Returns how many values it converted.
__attribute__((target("avx,f16c"))) static size_t convert_eights(float *out, const uint16_t *in, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const void *)(in + i))));
    return i;
}

// clang 14 cannot ask for f16c. Processors with both avx2 and fma have it.
static size_t convert_many(float *out, const uint16_t *in, size_t n)
{
    int fits = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    return fits ? convert_eights(out, in, n) : 0;
}
#else
static size_t convert_many(float *out, const uint16_t *in, size_t n)
{
    (void)out, (void)in, (void)n;
    return 0;
}
#endif

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint16_t half_of(float value)
{
    uint32_t bits = bits_of(value), sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
    if (size > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (size >> 13 & 0x1ff)); // a quiet NaN
    if (size >= 0x477ff000) return (uint16_t)(sign | 0x7c00); // 65520 rounds to infinity
    // Below 2^-14 halves are 2^-24 apart, as floats are from 0.5 on, so the addition rounds.
    if (size < 0x38800000) return (uint16_t)(sign | (bits_of(float_of(size) + 0.5f) - 0x3f000000));
    uint32_t even = size >> 13 & 1;
    return (uint16_t)(sign | (size + 0xfff + even - 0x38000000) >> 13); // the bias is 15, not 127
}

static float float_of_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, size = half & 0x7fff;
    if (size > 0x7c00) return float_of(sign | 0x7fc00000 | size << 13); // a quiet NaN
    if (size == 0x7c00) return float_of(sign | 0x7f800000);
    return float_of(sign | bits_of(float_of(size << 13) * 0x1p112f)); // exact, also below 2^-14
}

void rg_half_from_float(uint16_t *out, const float *in, size_t n)
{
    for (size_t i = 0; i < n; i++) out[i] = half_of(in[i]);
}

void rg_half_to_float(float *out, const uint16_t *in, size_t n)
{
    for (size_t i = convert_many(out, in, n); i < n; i++) out[i] = float_of_half(in[i]);
}
