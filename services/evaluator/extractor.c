#include "services/evaluator/extractor.h"

#include <stdio.h>

void rg_extractor_init(rg_extractor_t *extractor, rg_nets_t *nets)
{
    *extractor = (rg_extractor_t){.nets = nets, .d = RG_CLASSIFIER_FEATURES};
    snprintf(extractor->name, sizeof extractor->name, "builtin-classifier-%s", nets->classifier_weights);
}

int rg_extractor_run(const rg_extractor_t *extractor, float *features, float *logits, const float *pixels,
                     int n)
{
    return rg_nets_classify(extractor->nets, features, logits, pixels, n);
}
