#include "common/core/half.h"

#include <string.h>

void rg_half_from_float(uint16_t *out, const float *in, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        _Float16 value = (_Float16)in[i];
        memcpy(&out[i], &value, sizeof value);
    }
}

void rg_half_to_float(float *out, const uint16_t *in, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        _Float16 value;
        memcpy(&value, &in[i], sizeof value);
        out[i] = (float)value;
    }
}
