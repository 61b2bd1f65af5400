// Code for the vector units of a processor, chosen at run time.
#ifndef RG_CORE_SIMD_H
#define RG_CORE_SIMD_H

#include <stddef.h>
#include <stdint.h>

// RG_HOT before a function compiles it for three levels of x86-64; the first call chooses the one that fits
// the processor. Use it for leaf loops without OpenMP regions: the compiler moves a region into a function of
// its own before it clones, so the region would run the baseline code. A build with RG_AVX512=OFF leaves out
// the highest level, so that it runs what processors without AVX-512 run.
//
// clang 14 compares the exact model of the processor for "arch=", so there a feature names each level: fma
// implies avx, and avx512f implies avx2 and fma. clang 14 names clones so that only their own file can call
// them, so every such function is static.
#if defined(__clang__)
#define RG__LEVELS "default", "fma"
#define RG__AVX512 "avx512f"
#else
#define RG__LEVELS "default", "arch=x86-64-v3"
#define RG__AVX512 "arch=x86-64-v4"
#endif
#if defined(RG_SANITIZED) || !defined(__x86_64__)
#define RG_HOT
#elif defined(RG_NO_AVX512)
#define RG_HOT __attribute__((target_clones(RG__LEVELS)))
#else
#define RG_HOT __attribute__((target_clones(RG__LEVELS, RG__AVX512)))
#endif

// Before a function that a caller's constants specialise: it is compiled into each caller.
#define RG_INLINE static inline __attribute__((always_inline))

// IEEE binary16 (dtype F16), the form in which features of images are stored and sent. n values; rounds to
// nearest, ties to even; values beyond 65504 become infinity.
void rg_half_from_float(uint16_t *out, const float *in, size_t n);
void rg_half_to_float(float *out, const uint16_t *in, size_t n);

#endif
