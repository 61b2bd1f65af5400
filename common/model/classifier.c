#include "common/model/classifier.h"

#include <stdio.h>

void rg_classifier_declare(rg_classifier_t *net, rg_params_t *set, int attributes)
{
    static const int widths[RG_CLASSIFIER_BLOCKS] = {32, 64, 128, RG_CLASSIFIER_FEATURES};
    int width = 3;
    char name[32];
    for (int i = 0; i < RG_CLASSIFIER_BLOCKS; i++) {
        snprintf(name, sizeof name, "conv.%d", i);
        net->conv[i] = rg_layer_conv(
            set, name,
            (rg_conv_spec_t){.in = width, .out = widths[i], .k = i ? 4 : 3, .stride = i ? 2 : 1, .pad = 1});
        net->norm[i] = rg_layer_layer_norm(set, name, widths[i]);
        width = widths[i];
    }
    net->head = rg_layer_linear(set, "head", width, attributes, RG_ACT_NONE);
}

rg_classes_t rg_classify(rg_tape_t *tape, const rg_classifier_t *net, rg_tensor_t *x)
{
    for (int i = 0; i < RG_CLASSIFIER_BLOCKS; i++)
        x = rg_layer_norm(tape, rg_conv(tape, x, &net->conv[i]), net->norm[i].gain, net->norm[i].shift,
                          RG_ACT_RELU);
    rg_tensor_t *features = rg_global_mean(tape, x);
    return (rg_classes_t){.features = features, .logits = rg_linear(tape, features, &net->head)};
}
