#include "common/data/target.h"

#include <string.h>

void rg_labels_flip(const rg_config_t *config, const unsigned char *source, int flip, unsigned char *wanted)
{
    const rg_names_t *names = &config->data.attributes, *exclusive = &config->data.exclusive;
    memcpy(wanted, source, (size_t)names->count);
    if (!source[flip] && rg_names_find(exclusive, names->name[flip]) >= 0)
        for (int i = 0; i < names->count; i++)
            if (rg_names_find(exclusive, names->name[i]) >= 0) wanted[i] = 0;
    wanted[flip] = !source[flip];
}

void rg_labels_read(const rg_dataset_t *set, const int *column, const rg_config_t *config, uint32_t image,
                    unsigned char *out)
{
    const uint8_t *row = set->labels + (size_t)image * (size_t)set->attributes.count;
    for (int a = 0; a < config->data.attributes.count; a++) out[a] = row[column[a]];
}

static int shows(const rg_target_t *target, const unsigned char *labels, int attributes, int exactly)
{
    if (exactly) return memcmp(labels, target->wanted, (size_t)attributes) == 0;
    return labels[target->asked] == target->wanted[target->asked];
}

// The first that fits from a random place on.
static uint32_t draw_reference(const rg_target_t *target, const rg_dataset_t *set, const int *column,
                               const rg_config_t *config, int exactly, rg_rng_t *rng)
{
    uint32_t n = set->n_train_annotated, start = n ? rg_rng_below(rng, n) : 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t image = set->train_annotated[(start + i) % n];
        unsigned char labels[RG_ATTRIBUTES_MAX];
        rg_labels_read(set, column, config, image, labels);
        if (shows(target, labels, config->data.attributes.count, exactly)) return image;
    }
    return RG_NO_REFERENCE;
}

void rg_target_draw(rg_target_t *target, const rg_dataset_t *set, const int *column, const rg_config_t *config,
                    uint32_t image, rg_rng_t *rng)
{
    *target = (rg_target_t){.image = image};
    rg_labels_read(set, column, config, image, target->source);
    target->asked = (int)rg_rng_below(rng, (uint32_t)config->data.attributes.count);
    rg_labels_flip(config, target->source, target->asked, target->wanted);
    target->reference = draw_reference(target, set, column, config, 1, rng);
    if (target->reference == RG_NO_REFERENCE) target->reference = draw_reference(target, set, column, config, 0, rng);
}
