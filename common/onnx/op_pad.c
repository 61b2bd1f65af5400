// Padding and resizing. The next convolution does the kinds that our generators have: reflection, and pixels that
// are repeated.
#include <math.h>

#include "common/onnx/attribute.h"

// ---- padding

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

// Padding with zeros is a mean over one pixel: positions in the padding give zero.
static int pad_with_zeros(rg__plan_t *plan, const rg__node_t *node, rg__state_t x, const int *before,
                          const int *after, rg__state_t *out)
{
    rg__shape_t y;
    rg_window_side_t one = {.k = 1, .stride = 1, .dilation = 1};
    rg_window_t window = {one, one};
    window.h.before = before[RG__AXIS_H], window.h.after = after[RG__AXIS_H];
    window.w.before = before[RG__AXIS_W], window.w.after = after[RG__AXIS_W];
    rg__step_t step = {.run = rg__run_pool, .pool = {.window = window, .kind = RG_POOLING_MEAN_PADDED}};
    int err = rg__window_slide(plan, node, &window, 0, x.shape.c, x.shape, &y);
    y.nhwc = x.shape.nhwc;
    return err ? err : rg__plan_unary(plan, node, &step, x.tensor, y, 1, out);
}

// The next convolution reflects.
static int pad_by_reflection(rg__plan_t *plan, const rg__node_t *node, rg__state_t x, const int *before,
                             const int *after, rg__state_t *out)
{
    int pad = before[RG__AXIS_H];
    if (after[RG__AXIS_H] != pad || before[RG__AXIS_W] != pad || after[RG__AXIS_W] != pad)
        return rg__refuse(plan->graph, node, "reflection padding is supported if all four sides are equal");
    if (pad >= x.shape.h || pad >= x.shape.w)
        return rg__refuse(plan->graph, node, "reflection padding of %d for maps of %dx%d", pad, x.shape.h,
                          x.shape.w);
    x.shape.h += 2 * pad, x.shape.w += 2 * pad, x.reflect = pad;
    *out = x;
    return 0;
}

int rg__op_pad(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    static const char *const modes[] = {"constant", "reflect"};
    rg__state_t x;
    int mode, p[8], before[4], after[4];
    int err = rg__plan_value(plan, node, 0, &x);
    if (!err && x.shape.rank != 4) err = rg__refuse(plan->graph, node, "the input has not four axes");
    if (!err) err = rg__attribute_choice((rg__node_of_t){plan->graph, node}, "mode", modes, 2, &mode);
    if (!err) err = check_filling(plan, node);
    if (!err) err = read_sides(plan, node, p);
    if (err) return err;
    for (int i = 0; i < 4; i++) before[rg__axis(x.shape, i)] = p[i], after[rg__axis(x.shape, i)] = p[4 + i];
    if (before[RG__AXIS_N] || before[RG__AXIS_C] || after[RG__AXIS_N] || after[RG__AXIS_C])
        return rg__refuse(plan->graph, node, "only height and width can be padded");
    return (mode ? pad_by_reflection : pad_with_zeros)(plan, node, x, before, after, out);
}

// ---- resizing: doubled by repeating pixels, which the next convolution does

static int read_scales(const rg__plan_t *plan, const rg__node_t *node, rg__shape_t x)
{
    const rg__constant_t *scales;
    int err = rg__plan_floats(plan, node, 2, &scales);
    if (!err && scales->count != 4) err = rg__refuse(plan->graph, node, "%zu scales, not 4", scales->count);
    for (int i = 0; !err && i < 4; i++) {
        int axis = rg__axis(x, i), wanted = axis == RG__AXIS_H || axis == RG__AXIS_W ? 2 : 1;
        if (scales->f[i] != (float)wanted)
            err = rg__refuse(plan->graph, node, "a scale of %g; supported is 2 for height and width",
                             (double)scales->f[i]);
    }
    return err;
}

// These ways to place pixels and to round give x[i / 2] when a side is doubled.
static int check_rounding(const rg__plan_t *plan, const rg__node_t *node)
{
    static const char *const modes[] = {"nearest"}, *const places[] = {"half_pixel", "asymmetric"},
                             *const roundings[] = {"round_prefer_floor", "floor", "round_prefer_ceil"};
    rg__node_of_t of = {plan->graph, node};
    int mode, place, rounding;
    int err = rg__attribute_choice(of, "mode", modes, 1, &mode);
    if (!err) err = rg__attribute_choice(of, "coordinate_transformation_mode", places, 2, &place);
    if (!err) err = rg__attribute_choice(of, "nearest_mode", roundings, 3, &rounding);
    if (err) return err;
    const int is_half_pixel = place == 0, is_floor = rounding == 1;
    if (is_half_pixel != is_floor) return 0;
    return rg__refuse(plan->graph, node, "supported is asymmetric with floor, or half_pixel with rounding");
}

int rg__op_resize(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    rg__state_t x;
    int err = rg__plan_value(plan, node, 0, &x);
    if (!err && x.shape.rank != 4) err = rg__refuse(plan->graph, node, "the input has not four axes");
    if (!err) err = check_rounding(plan, node);
    if (!err) err = read_scales(plan, node, x.shape);
    if (err) return err;
    x.shape.h *= 2, x.shape.w *= 2, x.up = 1;
    *out = x;
    return 0;
}
