// From nodes to steps: shapes for one size of image, only what the wanted values need, weights folded.
#ifndef RG_ONNX_PLAN_H
#define RG_ONNX_PLAN_H

#include "common/onnx/attribute.h"
#include "common/onnx/graph.h"
#include "common/onnx/step.h"

// A value as ONNX sees it: rank 4 [N,c,h,w], 3 [N,h,w] (then c is 1), 2 [N,c] (then h and w are 1).
typedef struct {
    int rank, c, h, w;
} rg__shape_t;

typedef struct {
    int tensor; // 0 the image, i + 1 what step i gives; RG__NO_TENSOR: not computed
    rg__shape_t shape;
} rg__state_t;
enum { RG__NO_TENSOR = -1 };

typedef struct {
    const rg__graph_t *graph;
    rg__state_t *state; // of each value
    int *readers;       // of each value: nodes, and the caller if it wants it
    rg__step_t *steps;
    int n_steps, room;
    int *last;          // the step after which tensor i is not read any more; -1: it stays
    int *wanted, count; // values
    double floats;      // of an image's maps
    double work;        // multiplications and comparisons of an image
    rg_params_t params; // frozen
} rg__plan_t;

// Errors as of rg_onnx_plan. Whatever is returned, fini frees it.
int rg__plan_init(rg__plan_t *plan, const rg__graph_t *graph, int h, int w, const char *const *names,
                  int count);
void rg__plan_fini(rg__plan_t *plan);

// ---- for operators, which translate a node each

// The node's input i, or -1 where it has none; RG_EMODEL where it is not computed, or not constant.
int rg__node_input(const rg__node_t *node, int i);
int rg__plan_value(const rg__plan_t *plan, const rg__node_t *node, int i, rg__state_t *state);
int rg__plan_map(const rg__plan_t *plan, const rg__node_t *node, rg__state_t *x); // input 0, of rank 4
int rg__plan_floats(const rg__plan_t *plan, const rg__node_t *node, int i, const rg__constant_t **constant);
int rg__plan_ints(const rg__plan_t *plan, const rg__node_t *node, int i, const rg__constant_t **constant);

// Adds a step of those inputs whose result is of that shape, at `taps` multiplications or comparisons a
// number; out: what it gives. RG_ELIMIT: too large.
int rg__plan_step(rg__plan_t *plan, const rg__node_t *node, const rg__step_t *step, const int *x, int n_x,
                  rg__shape_t shape, double taps, rg__state_t *out);
// The same for one input.
int rg__plan_unary(rg__plan_t *plan, const rg__node_t *node, const rg__step_t *step, int x, rg__shape_t shape,
                   double taps, rg__state_t *out);

// x * gain + shift by channel; part of the step that gives x where that can be.
int rg__plan_scale(rg__plan_t *plan, const rg__node_t *node, rg__state_t x, const float *gain,
                   const float *shift, rg__state_t *out);
int rg__plan_act(rg__plan_t *plan, const rg__node_t *node, rg__state_t x, enum rg_act act, rg__state_t *out);

// ---- the operators: out is the node's first output. operator.c has the table.
typedef int rg__operator_fn(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out);

int rg__operator_plan(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out);

rg__operator_fn rg__op_conv, rg__op_max_pool, rg__op_average_pool, rg__op_global_mean, rg__op_global_max,
    rg__op_reduce_mean, rg__op_pad;
rg__operator_fn rg__op_gemm, rg__op_matmul, rg__op_batch_norm;
rg__operator_fn rg__op_relu, rg__op_sigmoid, rg__op_tanh, rg__op_leaky, rg__op_clip, rg__op_hard_sigmoid,
    rg__op_hard_swish, rg__op_add, rg__op_sub, rg__op_mul, rg__op_div, rg__op_softmax;
rg__operator_fn rg__op_same, rg__op_flatten, rg__op_reshape, rg__op_concat, rg__op_unsqueeze, rg__op_gather;

#endif
