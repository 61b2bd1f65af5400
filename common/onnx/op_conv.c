// The operator Conv.
#include <string.h>

#include "common/onnx/attribute.h"

// 1 if rg_conv supports this window. It does not pad by a whole kernel.
static int is_square(const rg_window_t *window, int groups)
{
    const rg_window_side_t *h = &window->h, *w = &window->w;
    return groups == 1 && memcmp(h, w, sizeof *h) == 0 && h->dilation == 1 && h->before == h->after &&
           h->before < h->k;
}

// Reflection padding and upsampling need rg_conv, and the first one replaces the zeros.
static int can_prepare(rg__state_t x, const rg_window_t *window, int groups)
{
    if (!x.reflect && !x.up) return 1;
    return is_square(window, groups) && x.reflect < window->h.k && !(x.reflect && window->h.before);
}

static void choose_conv(rg__step_t *step, rg__state_t x, const rg_window_t *window, int groups)
{
    if (is_square(window, groups)) {
        step->run = rg__run_conv;
        step->conv = (rg_conv_t){.stride = window->h.stride,
                                 .pad = x.reflect ? x.reflect : window->h.before,
                                 .reflect = x.reflect > 0,
                                 .up = x.up};
    } else {
        step->run = rg__run_window_conv;
        step->window_conv = (rg_window_conv_t){.window = *window, .groups = groups};
    }
}

static int read_weights(const rg__plan_t *plan, const rg__node_t *node, rg__shape_t x, int groups,
                        const rg__constant_t **weights)
{
    int kernel[2];
    int err = rg__plan_floats(plan, node, 1, weights);
    if (err) return err;
    const int *w = (*weights)->shape;
    if ((*weights)->rank != 4 || !(*weights)->count || w[0] % groups || x.c % groups ||
        w[1] != x.c / groups || w[2] > RG__KERNEL_MAX || w[3] > RG__KERNEL_MAX)
        return rg__refuse(plan->graph, node, "weights %dx%dx%dx%d in %d groups do not fit %d channels", w[0],
                          w[1], w[2], w[3], groups, x.c);
    err = rg__attribute_ints((rg__node_of_t){plan->graph, node}, "kernel_shape", 2, 0, 1, RG__KERNEL_MAX,
                             kernel);
    if (!err && kernel[0] && (kernel[0] != w[2] || kernel[1] != w[3]))
        err = rg__refuse(plan->graph, node, "attribute 'kernel_shape' is not that of the weights");
    return err;
}

// The optional bias becomes the step's shift.
static int read_bias(const rg__plan_t *plan, const rg__node_t *node, int outputs, const float **bias)
{
    const rg__constant_t *constant;
    *bias = NULL;
    if (rg__node_input(node, 2) == RG__NO_VALUE) return 0;
    int err = rg__plan_floats(plan, node, 2, &constant);
    if (!err && (constant->rank != 1 || constant->count != (size_t)outputs))
        err = rg__refuse(plan->graph, node, "the bias has %zu numbers, not %d", constant->count, outputs);
    if (!err) *bias = constant->f;
    return err;
}

int rg__op_conv(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    rg__node_of_t of = {plan->graph, node};
    const rg__constant_t *weights;
    const float *bias;
    rg_window_t window;
    rg__state_t x;
    rg__shape_t y;
    int groups;
    int err = rg__plan_unready(plan, node, &x);
    if (!err && (x.shape.rank != 4 || x.shape.nhwc))
        err = rg__refuse(plan->graph, node, "the input is not [N,C,H,W]");
    if (!err) err = rg__attribute_int(of, "group", 1, 1, INT16_MAX, &groups);
    if (!err) err = read_weights(plan, node, x.shape, groups, &weights);
    if (!err) err = read_bias(plan, node, weights->shape[0], &bias);
    if (!err) err = rg__window_read(of, x.shape, weights->shape + 2, &window);
    if (!err) err = rg__window_slide(plan, node, &window, 0, weights->shape[0], x.shape, &y);
    if (!err && !can_prepare(x, &window, groups))
        err =
            rg__refuse(plan->graph, node,
                       "after reflection padding or upsampling, only square windows without dilation, other "
                       "padding or groups are supported");
    if (err) return err;
    rg__step_t step = {0};
    choose_conv(&step, x, &window, groups);
    rg__step_weigh(&step, weights->f, 4, weights->shape, 0);
    if (bias) memcpy(step.shift, bias, (size_t)step.outputs * sizeof *bias);
    return rg__plan_unary(plan, node, &step, x.tensor, y, (double)(weights->count / (size_t)y.c), out);
}
