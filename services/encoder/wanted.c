#include "services/encoder/wanted.h"

#include <string.h>

#include "common/core/err.h"
#include "common/model/encoders.h"

int rg_wanted_read(rg_wanted_t *wanted, const rg_config_t *config, Rg__V1__Edit *const *edits, size_t n)
{
    rg_wanted_t read;
    memset(read.value, -1, sizeof read.value);
    for (size_t i = 0; i < n; i++) {
        int attribute = rg_config_attribute(config, edits[i]->attribute);
        if (attribute < 0) return attribute;
        if (read.value[attribute] >= 0)
            return rg_fail(RG_EINVAL, "attribute %s is given twice", edits[i]->attribute);
        read.value[attribute] = edits[i]->value != 0;
    }
    *wanted = read;
    return 0;
}

void rg_wanted_draw(const rg_wanted_t *wanted, const rg_config_t *config, uint64_t seed, uint32_t sample,
                    float *code)
{
    unsigned char labels[RG_ATTRIBUTES_MAX];
    rg_rng_t rng;
    for (int a = 0; a < config->data.attributes.count; a++) labels[a] = wanted->value[a] == 1;
    rg_rng_init(&rng, seed, RG_RNG_EVALUATE, sample);
    rg_code_of_labels(config, labels, 1, sample ? &rng : NULL, code);
}

void rg_wanted_apply(const rg_wanted_t *wanted, const rg_config_t *config, const float *from, float *code)
{
    size_t dims = (size_t)config->model.attr_dims;
    for (int a = 0; a < config->data.attributes.count; a++)
        if (wanted->value[a] >= 0)
            memcpy(code + (size_t)a * dims, from + (size_t)a * dims, dims * sizeof *code);
}
