#include "common/data/target.h"

#include <string.h>

static int is_exclusive(const rg_data_config_t *data, int attribute)
{
    return rg_names_find(&data->exclusive, data->attributes.name[attribute]) >= 0;
}

void rg_labels_flip(const rg_data_config_t *data, const unsigned char *source, int flip,
                    unsigned char *wanted)
{
    int attributes = data->attributes.count;
    memcpy(wanted, source, (size_t)attributes);
    for (int i = 0; !source[flip] && is_exclusive(data, flip) && i < attributes; i++)
        if (is_exclusive(data, i)) wanted[i] = 0;
    wanted[flip] = !source[flip];
}

void rg_labels_column(const rg_data_config_t *data, const unsigned char *source, int attribute,
                      unsigned char *wanted)
{
    if (source[attribute] && is_exclusive(data, attribute))
        memcpy(wanted, source, (size_t)data->attributes.count);
    else
        rg_labels_flip(data, source, attribute, wanted);
}

void rg_labels_read(const rg_dataset_t *set, const int *column, const rg_data_config_t *data, uint32_t image,
                    unsigned char *out)
{
    const uint8_t *row = set->labels + (size_t)image * (size_t)set->attributes.count;
    for (int a = 0; a < data->attributes.count; a++) out[a] = row[column[a]];
}

static int shows(const rg_target_t *target, const unsigned char *labels, int attributes, int exactly)
{
    if (exactly) return memcmp(labels, target->wanted, (size_t)attributes) == 0;
    return labels[target->asked] == target->wanted[target->asked];
}

// The first image that fits, searched from a random position on.
static uint32_t draw_reference(const rg_target_t *target, const rg_dataset_t *set, const int *column,
                               const rg_data_config_t *data, int exactly, rg_rng_t *rng)
{
    uint32_t n = set->n_train_annotated, start = n ? rg_rng_below(rng, n) : 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t image = set->train_annotated[(start + i) % n];
        unsigned char labels[RG_ATTRIBUTES_MAX];
        rg_labels_read(set, column, data, image, labels);
        if (shows(target, labels, data->attributes.count, exactly)) return image;
    }
    return RG_NO_REFERENCE;
}

void rg_target_draw(rg_target_t *target, const rg_dataset_t *set, const int *column,
                    const rg_data_config_t *data, uint32_t image, rg_rng_t *rng)
{
    *target = (rg_target_t){.image = image};
    rg_labels_read(set, column, data, image, target->source);
    target->asked = (int)rg_rng_below(rng, (uint32_t)data->attributes.count);
    rg_labels_flip(data, target->source, target->asked, target->wanted);
    target->reference = draw_reference(target, set, column, data, 1, rng);
    if (target->reference == RG_NO_REFERENCE)
        target->reference = draw_reference(target, set, column, data, 0, rng);
}
