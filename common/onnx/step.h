// One step of a plan: an operation of the engine with its weights.
#ifndef RG_ONNX_STEP_H
#define RG_ONNX_STEP_H

#include "common/nn/ops.h"

typedef struct rg__step rg__step_t;

// x: the step's inputs.
typedef rg_tensor_t *rg__run_fn(rg_tape_t *tape, const rg__step_t *step, rg_tensor_t **x);

struct rg__step {
    rg__run_fn *run;
    int *x, n_x; // the tensors it reads (rg__state_t)
    int shared;  // its result has several readers, so nothing may be folded into it
    union {
        rg_conv_t conv;
        rg_window_conv_t window_conv;
        rg_linear_t linear;
        rg_scale_t scale;
        rg_pool_t pool;
        rg_clip_t clip;
        enum rg_act act;
        enum rg_arithmetic arithmetic;
        struct {
            int first, count;
        } channels;
    };
    // A step with weights: output o is gain[o] * (weights[o] . x) + shift[o]. Scales and shifts that follow
    // are folded into gain and shift.
    int outputs;
    float *gain, *shift;  // [outputs], owned; NULL: no weights
    const float *weights; // [outputs,...], or [...,outputs] if transposed; NULL: a scale per channel
    int transposed;
    int rank, shape[4]; // of the weights as the layer has them
};

rg__run_fn rg__run_conv, rg__run_window_conv, rg__run_linear, rg__run_scale, rg__run_pool, rg__run_clip,
    rg__run_act, rg__run_instance_norm, rg__run_mean, rg__run_length, rg__run_flatten, rg__run_flatten_nhwc,
    rg__run_concat, rg__run_add, rg__run_multiply, rg__run_broadcast, rg__run_softmax, rg__run_channels;

// Gives the step weights (borrowed until rg__step_fill), gain 1 and shift 0.
void rg__step_weigh(rg__step_t *step, const float *weights, int rank, const int *shape, int transposed);

// Folds y * gain + shift, or an activation, into the step. Returns 0 if that is not possible.
int rg__step_fold_scale(rg__step_t *step, const float *gain, const float *shift);
int rg__step_fold_act(rg__step_t *step, enum rg_act act);

// declare adds the step's parameters to the set, named by the step's number; fill writes them when the set
// has memory.
void rg__step_declare(rg__step_t *step, rg_params_t *set, int number);
void rg__step_fill(rg__step_t *step);

void rg__step_fini(rg__step_t *step);

#endif
