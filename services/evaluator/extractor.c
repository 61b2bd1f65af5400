#include "services/evaluator/extractor.h"

#include <stdio.h>
#include <string.h>

#include "common/core/err.h"

enum { FEATURES, CLASSES, VALUES };

// Maps are averaged over their positions.
static int open_network(rg_extractor_t *extractor, const rg_config_t *config)
{
    const char *features = config->evaluation.extractor.features,
               *classes = config->evaluation.extractor.classes;
    const char *const values[VALUES] = {features, classes};
    const rg_network_spec_t spec = {.file = config->evaluation.extractor.file,
                                    .values = values,
                                    .n = *classes ? VALUES : VALUES - 1,
                                    .side = config->data.img_size,
                                    .size = config->evaluation.extractor.size,
                                    .pixels = config->evaluation.extractor.pixels};
    char name[RG_NETWORK_NAME];
    int err = rg_network_open(&extractor->network, &spec, extractor->nets->tape);
    if (err) return err;
    rg_network_name(&extractor->network, name);
    snprintf(extractor->name, sizeof extractor->name, "%s features=%.64s%s%.64s", name, features,
             *classes ? " classes=" : "", classes);
    extractor->d = rg_network_shape(&extractor->network, FEATURES).c;
    if (spec.n == VALUES) extractor->classes = rg_network_shape(&extractor->network, CLASSES).c;
    if (extractor->d <= RG_CLASSES_MAX && extractor->classes <= RG_CLASSES_MAX) return 0;
    rg_network_close(&extractor->network);
    return rg_fail(RG_EMODEL, "%s: %d features and %d classes are more than the %d of each that are taken",
                   spec.file, extractor->d, extractor->classes, RG_CLASSES_MAX);
}

int rg_extractor_open(rg_extractor_t *extractor, const rg_config_t *config, rg_nets_t *nets)
{
    *extractor = (rg_extractor_t){.nets = nets, .d = RG_CLASSIFIER_FEATURES};
    if (*config->evaluation.extractor.file) return open_network(extractor, config);
    snprintf(extractor->name, sizeof extractor->name, "builtin-classifier-%s", nets->classifier_weights);
    return 0;
}

void rg_extractor_close(rg_extractor_t *extractor)
{
    rg_network_close(&extractor->network);
}

// Mean over positions of a value [n,h,w,c], into rows [n,c].
static void take(float *rows, const rg_tensor_t *value)
{
    size_t positions = (size_t)value->h * (size_t)value->w, c = (size_t)value->c;
    memset(rows, 0, (size_t)value->n * c * sizeof *rows);
    for (size_t i = 0; i < (size_t)value->n * positions * c; i++)
        rows[i / (positions * c) * c + i % c] += value->data[i] / (float)positions;
}

int rg_extractor_run(const rg_extractor_t *extractor, const rg_said_t *said, const float *pixels, int n)
{
    rg_tensor_t *value[VALUES];
    if (!extractor->network.onnx)
        return rg_nets_classify(extractor->nets, said->features, said->logits, pixels, n);
    int err = rg_nets_classify(extractor->nets, NULL, said->logits, pixels, n);
    if (err) return err;
    rg_network_look(&extractor->network, pixels, n, value);
    take(said->features, value[FEATURES]);
    if (extractor->classes) take(said->classes, value[CLASSES]);
    return rg_network_done(&extractor->network);
}
