// One operation of a plan: what the engine is asked to do, with which weights.
#ifndef RG_ONNX_STEP_H
#define RG_ONNX_STEP_H

#include "common/nn/ops.h"

typedef struct rg__step rg__step_t;

// x: the step's inputs.
typedef rg_tensor_t *rg__run_fn(rg_tape_t *tape, const rg__step_t *step, rg_tensor_t **x);

struct rg__step {
    rg__run_fn *run;
    int *x, n_x; // the tensors it reads: 0 the image, i + 1 what step i gives
    int shared;  // its result is read by more than one node, or asked for
    union {
        rg_conv_t conv;
        rg_window_conv_t window_conv;
        rg_linear_t linear;
        rg_scale_t scale;
        rg_pool_t pool;
        rg_clip_t clip;
        enum rg_act act;
        int channel;
    };
    // Where the step has weights. Output o is gain[o] * (weights[o] . x) + shift[o], so that scales and
    // shifts that follow cost nothing.
    int outputs;
    float *gain, *shift;  // [outputs], owned; NULL: no weights
    const float *weights; // [outputs,...], or [...,outputs] where transposed; NULL: a scale by channel
    int transposed;
    int rank, shape[4]; // of the weights as the layer has them
};

rg__run_fn rg__run_conv, rg__run_window_conv, rg__run_linear, rg__run_scale, rg__run_pool, rg__run_clip,
    rg__run_act, rg__run_mean, rg__run_flatten, rg__run_concat, rg__run_add, rg__run_multiply,
    rg__run_softmax, rg__run_channel;

// Gives the step weights (borrowed until it is filled), a gain of 1 and a shift of 0.
void rg__step_weigh(rg__step_t *step, const float *weights, int rank, const int *shape, int transposed);

// What is done to its result from now on is part of the step: y * gain + shift, then act. 0 if that cannot
// be.
int rg__step_fold_scale(rg__step_t *step, const float *gain, const float *shift);
int rg__step_fold_act(rg__step_t *step, enum rg_act act);

// Declares the step's parameters, named by its number; once the set has memory, fills them.
void rg__step_declare(rg__step_t *step, rg_params_t *set, int number);
void rg__step_fill(rg__step_t *step);

void rg__step_fini(rg__step_t *step);

#endif
