// Pooling, means over maps, and padding, which is a pool with a window of one pixel.
#include <math.h>

#include "common/onnx/attribute.h"

// 1 if every window along a side has a tap in the map.
static int has_pixels(const rg_window_side_t *span, int size, int positions)
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
    int err = rg__window_slide(plan, node, &what.window, what.partial, x.shape.c, x.shape, &y);
    if (err) return err;
    if (!has_pixels(&what.window.h, x.shape.h, y.h) || !has_pixels(&what.window.w, x.shape.w, y.w))
        return rg__refuse(plan->graph, node, "a window lies in the padding");
    double taps = (double)what.window.h.k * what.window.w.k;
    return rg__plan_unary(plan, node, &(rg__step_t){.run = rg__run_pool, .pool = what}, x.tensor, y, taps,
                          out);
}

// The pads are an attribute or, since operator set 11, an input: the starts of four axes, then their ends.
static int read_sides(const rg__plan_t *plan, const rg__node_t *node, int sides[8])
{
    const rg__constant_t *given;
    if (rg__node_input(node, 1) == RG__NO_VALUE)
        return rg__attribute_ints((rg__node_of_t){plan->graph, node}, "pads", 8, 0, 0, RG__KERNEL_MAX, sides);
    int err = rg__plan_ints(plan, node, 1, &given);
    if (!err && given->count != 8) err = rg__refuse(plan->graph, node, "%zu pads, not 8", given->count);
    for (int i = 0; !err && i < 8; i++) {
        if (given->i[i] < 0 || given->i[i] > RG__KERNEL_MAX)
            err = rg__refuse(plan->graph, node, "a pad of %lld; supported is 0 to %d", (long long)given->i[i],
                             RG__KERNEL_MAX);
        else
            sides[i] = (int)given->i[i];
    }
    return err;
}

static int check_filling(const rg__plan_t *plan, const rg__node_t *node)
{
    const rg__constant_t *given;
    float value;
    int err = rg__attribute_float((rg__node_of_t){plan->graph, node}, "value", 0, &value);
    if (!err && rg__node_input(node, 2) != RG__NO_VALUE) {
        err = rg__plan_floats(plan, node, 2, &given);
        if (!err) value = given->count == 1 ? given->f[0] : NAN;
    }
    if (!err && value != 0) err = rg__refuse(plan->graph, node, "only padding with zeros is supported");
    return err;
}

// A mean over one pixel; positions in the padding give zero.
int rg__op_pad(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    static const char *const modes[] = {"constant"};
    rg__state_t x;
    rg__shape_t y;
    int mode, p[8];
    int err = rg__plan_map(plan, node, &x);
    if (!err) err = rg__attribute_choice((rg__node_of_t){plan->graph, node}, "mode", modes, 1, &mode);
    if (!err) err = check_filling(plan, node);
    if (!err) err = read_sides(plan, node, p);
    if (!err && (p[0] || p[1] || p[4] || p[5]))
        err = rg__refuse(plan->graph, node, "only height and width can be padded");
    if (err) return err;
    rg_window_t window = {{.k = 1, .stride = 1, .dilation = 1, .before = p[2], .after = p[6]},
                          {.k = 1, .stride = 1, .dilation = 1, .before = p[3], .after = p[7]}};
    rg__step_t step = {.run = rg__run_pool, .pool = {.window = window, .kind = RG_POOLING_MEAN_PADDED}};
    err = rg__window_slide(plan, node, &window, 0, x.shape.c, x.shape, &y);
    return err ? err : rg__plan_unary(plan, node, &step, x.tensor, y, 1, out);
}

static int window_pool(rg__plan_t *plan, const rg__node_t *node, enum rg_pooling kind, rg__state_t *out)
{
    rg__node_of_t of = {plan->graph, node};
    rg_pool_t what = {.kind = kind};
    rg__state_t x;
    int kernel[2];
    int err = rg__plan_map(plan, node, &x);
    if (!err && !rg__attribute_has(of, "kernel_shape"))
        err = rg__refuse(plan->graph, node, "attribute 'kernel_shape' is missing");
    if (!err) err = rg__attribute_ints(of, "kernel_shape", 2, 0, 1, RG__KERNEL_MAX, kernel);
    if (!err) err = rg__attribute_int(of, "ceil_mode", 0, 0, 1, &what.partial);
    if (!err) err = rg__window_read(of, x.shape, kernel, &what.window);
    return err ? err : pool(plan, node, x, what, out);
}

int rg__op_max_pool(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    return window_pool(plan, node, RG_POOLING_MAX, out);
}

int rg__op_average_pool(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    int padded;
    int err = rg__attribute_int((rg__node_of_t){plan->graph, node}, "count_include_pad", 0, 0, 1, &padded);
    return err ? err : window_pool(plan, node, padded ? RG_POOLING_MEAN_PADDED : RG_POOLING_MEAN, out);
}

int rg__op_global_max(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    rg__state_t x;
    int err = rg__plan_map(plan, node, &x);
    if (err) return err;
    rg_window_side_t h = {.k = x.shape.h, .stride = 1, .dilation = 1},
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
    int err = rg__plan_map(plan, node, &x);
    return err ? err : mean(plan, node, x, 4, out);
}

// The axes are an attribute or, since operator set 18, an input.
static int read_axes(const rg__plan_t *plan, const rg__node_t *node, int axes[2])
{
    const rg__constant_t *constant;
    if (rg__node_input(node, 1) == RG__NO_VALUE)
        return rg__attribute_ints((rg__node_of_t){plan->graph, node}, "axes", 2, 0, -4, 3, axes);
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
    int err = rg__plan_map(plan, node, &x);
    if (!err) err = read_axes(plan, node, axes);
    if (!err) err = rg__attribute_int((rg__node_of_t){plan->graph, node}, "keepdims", 1, 0, 1, &keep);
    if (err) return err;
    int first = (axes[0] + 4) % 4, second = (axes[1] + 4) % 4;
    if (!(first == 2 && second == 3) && !(first == 3 && second == 2))
        return rg__refuse(plan->graph, node, "only means over height and width are supported");
    return mean(plan, node, x, keep ? 4 : 2, out);
}
