// Conversion between f32 and binary16. Processors with F16C convert eight values with one instruction. The
// program is compiled for x86-64-v2, which has no F16C, so one function is compiled for it and chosen at run
// time; the scalar loop converts the rest. The conversion to f32 is exact, so both give the same result.
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

static size_t convert_many(float *out, const uint16_t *in, size_t n)
{
    return __builtin_cpu_supports("f16c") ? convert_eights(out, in, n) : 0;
}
#else
static size_t convert_many(float *out, const uint16_t *in, size_t n)
{
    (void)out, (void)in, (void)n;
    return 0;
}
#endif

void rg_half_from_float(uint16_t *out, const float *in, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        _Float16 value = (_Float16)in[i];
        memcpy(&out[i], &value, sizeof value);
    }
}

void rg_half_to_float(float *out, const uint16_t *in, size_t n)
{
    for (size_t i = convert_many(out, in, n); i < n; i++) {
        _Float16 value;
        memcpy(&value, &in[i], sizeof value);
        out[i] = (float)value;
    }
}
