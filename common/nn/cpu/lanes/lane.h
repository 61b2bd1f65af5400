// A vector of adjacent channels of one pixel, for the files of this folder. They are compiled once for each width
// of vectors, RG_LANE_BYTES: one vector register of the processors that run the copy (loops.h). A compiler that
// splits wider vectors itself keeps the pieces in memory.
#ifndef RG_NN_CPU_LANES_LANE_H
#define RG_NN_CPU_LANES_LANE_H

#include <stddef.h>
#include <stdint.h>

#include "common/core/simd.h"

enum { RG_LANES = RG_LANE_BYTES / sizeof(float) };

typedef float rg__lanes_t __attribute__((vector_size(RG_LANE_BYTES), aligned(4), may_alias));

// A name of this copy: RG_LANES_NAME(rg__dot_loops) is rg__dot_loops_32 in the copy of 32 bytes.
#define RG_LANES_NAME(name)          RG__LANES_JOIN(name, RG_LANE_BYTES)
#define RG__LANES_JOIN(name, bytes)  RG__LANES_PASTE(name, bytes)
#define RG__LANES_PASTE(name, bytes) name##_##bytes

RG_INLINE rg__lanes_t rg__load(const float *p)
{
    return *(const rg__lanes_t *)p;
}

RG_INLINE void rg__store(float *p, const rg__lanes_t *v)
{
    *(rg__lanes_t *)p = *v;
}

// Stores the floats as bfloat16, rounded to nearest even. The values must be finite.
RG_INLINE void rg__store_bf16(uint16_t *p, const rg__lanes_t *v)
{
    typedef uint32_t bits_t __attribute__((vector_size(RG_LANE_BYTES)));
    typedef uint16_t half_t __attribute__((vector_size(RG_LANE_BYTES / 2), aligned(2), may_alias));
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
#if RG_LANE_BYTES == 16
    return (v[0] + v[2]) + (v[1] + v[3]);
#else
    typedef float four_t __attribute__((vector_size(16)));
    typedef float eight_t __attribute__((vector_size(32)));
#if RG_LANE_BYTES == 64
    eight_t e = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
                __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
#else
    eight_t e = v;
#endif
    four_t f = __builtin_shufflevector(e, e, 0, 1, 2, 3) + __builtin_shufflevector(e, e, 4, 5, 6, 7);
    return (f[0] + f[2]) + (f[1] + f[3]);
#endif
}

// v if positive, otherwise slope * v
RG_INLINE rg__lanes_t rg__leak(rg__lanes_t v, float slope)
{
    typedef int mask_t __attribute__((vector_size(RG_LANE_BYTES)));
    mask_t positive = v > 0;
    return (rg__lanes_t)((positive & (mask_t)v) | (~positive & (mask_t)(v * slope)));
}

#endif
