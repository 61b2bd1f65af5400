#include "services/evaluator/precision.h"

#include <math.h>

// Matches of one retrieved image.
typedef struct {
    int attributes, content;
} matches_t;

static matches_t compare(const rg_labelled_t *data, const rg_config_t *config, const rg_target_t *target,
                         uint32_t image)
{
    size_t columns = (size_t)data->set.attributes.count;
    const uint8_t *own = data->set.labels + target->image * columns,
                  *other = data->set.labels + image * columns;
    matches_t matches = {0};
    for (size_t c = 0; c < columns; c++) matches.content += own[c] == other[c];
    for (int a = 0; a < config->data.attributes.count; a++) {
        int column = data->column[a];
        matches.content -= own[column] == other[column];
        matches.attributes += target->wanted[a] == other[column];
    }
    return matches;
}

void rg_precision_add(rg_precision_t *precision, const rg_labelled_t *data, const rg_config_t *config,
                      const rg_target_t *target, const uint32_t *found, int k)
{
    int attributes = config->data.attributes.count, content = data->set.attributes.count - attributes;
    for (int i = 0; i < k; i++) {
        matches_t matches = compare(data, config, target, found[i]);
        precision->attributes += (double)matches.attributes / attributes / k;
        precision->strict += (matches.attributes == attributes) / (double)k;
        if (content) precision->content += (double)matches.content / content / k;
    }
    precision->has_content = content > 0;
    precision->queries++;
}

rg_precision_at_t rg_precision_mean(const rg_precision_t *precision)
{
    double n = (double)precision->queries;
    rg_precision_at_t at = {.attributes = precision->attributes / n,
                            .content = precision->has_content ? precision->content / n : NAN,
                            .strict = precision->strict / n};
    at.average = (at.attributes + at.content) / 2;
    return at;
}
