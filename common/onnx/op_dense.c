// Operators with weights for vectors, and normalisations.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/onnx/attribute.h"

// ---- products of vectors and matrices

static int read_vector(const rg__plan_t *plan, const rg__node_t *node, rg__state_t *x)
{
    int err = rg__plan_value(plan, node, 0, x);
    if (!err && x->shape.rank != 2) err = rg__refuse(plan->graph, node, "the first input is not [N,C]");
    return err;
}

// The step for weights [C,outputs], or [outputs,C] if transposed.
static int read_matrix(const rg__plan_t *plan, const rg__node_t *node, rg__shape_t x, int transposed,
                       rg__step_t *step)
{
    const rg__constant_t *w;
    int err = rg__plan_floats(plan, node, 1, &w);
    if (err) return err;
    int inputs = w->shape[transposed ? 1 : 0], outputs = w->shape[transposed ? 0 : 1];
    if (w->rank != 2 || !w->count || inputs != x.c)
        return rg__refuse(plan->graph, node, "weights %dx%d do not fit vectors of %d", w->shape[0],
                          w->shape[1], x.c);
    *step = (rg__step_t){.run = rg__run_linear};
    rg__step_weigh(step, w->f, 2, (int[]){outputs, inputs}, !transposed);
    return 0;
}

static int linear(rg__plan_t *plan, const rg__node_t *node, const rg__step_t *step, rg__state_t x,
                  rg__state_t *out)
{
    return rg__plan_unary(plan, node, step, x.tensor, (rg__shape_t){2, step->outputs, 1, 1}, x.shape.c, out);
}

int rg__op_matmul(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    rg__step_t step;
    rg__state_t x;
    int err = read_vector(plan, node, &x);
    if (!err) err = read_matrix(plan, node, x.shape, 0, &step);
    return err ? err : linear(plan, node, &step, x, out);
}

// alpha * x W + beta * bias; bias is one number or one per output.
static int read_gemm_bias(const rg__plan_t *plan, const rg__node_t *node, float alpha, float beta,
                          rg__step_t *step)
{
    const rg__constant_t *bias;
    for (int o = 0; o < step->outputs; o++) step->gain[o] = alpha;
    if (rg__node_input(node, 2) == RG__NO_VALUE) return 0;
    int err = rg__plan_floats(plan, node, 2, &bias);
    if (err) return err;
    int is_row = bias->rank >= 1 && bias->shape[bias->rank - 1] == step->outputs;
    if (bias->count != 1 && (bias->count != (size_t)step->outputs || !is_row))
        return rg__refuse(plan->graph, node, "the bias has %zu numbers, not %d", bias->count, step->outputs);
    for (int o = 0; o < step->outputs; o++) step->shift[o] = beta * bias->f[bias->count == 1 ? 0 : o];
    return 0;
}

int rg__op_gemm(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    rg__node_of_t of = {plan->graph, node};
    rg__step_t step = {0};
    rg__state_t x;
    int transposed, none;
    float alpha, beta;
    int err = read_vector(plan, node, &x);
    if (!err) err = rg__attribute_int(of, "transA", 0, 0, 0, &none);
    if (!err) err = rg__attribute_int(of, "transB", 0, 0, 1, &transposed);
    if (!err) err = rg__attribute_float(of, "alpha", 1, &alpha);
    if (!err) err = rg__attribute_float(of, "beta", 1, &beta);
    if (!err) err = read_matrix(plan, node, x.shape, transposed, &step);
    if (!err) err = read_gemm_bias(plan, node, alpha, beta, &step);
    if (!err) return linear(plan, node, &step, x, out);
    rg__step_fini(&step);
    return err;
}

// ---- batch normalisation with the statistics of training, which is a scale per channel

static int read_statistics(const rg__plan_t *plan, const rg__node_t *node, int channels,
                           const float *values[4])
{
    const rg__constant_t *constant;
    for (int i = 0; i < 4; i++) {
        int err = rg__plan_floats(plan, node, i + 1, &constant);
        if (err) return err;
        if (constant->count != (size_t)channels)
            return rg__refuse(plan->graph, node, "input %d has %zu numbers, not %d", i + 1, constant->count,
                              channels);
        values[i] = constant->f;
    }
    return 0;
}

static int scale_by_statistics(rg__plan_t *plan, const rg__node_t *node, rg__state_t x, float epsilon,
                               const float *values[4], rg__state_t *out)
{
    const float *scale = values[0], *bias = values[1], *mean = values[2], *variance = values[3];
    size_t channels = (size_t)x.shape.c;
    float *gain = rg_alloc(2 * channels * sizeof *gain), *shift = gain + channels;
    for (size_t c = 0; c < channels; c++) {
        double factor = (double)scale[c] / sqrt((double)variance[c] + (double)epsilon);
        gain[c] = (float)factor;
        shift[c] = (float)((double)bias[c] - factor * (double)mean[c]);
    }
    int err = rg__plan_scale(plan, node, x, gain, shift, out);
    free(gain);
    return err;
}

int rg__op_batch_norm(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    rg__node_of_t of = {plan->graph, node};
    const float *values[4];
    rg__state_t x;
    float epsilon;
    int fixed;
    int err = rg__plan_value(plan, node, 0, &x);
    if (!err && (x.shape.rank == 3 || x.shape.nhwc))
        err = rg__refuse(plan->graph, node, "the input has no channels in axis 1");
    if (!err) err = rg__attribute_int(of, "training_mode", 0, 0, 0, &fixed);
    if (!err) err = rg__attribute_int(of, "spatial", 1, 1, 1, &fixed);
    if (!err) err = rg__attribute_float(of, "epsilon", 1e-5f, &epsilon);
    if (!err) err = read_statistics(plan, node, x.shape.c, values);
    return err ? err : scale_by_statistics(plan, node, x, epsilon, values, out);
}

// ---- instance normalisation, with the engine's epsilon of 1e-5, then a scale per channel

static int is_all(const rg__constant_t *constant, float number)
{
    for (size_t i = 0; i < constant->count; i++)
        if (constant->f[i] != number) return 0;
    return 1;
}

static int read_scale(const rg__plan_t *plan, const rg__node_t *node, int i, int channels,
                      const rg__constant_t **scale)
{
    int err = rg__plan_floats(plan, node, i, scale);
    if (!err && (*scale)->count != (size_t)channels)
        err = rg__refuse(plan->graph, node, "input %d has %zu numbers, not %d", i, (*scale)->count, channels);
    return err;
}

int rg__op_instance_norm(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    const rg__constant_t *gain, *shift;
    rg__state_t x;
    float epsilon;
    int err = rg__plan_map(plan, node, &x);
    if (!err) err = rg__attribute_float((rg__node_of_t){plan->graph, node}, "epsilon", 1e-5f, &epsilon);
    if (!err && fabsf(epsilon - 1e-5f) > 1e-9f)
        err = rg__refuse(plan->graph, node, "attribute 'epsilon' is %g; supported is 1e-05", (double)epsilon);
    if (!err) err = read_scale(plan, node, 1, x.shape.c, &gain);
    if (!err) err = read_scale(plan, node, 2, x.shape.c, &shift);
    if (!err)
        err = rg__plan_unary(plan, node, &(rg__step_t){.run = rg__run_instance_norm}, x.tensor, x.shape, 4,
                             out);
    if (err || (is_all(gain, 1) && is_all(shift, 0))) return err;
    return rg__plan_scale(plan, node, *out, gain->f, shift->f, out);
}
