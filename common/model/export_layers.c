// Our fused operations have no single operator in ONNX. Each is written as what its formula says (nn/backend.h), so
// that it computes the same in every runtime, to rounding.
#include "common/model/export_layers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"

#define NODE(...) rg_onnx_write_node(file, __VA_ARGS__, NULL)
#define INTS(...)                                                                                            \
    (const int64_t[])                                                                                        \
    {                                                                                                        \
        __VA_ARGS__                                                                                          \
    }

static const float EPSILON = 1e-5f, LENGTH_MIN = 1e-12f; // of norms and of unit vectors, as in nn/backend.h

// ---- parameters

static const char *export_param(rg_onnx_writer_t *file, const rg_param_t *param)
{
    return rg_onnx_write_floats(file, param->name, param->rank, param->shape, param->value);
}

// A number per channel, [C,1,1], as maps need it.
static const char *export_by_channel(rg_onnx_writer_t *file, const rg_param_t *param)
{
    return rg_onnx_write_floats(file, param->name, 3, (int[]){param->shape[0], 1, 1}, param->value);
}

// The nodes of a layer are named after its weights: "generator.res.0.a.weight" -> "generator.res.0.a".
static void enter_layer(rg_onnx_writer_t *file, const rg_param_t *param)
{
    char *name = rg_strdup(param->name);
    *strrchr(name, '.') = 0;
    rg_onnx_write_scope(file, name);
    free(name);
}

// ---- convolutions and products

static const char *export_reflection(rg_onnx_writer_t *file, const char *x, int64_t pad)
{
    x = NODE("Pad", x, rg_onnx_write_ints(file, 8, INTS(0, 0, pad, pad, 0, 0, pad, pad)));
    rg_onnx_write_text(file, "mode", "reflect");
    return x;
}

static const char *export_doubling(rg_onnx_writer_t *file, const char *x)
{
    static const float scales[] = {1, 1, 2, 2};
    x = NODE("Resize", x, "", rg_onnx_write_floats(file, "double", 1, (int[]){4}, scales));
    rg_onnx_write_text(file, "mode", "nearest");
    rg_onnx_write_text(file, "coordinate_transformation_mode", "asymmetric");
    rg_onnx_write_text(file, "nearest_mode", "floor");
    return x;
}

rg__map_t rg__export_conv(rg_onnx_writer_t *file, rg__map_t x, const rg_conv_t *layer)
{
    const int *w = layer->weight->shape, scale = layer->up ? 2 : 1;
    int64_t k = w[2], pad = layer->reflect ? 0 : layer->pad;
    enter_layer(file, layer->weight);
    if (layer->reflect) x.name = export_reflection(file, x.name, layer->pad);
    if (layer->up) x.name = export_doubling(file, x.name);
    x.name = NODE("Conv", x.name, export_param(file, layer->weight),
                  layer->bias ? export_param(file, layer->bias) : NULL);
    rg_onnx_write_list(file, "kernel_shape", 2, INTS(k, k));
    rg_onnx_write_list(file, "strides", 2, INTS(layer->stride, layer->stride));
    rg_onnx_write_list(file, "pads", 4, INTS(pad, pad, pad, pad));
    x.c = w[0];
    x.h = (scale * x.h + 2 * layer->pad - w[2]) / layer->stride + 1;
    x.w = (scale * x.w + 2 * layer->pad - w[2]) / layer->stride + 1;
    return rg__export_act(file, x, layer->act);
}

rg__map_t rg__export_linear(rg_onnx_writer_t *file, rg__map_t x, const rg_linear_t *layer)
{
    enter_layer(file, layer->weight);
    x.name = NODE("Gemm", x.name, export_param(file, layer->weight), export_param(file, layer->bias));
    rg_onnx_write_int(file, "transB", 1);
    x.c = layer->weight->shape[0];
    return rg__export_act(file, x, layer->act);
}

// ---- activations

rg__map_t rg__export_act(rg_onnx_writer_t *file, rg__map_t x, enum rg_act act)
{
    static const char *const names[] = {[RG_ACT_RELU] = "Relu",
                                        [RG_ACT_LEAKY] = "LeakyRelu",
                                        [RG_ACT_TANH] = "Tanh",
                                        [RG_ACT_SIGMOID] = "Sigmoid"};
    if (act == RG_ACT_NONE) return x;
    x.name = NODE(names[act], x.name);
    if (act == RG_ACT_LEAKY) rg_onnx_write_float(file, "alpha", RG_LEAKY_SLOPE);
    return x;
}

static rg__map_t export_end(rg_onnx_writer_t *file, rg__map_t x, enum rg_act act, const rg__map_t *residual)
{
    if (residual) x.name = NODE("Add", x.name, residual->name);
    return rg__export_act(file, x, act);
}

// ---- norms

static rg__map_t export_normalised(rg_onnx_writer_t *file, rg__map_t x)
{
    x.name = NODE("InstanceNormalization", x.name, rg_onnx_write_number(file, x.c, 1),
                  rg_onnx_write_number(file, x.c, 0));
    rg_onnx_write_float(file, "epsilon", EPSILON);
    return x;
}

rg__map_t rg__export_instance_norm(rg_onnx_writer_t *file, rg__map_t x, enum rg_act act,
                                   const rg__map_t *residual)
{
    return export_end(file, export_normalised(file, x), act, residual);
}

// c numbers of a vector from `first` on, as [N,c,1,1].
static const char *export_slice(rg_onnx_writer_t *file, rg__map_t x, int first, int c)
{
    const char *part =
        NODE("Slice", x.name, rg_onnx_write_ints(file, 1, INTS(first)),
             rg_onnx_write_ints(file, 1, INTS(first + c)), rg_onnx_write_ints(file, 1, INTS(1)));
    return NODE("Reshape", part, rg_onnx_write_ints(file, 4, INTS(0, c, 1, 1)));
}

rg__map_t rg__export_adain(rg_onnx_writer_t *file, rg__map_t x, rg__map_t style, int offset, enum rg_act act,
                           const rg__map_t *residual)
{
    x = export_normalised(file, x);
    x.name = NODE("Mul", x.name, export_slice(file, style, offset + x.c, x.c));
    x.name = NODE("Add", x.name, export_slice(file, style, offset, x.c));
    return export_end(file, x, act, residual);
}

// Of n numbers, the length of what differs from their mean is std * sqrt(n - 1).
rg__map_t rg__export_layer_norm(rg_onnx_writer_t *file, rg__map_t x, const rg_layer_norm_t *norm,
                                enum rg_act act)
{
    double n = (double)x.c * x.h * x.w;
    enter_layer(file, norm->gain);
    const char *mean = NODE("ReduceMean", x.name);
    rg_onnx_write_list(file, "axes", 3, INTS(1, 2, 3));
    const char *centred = NODE("Sub", x.name, mean), *length = NODE("ReduceL2", centred);
    rg_onnx_write_list(file, "axes", 3, INTS(1, 2, 3));
    const char *std = NODE("Mul", length, rg_onnx_write_number(file, 0, (float)(1 / sqrt(n - 1))));
    x.name = NODE("Div", centred, NODE("Add", std, rg_onnx_write_number(file, 0, EPSILON)));
    x.name = NODE("Mul", x.name, export_by_channel(file, norm->gain));
    x.name = NODE("Add", x.name, export_by_channel(file, norm->shift));
    return rg__export_act(file, x, act);
}

rg__map_t rg__export_unit(rg_onnx_writer_t *file, rg__map_t x)
{
    const char *length = NODE("ReduceL2", x.name);
    rg_onnx_write_list(file, "axes", 1, INTS(1));
    x.name = NODE("Div", x.name, NODE("Clip", length, rg_onnx_write_number(file, 0, LENGTH_MIN)));
    return x;
}

// ---- shapes

rg__map_t rg__export_global_mean(rg_onnx_writer_t *file, rg__map_t x)
{
    x.name = NODE("GlobalAveragePool", x.name);
    x.h = x.w = 1;
    return rg__export_flatten(file, x);
}

rg__map_t rg__export_flatten(rg_onnx_writer_t *file, rg__map_t x)
{
    x.name = NODE("Flatten", x.name);
    return (rg__map_t){x.name, x.c * x.h * x.w};
}

rg__map_t rg__export_concat(rg_onnx_writer_t *file, rg__map_t a, rg__map_t b)
{
    a.name = NODE("Concat", a.name, b.name);
    rg_onnx_write_int(file, "axis", 1);
    a.c += b.c;
    return a;
}
