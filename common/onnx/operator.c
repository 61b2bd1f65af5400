// The table of supported operators: how many inputs and which attributes each may have.
#include <string.h>

#include "common/onnx/attribute.h"

enum { MANY = 1 << 20 };

typedef struct {
    const char *name;
    rg__operator_fn *plan;
    int min, max;           // inputs
    const char *attributes; // those we read, and those that mean nothing for inference
} operator_t;

static const operator_t OPERATORS[] = {
    {"Add", rg__op_add, 2, 2, ""},
    {"AveragePool", rg__op_average_pool, 1, 1,
     "auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides"},
    {"BatchNormalization", rg__op_batch_norm, 5, 5, "epsilon momentum spatial training_mode"},
    {"Clip", rg__op_clip, 1, 3, "max min"},
    {"Concat", rg__op_concat, 1, MANY, "axis"},
    {"Conv", rg__op_conv, 2, 3, "auto_pad dilations group kernel_shape pads strides"},
    {"Div", rg__op_div, 2, 2, ""},
    {"Dropout", rg__op_same, 1, 3, "ratio seed"},
    {"Flatten", rg__op_flatten, 1, 1, "axis"},
    {"Gather", rg__op_gather, 2, 2, "axis"},
    {"Gemm", rg__op_gemm, 2, 3, "alpha beta transA transB"},
    {"GlobalAveragePool", rg__op_global_mean, 1, 1, ""},
    {"GlobalMaxPool", rg__op_global_max, 1, 1, ""},
    {"HardSigmoid", rg__op_hard_sigmoid, 1, 1, "alpha beta"},
    {"HardSwish", rg__op_hard_swish, 1, 1, ""},
    {"Identity", rg__op_same, 1, 1, ""},
    {"InstanceNormalization", rg__op_instance_norm, 3, 3, "epsilon"},
    {"LeakyRelu", rg__op_leaky, 1, 1, "alpha"},
    {"MatMul", rg__op_matmul, 2, 2, ""},
    {"MaxPool", rg__op_max_pool, 1, 1,
     "auto_pad ceil_mode dilations kernel_shape pads storage_order strides"},
    {"Mul", rg__op_mul, 2, 2, ""},
    {"Pad", rg__op_pad, 1, 3, "mode pads value"},
    {"ReduceL2", rg__op_reduce_l2, 1, 2, "axes keepdims noop_with_empty_axes"},
    {"ReduceMean", rg__op_reduce_mean, 1, 2, "axes keepdims noop_with_empty_axes"},
    {"Relu", rg__op_relu, 1, 1, ""},
    {"Reshape", rg__op_reshape, 2, 2, "allowzero"},
    {"Resize", rg__op_resize, 3, 3,
     "coordinate_transformation_mode cubic_coeff_a exclude_outside extrapolation_value mode nearest_mode"},
    {"Sigmoid", rg__op_sigmoid, 1, 1, ""},
    {"Slice", rg__op_slice, 3, 5, ""},
    {"Softmax", rg__op_softmax, 1, 1, "axis"},
    {"Squeeze", rg__op_squeeze, 1, 2, "axes"},
    {"Sub", rg__op_sub, 2, 2, ""},
    {"Sum", rg__op_add, 2, 2, ""},
    {"Tanh", rg__op_tanh, 1, 1, ""},
    {"Transpose", rg__op_transpose, 1, 1, "perm"},
    {"Unsqueeze", rg__op_unsqueeze, 1, 2, "axes"},
};

static const operator_t *find_operator(const Rg__Onnx__Node *node)
{
    for (size_t i = 0; i < sizeof OPERATORS / sizeof *OPERATORS; i++)
        if (rg__is_standard(node) && strcmp(OPERATORS[i].name, node->op_type) == 0) return &OPERATORS[i];
    return NULL;
}

int rg__operator_plan(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    const operator_t *known = find_operator(node->proto);
    size_t inputs = node->proto->n_input;
    if (!known) return rg__refuse(plan->graph, node, "the operator is not supported");
    if (inputs < (size_t)known->min || inputs > (size_t)known->max)
        return rg__refuse(plan->graph, node, "%zu inputs, not %d to %d", inputs, known->min, known->max);
    int err = rg__attribute_check((rg__node_of_t){plan->graph, node}, known->attributes);
    return err ? err : known->plan(plan, node, out);
}
