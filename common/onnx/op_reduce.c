// Means over maps and images, and their lengths.
#include "common/onnx/attribute.h"

// ---- means

static int mean_of_map(rg__plan_t *plan, const rg__node_t *node, rg__state_t x, rg__shape_t y,
                       rg__state_t *out)
{
    double taps = (double)x.shape.h * x.shape.w;
    return rg__plan_unary(plan, node, &(rg__step_t){.run = rg__run_mean}, x.tensor, y, taps, out);
}

// The mean of the channels' means.
static int mean_of_image(rg__plan_t *plan, const rg__node_t *node, rg__state_t x, rg__state_t *out)
{
    rg__step_t step = {.run = rg__run_linear};
    int err = mean_of_map(plan, node, x, (rg__shape_t){2, x.shape.c, 1, 1}, out);
    if (err) return err;
    rg__step_weigh(&step, NULL, 2, (int[]){1, x.shape.c}, 0);
    step.gain[0] = 1.0f / (float)x.shape.c;
    return rg__plan_unary(plan, node, &step, out->tensor, (rg__shape_t){x.shape.rank, 1, 1, 1}, x.shape.c,
                          out);
}

int rg__op_global_mean(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    rg__state_t x;
    int err = rg__plan_map(plan, node, &x);
    return err ? err : mean_of_map(plan, node, x, (rg__shape_t){4, x.shape.c, 1, 1}, out);
}

// ---- axes

enum { AXES_MAP = 1 << RG__AXIS_H | 1 << RG__AXIS_W, AXES_IMAGE = AXES_MAP | 1 << RG__AXIS_C };

// Which axes a node reduces, as bits. They are an attribute or, since operator set 18, an input.
static int read_axes(const rg__plan_t *plan, const rg__node_t *node, rg__shape_t x, int *axes)
{
    const rg__constant_t *constant;
    int attribute[3], n = x.rank - 1, given = rg__node_input(node, 1) != RG__NO_VALUE, err = 0;
    *axes = 0;
    if (given) {
        err = rg__plan_ints(plan, node, 1, &constant);
        n = err || constant->count > 3 ? 0 : (int)constant->count;
    } else {
        n = rg__attribute_count((rg__node_of_t){plan->graph, node}, "axes", 3);
        err = rg__attribute_ints((rg__node_of_t){plan->graph, node}, "axes", n, 0, -4, 3, attribute);
    }
    for (int i = 0; !err && i < n; i++) {
        int axis = rg__axis(x, given ? constant->i[i] : attribute[i]);
        if (axis > 0) *axes |= 1 << axis;
    }
    return err;
}

// The input, which axes are reduced, and the result: with all axes, or without those.
static int read_reduction(const rg__plan_t *plan, const rg__node_t *node, rg__state_t *x, int *axes,
                          int *keep)
{
    int err = rg__plan_value(plan, node, 0, x);
    if (!err) err = read_axes(plan, node, x->shape, axes);
    if (!err) err = rg__attribute_int((rg__node_of_t){plan->graph, node}, "keepdims", 1, 0, 1, keep);
    return err;
}

int rg__op_reduce_mean(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    rg__state_t x;
    int axes, keep;
    int err = read_reduction(plan, node, &x, &axes, &keep);
    if (err) return err;
    if (x.shape.rank == 4 && axes == AXES_IMAGE && keep) return mean_of_image(plan, node, x, out);
    if (x.shape.rank != 4 || axes != AXES_MAP)
        return rg__refuse(plan->graph, node, "only means over height and width are supported");
    return mean_of_map(plan, node, x, (rg__shape_t){keep ? 4 : 2, x.shape.c, 1, 1, keep && x.shape.nhwc},
                       out);
}

// The length of an image or of a vector, one number each.
int rg__op_reduce_l2(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    rg__state_t x;
    int axes, keep;
    int err = read_reduction(plan, node, &x, &axes, &keep);
    if (err) return err;
    int all = x.shape.rank == 4 ? AXES_IMAGE : 1 << RG__AXIS_C;
    if (x.shape.rank == 3 || axes != all || !keep)
        return rg__refuse(plan->graph, node, "only the length of all that an image has is supported");
    double taps = (double)x.shape.h * x.shape.w * x.shape.c;
    return rg__plan_unary(plan, node, &(rg__step_t){.run = rg__run_length}, x.tensor,
                          (rg__shape_t){x.shape.rank, 1, 1, 1}, taps, out);
}
