// Code for the vector units of a processor, chosen at run time.
#ifndef RG_CORE_SIMD_H
#define RG_CORE_SIMD_H

#include <stddef.h>
#include <stdint.h>

// RG_HOT before a function compiles it for three levels of x86-64; the first call chooses the one that fits
// the processor. Use it for leaf loops without OpenMP regions: the compiler moves a region into a function of
// its own before it clones, so the region would run the baseline code.
//
// clang 14 compares the exact model of the processor for "arch=", so there a feature names each level: fma
// implies avx, and avx512f implies avx2 and fma. clang 14 names clones so that only their own file can call
// them, so every such function is static.
#if defined(RG_SANITIZED) || !defined(__x86_64__)
#define RG_HOT
#elif defined(__clang__)
#define RG_HOT __attribute__((target_clones("default", "fma", "avx512f")))
#else
#define RG_HOT __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#endif

// IEEE binary16 (dtype F16), the form in which features of images are stored and sent. n values; rounds to
// nearest, ties to even; values beyond 65504 become infinity.
void rg_half_from_float(uint16_t *out, const float *in, size_t n);
void rg_half_to_float(float *out, const uint16_t *in, size_t n);

#endif
