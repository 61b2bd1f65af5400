// The built-in extractor: a small classifier of every annotated attribute, trained here. Its pooled features
// and logits stand in for Inception's where the user brings no weights; metrics made with it are named by it
// (rg-unit section 7).
//   x [N,S,S,3] -> features [N,1,1,256], logits [N,1,1,attributes]
#ifndef RG_MODEL_CLASSIFIER_H
#define RG_MODEL_CLASSIFIER_H

#include "common/model/layers.h"

enum { RG_CLASSIFIER_BLOCKS = 4, RG_CLASSIFIER_FEATURES = 256 };

typedef struct {
    rg_conv_t conv[RG_CLASSIFIER_BLOCKS]; // 3x3, then 4x4/2; widths 32, 64, 128, 256
    rg_layer_norm_t norm[RG_CLASSIFIER_BLOCKS];
    rg_linear_t head;
} rg_classifier_t;

typedef struct {
    rg_tensor_t *features, *logits;
} rg_classes_t;

void rg_classifier_declare(rg_classifier_t *net, rg_params_t *set, int attributes);
rg_classes_t rg_classify(rg_tape_t *tape, const rg_classifier_t *net, rg_tensor_t *x);

#endif
