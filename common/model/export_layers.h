// The layers of our networks, written as ONNX nodes (common/onnx/write.h). Each function stands for the operation
// of nn/ops.h with the same name, and computes the same with standard operators.
#ifndef RG_MODEL_EXPORT_LAYERS_H
#define RG_MODEL_EXPORT_LAYERS_H

#include "common/model/layers.h"
#include "common/onnx/write.h"

// A value of the file: a map [N,c,h,w], or with h = 0 a vector [N,c].
typedef struct {
    const char *name;
    int c, h, w;
} rg__map_t;

rg__map_t rg__export_conv(rg_onnx_writer_t *file, rg__map_t x, const rg_conv_t *layer);
rg__map_t rg__export_linear(rg_onnx_writer_t *file, rg__map_t x, const rg_linear_t *layer);
rg__map_t rg__export_act(rg_onnx_writer_t *file, rg__map_t x, enum rg_act act);

// residual NULL: none.
rg__map_t rg__export_instance_norm(rg_onnx_writer_t *file, rg__map_t x, enum rg_act act,
                                   const rg__map_t *residual);
rg__map_t rg__export_adain(rg_onnx_writer_t *file, rg__map_t x, rg__map_t style, int offset, enum rg_act act,
                           const rg__map_t *residual);
rg__map_t rg__export_layer_norm(rg_onnx_writer_t *file, rg__map_t x, const rg_layer_norm_t *norm,
                                enum rg_act act);

rg__map_t rg__export_global_mean(rg_onnx_writer_t *file, rg__map_t x);
rg__map_t rg__export_flatten(rg_onnx_writer_t *file, rg__map_t x);
rg__map_t rg__export_concat(rg_onnx_writer_t *file, rg__map_t a, rg__map_t b); // along channels
rg__map_t rg__export_unit(rg_onnx_writer_t *file, rg__map_t x);

#endif
