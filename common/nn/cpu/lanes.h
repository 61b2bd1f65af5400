// A vector of sixteen channels of one pixel, for the hot loops. The compiler maps it to the vectors of each
// processor level (core/simd.h).
#ifndef RG_NN_CPU_LANES_H
#define RG_NN_CPU_LANES_H

#include <stddef.h>
#include <stdint.h>

enum { RG_LANES = 16 };

typedef float rg__lanes_t __attribute__((vector_size(64), aligned(4), may_alias));

#define RG_INLINE static inline __attribute__((always_inline))

RG_INLINE rg__lanes_t rg__load(const float *p)
{
    return *(const rg__lanes_t *)p;
}

RG_INLINE void rg__store(float *p, const rg__lanes_t *v)
{
    *(rg__lanes_t *)p = *v;
}

// Stores sixteen floats as bfloat16, rounded to nearest even. The values must be finite.
RG_INLINE void rg__store_bf16(uint16_t *p, const rg__lanes_t *v)
{
    typedef uint32_t bits_t __attribute__((vector_size(64)));
    typedef uint16_t half_t __attribute__((vector_size(32), aligned(2), may_alias));
    bits_t bits = (bits_t)*v;
    *(half_t *)p = __builtin_convertvector((bits + 0x7fff + (bits >> 16 & 1)) >> 16, half_t);
}

// Stores v at position i of an array of f32, or of bfloat16 if `half`.
RG_INLINE void rg__put(void *values, int half, size_t i, const rg__lanes_t *v)
{
    if (half)
        rg__store_bf16((uint16_t *)values + i, v);
    else
        rg__store((float *)values + i, v);
}

// The sum of all lanes: halves are added, so that the additions run in parallel.
RG_INLINE float rg__lane_sum(rg__lanes_t v)
{
    typedef float half_t __attribute__((vector_size(32)));
    typedef float quarter_t __attribute__((vector_size(16)));
    half_t h = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
               __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
    quarter_t q = __builtin_shufflevector(h, h, 0, 1, 2, 3) + __builtin_shufflevector(h, h, 4, 5, 6, 7);
    return (q[0] + q[2]) + (q[1] + q[3]);
}

// v if positive, otherwise slope * v
RG_INLINE rg__lanes_t rg__leak(rg__lanes_t v, float slope)
{
    typedef int mask_t __attribute__((vector_size(64)));
    mask_t positive = v > 0;
    return (rg__lanes_t)((positive & (mask_t)v) | (~positive & (mask_t)(v * slope)));
}

#endif
