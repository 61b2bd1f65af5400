#include "common/onnx/step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"

// ---- running

rg_tensor_t *rg__run_conv(rg_tape_t *tape, const rg__step_t *step, rg_tensor_t **x)
{
    return rg_conv(tape, x[0], &step->conv);
}

rg_tensor_t *rg__run_window_conv(rg_tape_t *tape, const rg__step_t *step, rg_tensor_t **x)
{
    return rg_window_conv(tape, x[0], &step->window_conv);
}

rg_tensor_t *rg__run_linear(rg_tape_t *tape, const rg__step_t *step, rg_tensor_t **x)
{
    return rg_linear(tape, x[0], &step->linear);
}

rg_tensor_t *rg__run_scale(rg_tape_t *tape, const rg__step_t *step, rg_tensor_t **x)
{
    return rg_scale(tape, x[0], &step->scale);
}

rg_tensor_t *rg__run_pool(rg_tape_t *tape, const rg__step_t *step, rg_tensor_t **x)
{
    return rg_pool(tape, x[0], &step->pool);
}

rg_tensor_t *rg__run_clip(rg_tape_t *tape, const rg__step_t *step, rg_tensor_t **x)
{
    return rg_clip(tape, x[0], &step->clip);
}

rg_tensor_t *rg__run_act(rg_tape_t *tape, const rg__step_t *step, rg_tensor_t **x)
{
    return rg_act(tape, x[0], step->act);
}

rg_tensor_t *rg__run_instance_norm(rg_tape_t *tape, const rg__step_t *step, rg_tensor_t **x)
{
    (void)step;
    return rg_instance_norm(tape, x[0], RG_ACT_NONE, NULL);
}

rg_tensor_t *rg__run_mean(rg_tape_t *tape, const rg__step_t *step, rg_tensor_t **x)
{
    (void)step;
    return rg_global_mean(tape, x[0]);
}

rg_tensor_t *rg__run_length(rg_tape_t *tape, const rg__step_t *step, rg_tensor_t **x)
{
    (void)step;
    return rg_length(tape, x[0]);
}

rg_tensor_t *rg__run_flatten(rg_tape_t *tape, const rg__step_t *step, rg_tensor_t **x)
{
    (void)step;
    return rg_flatten(tape, x[0]);
}

rg_tensor_t *rg__run_flatten_nhwc(rg_tape_t *tape, const rg__step_t *step, rg_tensor_t **x)
{
    (void)step;
    return rg_reshape(tape, x[0], 1, 1, x[0]->h * x[0]->w * x[0]->c);
}

rg_tensor_t *rg__run_concat(rg_tape_t *tape, const rg__step_t *step, rg_tensor_t **x)
{
    return rg_concat(tape, x, step->n_x);
}

rg_tensor_t *rg__run_add(rg_tape_t *tape, const rg__step_t *step, rg_tensor_t **x)
{
    (void)step;
    return rg_add(tape, x[0], x[1]);
}

rg_tensor_t *rg__run_multiply(rg_tape_t *tape, const rg__step_t *step, rg_tensor_t **x)
{
    (void)step;
    return rg_multiply(tape, x[0], x[1]);
}

rg_tensor_t *rg__run_broadcast(rg_tape_t *tape, const rg__step_t *step, rg_tensor_t **x)
{
    return rg_broadcast(tape, step->arithmetic, x[0], x[1]);
}

rg_tensor_t *rg__run_softmax(rg_tape_t *tape, const rg__step_t *step, rg_tensor_t **x)
{
    (void)step;
    return rg_softmax(tape, x[0]);
}

rg_tensor_t *rg__run_channels(rg_tape_t *tape, const rg__step_t *step, rg_tensor_t **x)
{
    return rg_channels(tape, x[0], step->channels.first, step->channels.count);
}

// ---- weights

void rg__step_weigh(rg__step_t *step, const float *weights, int rank, const int *shape, int transposed)
{
    step->weights = weights;
    step->transposed = transposed;
    step->rank = rank;
    memcpy(step->shape, shape, (size_t)rank * sizeof *shape);
    step->outputs = shape[0];
    step->gain = rg_alloc((size_t)step->outputs * sizeof *step->gain);
    step->shift = rg_alloc((size_t)step->outputs * sizeof *step->shift);
    for (int o = 0; o < step->outputs; o++) step->gain[o] = 1;
}

static enum rg_act *act_of(rg__step_t *step)
{
    if (step->run == rg__run_conv) return &step->conv.act;
    if (step->run == rg__run_window_conv) return &step->window_conv.act;
    return step->run == rg__run_linear ? &step->linear.act : &step->scale.act;
}

static int is_open(rg__step_t *step)
{
    return step->gain && !step->shared && *act_of(step) == RG_ACT_NONE;
}

int rg__step_fold_scale(rg__step_t *step, const float *gain, const float *shift)
{
    if (!is_open(step)) return 0;
    for (int o = 0; o < step->outputs; o++) {
        step->gain[o] *= gain[o];
        step->shift[o] = step->shift[o] * gain[o] + shift[o];
    }
    return 1;
}

int rg__step_fold_act(rg__step_t *step, enum rg_act act)
{
    if (act > RG_ACT_LEAKY || !is_open(step)) return 0;
    *act_of(step) = act;
    return 1;
}

typedef struct {
    rg_param_t **weight, **bias;
} params_t;

static params_t params_of(rg__step_t *step)
{
    if (step->run == rg__run_conv) return (params_t){&step->conv.weight, &step->conv.bias};
    if (step->run == rg__run_window_conv)
        return (params_t){&step->window_conv.weight, &step->window_conv.bias};
    if (step->run == rg__run_linear) return (params_t){&step->linear.weight, &step->linear.bias};
    return (params_t){&step->scale.scale, &step->scale.shift};
}

static rg_param_t *declare(rg_params_t *set, int number, const char *what, int rank, const int *shape)
{
    char name[32];
    int sides[4] = {0};
    snprintf(name, sizeof name, "%d.%s", number, what);
    memcpy(sides, shape, (size_t)rank * sizeof *shape);
    return rg_params_add(set, name, rank, sides);
}

void rg__step_declare(rg__step_t *step, rg_params_t *set, int number)
{
    if (!step->gain) return;
    params_t params = params_of(step);
    *params.weight = declare(set, number, "weight", step->rank, step->shape);
    *params.bias = declare(set, number, "bias", 1, &step->outputs);
}

void rg__step_fill(rg__step_t *step)
{
    if (!step->gain) return;
    params_t params = params_of(step);
    size_t outputs = (size_t)step->outputs, each = (*params.weight)->count / outputs;
    float *to = (*params.weight)->value;
    for (size_t o = 0; o < outputs; o++)
        for (size_t i = 0; i < each; i++) {
            size_t from = step->transposed ? i * outputs + o : o * each + i;
            to[o * each + i] = step->gain[o] * (step->weights ? step->weights[from] : 1);
        }
    memcpy((*params.bias)->value, step->shift, outputs * sizeof *step->shift);
}

void rg__step_fini(rg__step_t *step)
{
    free(step->x);
    free(step->gain);
    free(step->shift);
}
