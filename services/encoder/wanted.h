// The attributes a request wants, and what they make of a code (rg-unit section 4): the dims of the
// attributes named are replaced, all others keep the code of the source.
#ifndef RG_ENCODER_WANTED_H
#define RG_ENCODER_WANTED_H

#include "common/config/config.h"
#include "encode.pb-c.h"

typedef struct {
    signed char value[RG_ATTRIBUTES_MAX]; // of data.attributes: 0, 1, or -1 where not named
} rg_wanted_t;

// RG_ECONFIG for a name that is not in data.attributes, RG_EINVAL for one given twice.
int rg_wanted_read(rg_wanted_t *wanted, const rg_config_t *config, Rg__V1__Edit *const *edits, size_t n);

// code [Z] of the wanted values: the component means for sample 0, draws around them for the others. A draw
// depends on seed and sample alone, not on which attributes are named.
void rg_wanted_draw(const rg_wanted_t *wanted, const rg_config_t *config, uint64_t seed, uint32_t sample,
                    float *code);

// Replaces the named attributes' dims of code [Z] by those of from [Z].
void rg_wanted_apply(const rg_wanted_t *wanted, const rg_config_t *config, const float *from, float *code);

#endif
