// Half-precision storage: what the generator reads of a neighbour travels and rests as IEEE binary16 (DTYPE
// F16).
#ifndef RG_CORE_HALF_H
#define RG_CORE_HALF_H

#include <stddef.h>
#include <stdint.h>

// n values, round to nearest even; beyond 65504 becomes infinity.
void rg_half_from_float(uint16_t *out, const float *in, size_t n);
void rg_half_to_float(float *out, const uint16_t *in, size_t n);

#endif
