#include "services/evaluator/features.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"

void rg_features_init(rg_features_t *features, uint32_t room, int d, int classes)
{
    *features = (rg_features_t){.d = d,
                                .classes = classes,
                                .row = rg_alloc((size_t)room * (size_t)d * sizeof *features->row),
                                .probability =
                                    rg_alloc((size_t)room * (size_t)classes * sizeof *features->probability),
                                .target = rg_alloc(room * sizeof *features->target)};
}

void rg_features_fini(rg_features_t *features)
{
    free(features->row);
    free(features->probability);
    free(features->target);
}

rg_features_room_t rg_features_next(rg_features_t *features, const rg_target_t *targets, int n)
{
    size_t first = features->n;
    memcpy(features->target + first, targets, (size_t)n * sizeof *targets);
    features->n += (uint32_t)n;
    return (rg_features_room_t){features->row + first * (size_t)features->d,
                                features->probability + first * (size_t)features->classes};
}

rg_vectors_t rg_features_all(const rg_features_t *features)
{
    return (rg_vectors_t){features->row, features->n, features->d};
}

static int shows(const rg_target_t *target, rg_domain_t domain)
{
    return target->source[domain.attribute] == domain.value;
}

static int becomes(const rg_target_t *target, rg_domain_t domain)
{
    return target->asked == domain.attribute && target->wanted[domain.attribute] == domain.value;
}

static rg_vectors_t gather(const rg_features_t *features, int (*belongs)(const rg_target_t *, rg_domain_t),
                           rg_domain_t domain, float *part)
{
    size_t n = 0, width = (size_t)features->d;
    for (uint32_t i = 0; i < features->n; i++)
        if (belongs(&features->target[i], domain))
            memcpy(part + n++ * width, features->row + i * width, width * sizeof *part);
    return (rg_vectors_t){part, n, features->d};
}

rg_vectors_t rg_features_showing(const rg_features_t *features, rg_domain_t domain, float *part)
{
    return gather(features, shows, domain, part);
}

rg_vectors_t rg_features_becoming(const rg_features_t *features, rg_domain_t domain, float *part)
{
    return gather(features, becomes, domain, part);
}
