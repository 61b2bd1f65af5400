// Operators with a window: convolutions and pooling.
#include <math.h>
#include <string.h>

#include "common/onnx/plan.h"

enum { KERNEL_MAX = 1 << 10, SIDE_MAX = 1 << 14 };
enum { NOTSET, VALID, SAME_UPPER, SAME_LOWER };

// ---- windows

// What "same" pads: as many positions as steps of the stride, the odd pixel behind the map or before it.
static void pad_same(rg_span_t *span, int size, int auto_pad)
{
    int positions = (size + span->stride - 1) / span->stride;
    int missing = (positions - 1) * span->stride + (span->k - 1) * span->dilation + 1 - size;
    if (missing < 0) missing = 0;
    span->before = auto_pad == SAME_LOWER ? missing - missing / 2 : missing / 2;
    span->after = missing - span->before;
}

static int read_pads(rg__of_t of, rg__shape_t x, rg_window_t *window)
{
    static const char *const choices[] = {"NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"};
    int auto_pad, pads[4];
    int err = rg__attribute_choice(of, "auto_pad", choices, 4, &auto_pad);
    if (!err) err = rg__attribute_ints(of, "pads", 4, 0, 0, KERNEL_MAX, pads);
    if (err) return err;
    if (auto_pad == NOTSET) {
        window->h.before = pads[0], window->w.before = pads[1];
        window->h.after = pads[2], window->w.after = pads[3];
    } else if (auto_pad != VALID) {
        pad_same(&window->h, x.h, auto_pad);
        pad_same(&window->w, x.w, auto_pad);
    }
    return 0;
}

static int read_window(rg__of_t of, rg__shape_t x, const int kernel[2], rg_window_t *window)
{
    int strides[2], dilations[2];
    int err = rg__attribute_ints(of, "strides", 2, 1, 1, KERNEL_MAX, strides);
    if (!err) err = rg__attribute_ints(of, "dilations", 2, 1, 1, KERNEL_MAX, dilations);
    if (err) return err;
    *window = (rg_window_t){{.k = kernel[0], .stride = strides[0], .dilation = dilations[0]},
                            {.k = kernel[1], .stride = strides[1], .dilation = dilations[1]}};
    return read_pads(of, x, window);
}

static int read_map(const rg__plan_t *plan, const rg__node_t *node, rg__state_t *x)
{
    int err = rg__plan_value(plan, node, 0, x);
    if (!err && x->shape.rank != 4) err = rg__refuse(plan->graph, node, "the input is not [N,C,H,W]");
    return err;
}

static int slide(const rg__plan_t *plan, const rg__node_t *node, const rg_window_t *window, int partial,
                 int outputs, rg__shape_t x, rg__shape_t *y)
{
    *y = (rg__shape_t){4, outputs, rg_span_positions(&window->h, x.h, partial),
                       rg_span_positions(&window->w, x.w, partial)};
    if (y->h >= 1 && y->w >= 1 && y->h <= 2 * SIDE_MAX && y->w <= 2 * SIDE_MAX) return 0;
    return rg__refuse(plan->graph, node, "a %dx%d window does not fit maps of %dx%d", window->h.k,
                      window->w.k, x.h, x.w);
}

// ---- convolutions

// What rg_conv can say; padding of a whole kernel is left to the general one.
static int is_square(const rg_window_t *window, int groups)
{
    const rg_span_t *h = &window->h, *w = &window->w;
    return groups == 1 && memcmp(h, w, sizeof *h) == 0 && h->dilation == 1 && h->before == h->after &&
           h->before < h->k;
}

static void choose_conv(rg__step_t *step, const rg_window_t *window, int groups)
{
    if (is_square(window, groups)) {
        step->run = rg__run_conv;
        step->conv = (rg_conv_t){.stride = window->h.stride, .pad = window->h.before};
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
        w[1] != x.c / groups || w[2] > KERNEL_MAX || w[3] > KERNEL_MAX)
        return rg__refuse(plan->graph, node, "weights %dx%dx%dx%d in %d groups do not fit %d channels", w[0],
                          w[1], w[2], w[3], groups, x.c);
    err = rg__attribute_ints((rg__of_t){plan->graph, node}, "kernel_shape", 2, 0, 1, KERNEL_MAX, kernel);
    if (!err && kernel[0] && (kernel[0] != w[2] || kernel[1] != w[3]))
        err = rg__refuse(plan->graph, node, "attribute 'kernel_shape' is not that of the weights");
    return err;
}

// The optional bias is what the gain of 1 is shifted by.
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
    rg__of_t of = {plan->graph, node};
    const rg__constant_t *weights;
    const float *bias;
    rg_window_t window;
    rg__state_t x;
    rg__shape_t y;
    int groups;
    int err = read_map(plan, node, &x);
    if (!err) err = rg__attribute_int(of, "group", 1, 1, INT16_MAX, &groups);
    if (!err) err = read_weights(plan, node, x.shape, groups, &weights);
    if (!err) err = read_bias(plan, node, weights->shape[0], &bias);
    if (!err) err = read_window(of, x.shape, weights->shape + 2, &window);
    if (!err) err = slide(plan, node, &window, 0, weights->shape[0], x.shape, &y);
    if (err) return err;
    rg__step_t step = {0};
    choose_conv(&step, &window, groups);
    rg__step_weigh(&step, weights->f, 4, weights->shape, 0);
    if (bias) memcpy(step.shift, bias, (size_t)step.outputs * sizeof *bias);
    return rg__plan_unary(plan, node, &step, x.tensor, y, (double)(weights->count / (size_t)y.c), out);
}

// ---- pooling

// 1 if every window along a side has a tap in the map.
static int has_pixels(const rg_span_t *span, int size, int positions)
{
    for (int i = 0; i < positions; i++) {
        int start = i * span->stride - span->before;
        int tap = start < 0 ? (-start + span->dilation - 1) / span->dilation : 0;
        if (tap >= span->k || start + tap * span->dilation >= size) return 0;
    }
    return 1;
}

static int pool(rg__plan_t *plan, const rg__node_t *node, rg__state_t x, rg_pool_t what, rg__state_t *out)
{
    rg__shape_t y;
    int err = slide(plan, node, &what.window, what.partial, x.shape.c, x.shape, &y);
    if (err) return err;
    if (!has_pixels(&what.window.h, x.shape.h, y.h) || !has_pixels(&what.window.w, x.shape.w, y.w))
        return rg__refuse(plan->graph, node, "a window lies in the padding");
    double taps = (double)what.window.h.k * what.window.w.k;
    return rg__plan_unary(plan, node, &(rg__step_t){.run = rg__run_pool, .pool = what}, x.tensor, y, taps,
                          out);
}

// The sides are an attribute or, since operator set 11, an input: four axes' beginnings, then their ends.
static int read_sides(const rg__plan_t *plan, const rg__node_t *node, int sides[8])
{
    const rg__constant_t *given;
    if (rg__node_input(node, 1) == RG__NO_VALUE)
        return rg__attribute_ints((rg__of_t){plan->graph, node}, "pads", 8, 0, 0, KERNEL_MAX, sides);
    int err = rg__plan_ints(plan, node, 1, &given);
    if (!err && given->count != 8) err = rg__refuse(plan->graph, node, "%zu pads, not 8", given->count);
    for (int i = 0; !err && i < 8; i++) {
        if (given->i[i] < 0 || given->i[i] > KERNEL_MAX)
            err = rg__refuse(plan->graph, node, "a pad of %lld; supported is 0 to %d", (long long)given->i[i],
                             KERNEL_MAX);
        else
            sides[i] = (int)given->i[i];
    }
    return err;
}

static int check_filling(const rg__plan_t *plan, const rg__node_t *node)
{
    const rg__constant_t *given;
    float value;
    int err = rg__attribute_float((rg__of_t){plan->graph, node}, "value", 0, &value);
    if (!err && rg__node_input(node, 2) != RG__NO_VALUE) {
        err = rg__plan_floats(plan, node, 2, &given);
        if (!err) value = given->count == 1 ? given->f[0] : NAN;
    }
    if (!err && value != 0) err = rg__refuse(plan->graph, node, "only padding with zeros is supported");
    return err;
}

// A mean over single pixels, zeros where there is none.
int rg__op_pad(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    static const char *const modes[] = {"constant"};
    rg__state_t x;
    rg__shape_t y;
    int mode, p[8];
    int err = read_map(plan, node, &x);
    if (!err) err = rg__attribute_choice((rg__of_t){plan->graph, node}, "mode", modes, 1, &mode);
    if (!err) err = check_filling(plan, node);
    if (!err) err = read_sides(plan, node, p);
    if (!err && (p[0] || p[1] || p[4] || p[5]))
        err = rg__refuse(plan->graph, node, "only height and width can be padded");
    if (err) return err;
    rg_window_t window = {{.k = 1, .stride = 1, .dilation = 1, .before = p[2], .after = p[6]},
                          {.k = 1, .stride = 1, .dilation = 1, .before = p[3], .after = p[7]}};
    rg__step_t step = {.run = rg__run_pool, .pool = {.window = window, .kind = RG_POOLING_MEAN_PADDED}};
    err = slide(plan, node, &window, 0, x.shape.c, x.shape, &y);
    return err ? err : rg__plan_unary(plan, node, &step, x.tensor, y, 1, out);
}

static int window_pool(rg__plan_t *plan, const rg__node_t *node, enum rg_pooling kind, rg__state_t *out)
{
    rg__of_t of = {plan->graph, node};
    rg_pool_t what = {.kind = kind};
    rg__state_t x;
    int kernel[2];
    int err = read_map(plan, node, &x);
    if (!err && !rg__attribute_has(of, "kernel_shape"))
        err = rg__refuse(plan->graph, node, "attribute 'kernel_shape' is missing");
    if (!err) err = rg__attribute_ints(of, "kernel_shape", 2, 0, 1, KERNEL_MAX, kernel);
    if (!err) err = rg__attribute_int(of, "ceil_mode", 0, 0, 1, &what.partial);
    if (!err) err = read_window(of, x.shape, kernel, &what.window);
    return err ? err : pool(plan, node, x, what, out);
}

int rg__op_max_pool(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    return window_pool(plan, node, RG_POOLING_MAX, out);
}

int rg__op_average_pool(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    int padded;
    int err = rg__attribute_int((rg__of_t){plan->graph, node}, "count_include_pad", 0, 0, 1, &padded);
    return err ? err : window_pool(plan, node, padded ? RG_POOLING_MEAN_PADDED : RG_POOLING_MEAN, out);
}

int rg__op_global_max(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    rg__state_t x;
    int err = read_map(plan, node, &x);
    if (err) return err;
    rg_span_t h = {.k = x.shape.h, .stride = 1, .dilation = 1},
              w = {.k = x.shape.w, .stride = 1, .dilation = 1};
    return pool(plan, node, x, (rg_pool_t){.window = {h, w}, .kind = RG_POOLING_MAX}, out);
}

static int mean(rg__plan_t *plan, const rg__node_t *node, rg__state_t x, int rank, rg__state_t *out)
{
    double taps = (double)x.shape.h * x.shape.w;
    return rg__plan_unary(plan, node, &(rg__step_t){.run = rg__run_mean}, x.tensor,
                          (rg__shape_t){rank, x.shape.c, 1, 1}, taps, out);
}

int rg__op_global_mean(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    rg__state_t x;
    int err = read_map(plan, node, &x);
    return err ? err : mean(plan, node, x, 4, out);
}

// The axes are an attribute, or, since operator set 18, an input.
static int read_axes(const rg__plan_t *plan, const rg__node_t *node, int axes[2])
{
    const rg__constant_t *constant;
    if (rg__node_input(node, 1) == RG__NO_VALUE)
        return rg__attribute_ints((rg__of_t){plan->graph, node}, "axes", 2, 0, -4, 3, axes);
    int err = rg__plan_ints(plan, node, 1, &constant);
    for (int i = 0; !err && i < 2; i++)
        axes[i] =
            constant->count == 2 && constant->i[i] >= -4 && constant->i[i] <= 3 ? (int)constant->i[i] : 0;
    return err;
}

int rg__op_reduce_mean(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    rg__state_t x;
    int axes[2], keep;
    int err = read_map(plan, node, &x);
    if (!err) err = read_axes(plan, node, axes);
    if (!err) err = rg__attribute_int((rg__of_t){plan->graph, node}, "keepdims", 1, 0, 1, &keep);
    if (err) return err;
    int first = (axes[0] + 4) % 4, second = (axes[1] + 4) % 4;
    if (!(first == 2 && second == 3) && !(first == 3 && second == 2))
        return rg__refuse(plan->graph, node, "only means over height and width are supported");
    return mean(plan, node, x, keep ? 4 : 2, out);
}
