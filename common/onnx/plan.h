// A plan: the steps that compute the wanted values for inputs of one size. Planning infers shapes, leaves out
// nodes that no wanted value needs, and folds scales and activations into the steps before them.
#ifndef RG_ONNX_PLAN_H
#define RG_ONNX_PLAN_H

#include "common/onnx/graph.h"
#include "common/onnx/onnx.h"
#include "common/onnx/step.h"

// The shape of a value in ONNX's terms: rank 4 is [N,c,h,w], or [N,h,w,c] with `nhwc`; rank 3 [N,h,w] (c = 1);
// rank 2 [N,c] (h = w = 1). The engine's tensor is the same with and without nhwc, so a Transpose from one to
// the other costs nothing.
typedef struct {
    int rank, c, h, w;
    int nhwc;
} rg__shape_t;

// A value of the graph. Reflection padding and upsampling are parts of the engine's convolutions. So the nodes
// Pad and Resize compute nothing: the next Conv does what they ask for, and no other node may read them.
typedef struct {
    int tensor; // an input (0..) or the result of step i (n_inputs + i); RG__NO_TENSOR: not computed
    rg__shape_t shape;
    int reflect; // the shape has this much reflection padding around the tensor
    int up;      // the shape is the tensor's, doubled by repeating pixels
} rg__state_t;
enum { RG__NO_TENSOR = -1 };

typedef struct {
    const rg__graph_t *graph;
    rg__state_t *state; // of each value
    int *readers;       // of each value: how many nodes read it, plus 1 if the caller wants it
    rg__step_t *steps;
    int n_steps, capacity;
    int *last;             // the last step that reads tensor i; -1: keep it
    int *wanted, count;    // values
    int *inputs, n_inputs; // values
    double floats;         // in the maps of one image
    double work;           // multiplications and comparisons for one image
    rg_params_t params;    // frozen
} rg__plan_t;

// Errors as rg_onnx_plan. Call fini whatever init returns.
int rg__plan_init(rg__plan_t *plan, const rg__graph_t *graph, const rg_onnx_input_t *inputs, int n_inputs,
                  const char *const *names, int count);
void rg__plan_fini(rg__plan_t *plan);

// ---- for operators: each translates one node into steps

// Input i of the node as a value's number (-1: omitted), as a computed value, as constant floats or integers.
// RG_EMODEL if it is not of that kind.
int rg__node_input(const rg__node_t *node, int i);
int rg__plan_value(const rg__plan_t *plan, const rg__node_t *node, int i, rg__state_t *state);
int rg__plan_map(const rg__plan_t *plan, const rg__node_t *node, rg__state_t *x); // input 0, [N,c,h,w]
// Input 0 with what a convolution may do first: reflect or up.
int rg__plan_unready(const rg__plan_t *plan, const rg__node_t *node, rg__state_t *x);
int rg__plan_floats(const rg__plan_t *plan, const rg__node_t *node, int i, const rg__constant_t **constant);
int rg__plan_ints(const rg__plan_t *plan, const rg__node_t *node, int i, const rg__constant_t **constant);

// Adds a step with these inputs and this output shape, which costs `taps` multiplications or comparisons per
// number. out is its result. RG_ELIMIT: the plan grows too large.
int rg__plan_step(rg__plan_t *plan, const rg__node_t *node, const rg__step_t *step, const int *x, int n_x,
                  rg__shape_t shape, double taps, rg__state_t *out);
// The same for one input.
int rg__plan_unary(rg__plan_t *plan, const rg__node_t *node, const rg__step_t *step, int x, rg__shape_t shape,
                   double taps, rg__state_t *out);

// x * gain + shift per channel, then an activation. Folded into the step that computes x if possible.
int rg__plan_scale(rg__plan_t *plan, const rg__node_t *node, rg__state_t x, const float *gain,
                   const float *shift, rg__state_t *out);
int rg__plan_act(rg__plan_t *plan, const rg__node_t *node, rg__state_t x, enum rg_act act, rg__state_t *out);

// ---- axes

enum { RG__AXIS_N, RG__AXIS_C, RG__AXIS_H, RG__AXIS_W };

// Which of these an axis of the value is (from the end if negative); -1: the value has no such axis.
int rg__axis(rg__shape_t x, int64_t axis);

// ---- the operators; out is the node's first output
typedef int rg__operator_fn(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out);

int rg__operator_plan(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out);

rg__operator_fn rg__op_conv, rg__op_max_pool, rg__op_average_pool, rg__op_global_mean, rg__op_global_max,
    rg__op_reduce_mean, rg__op_reduce_l2, rg__op_pad, rg__op_resize;
rg__operator_fn rg__op_gemm, rg__op_matmul, rg__op_batch_norm, rg__op_instance_norm;
rg__operator_fn rg__op_relu, rg__op_sigmoid, rg__op_tanh, rg__op_leaky, rg__op_clip, rg__op_hard_sigmoid,
    rg__op_hard_swish, rg__op_add, rg__op_sub, rg__op_mul, rg__op_div, rg__op_softmax;
rg__operator_fn rg__op_same, rg__op_flatten, rg__op_reshape, rg__op_transpose, rg__op_concat,
    rg__op_unsqueeze, rg__op_squeeze, rg__op_gather, rg__op_slice;

#endif
