// Operators that move values: flatten, reshape, transpose, squeeze, unsqueeze, gather, slice, concat.
#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/onnx/attribute.h"

int rg__op_same(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    return rg__plan_value(plan, node, 0, out);
}

// ---- between maps and vectors. A map of one pixel and a vector are the same tensor.

static int make_vector(rg__plan_t *plan, const rg__node_t *node, rg__state_t x, rg__state_t *out)
{
    rg__shape_t vector = {2, x.shape.c * x.shape.h * x.shape.w, 1, 1};
    *out = (rg__state_t){x.tensor, vector};
    if (x.shape.h == 1 && x.shape.w == 1) return 0;
    rg__step_t step = {.run = x.shape.nhwc ? rg__run_flatten_nhwc : rg__run_flatten};
    return rg__plan_unary(plan, node, &step, x.tensor, vector, 1, out);
}

int rg__op_flatten(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    rg__state_t x;
    int axis;
    int err = rg__plan_value(plan, node, 0, &x);
    if (!err) err = rg__attribute_int((rg__node_of_t){plan->graph, node}, "axis", 1, -4, 4, &axis);
    if (err) return err;
    if (axis != 1 && axis + x.shape.rank != 1)
        return rg__refuse(plan->graph, node, "only flattening each image is supported");
    return make_vector(plan, node, x, out);
}

// 1 if this number of a reshape's target gives a side of this size: the size itself, -1 (the rest) or 0 (as
// in the input).
static int is_side(int64_t asked, int size, int input)
{
    return asked == size || asked == -1 || (asked == 0 && input == size);
}

static int is_vector_of(const rg__constant_t *target, rg__shape_t x)
{
    return target->count == 2 && is_side(target->i[1], x.c * x.h * x.w, x.c) &&
           (target->i[0] != -1 || target->i[1] != -1);
}

// x itself; a vector becomes a map of one pixel, [N,c,1,1] or [N,1,1,c].
static int is_map_of(const rg__constant_t *target, rg__shape_t x, int nhwc)
{
    int is_map = x.rank == 4;
    if (target->count != 4 || (is_map && x.nhwc != nhwc)) return 0;
    x.nhwc = nhwc;
    x.rank = 4;
    const int size[4] = {0, x.c, x.h, x.w};
    for (int i = 1; i < 4; i++) {
        int input = is_map ? size[rg__axis(x, i)] : i == 1 ? x.c : 0;
        if (!is_side(target->i[i], size[rg__axis(x, i)], input)) return 0;
    }
    return 1;
}

static int has_zero(const rg__constant_t *target)
{
    for (size_t i = 0; i < target->count; i++)
        if (target->i[i] == 0) return 1;
    return 0;
}

// The first number of a target is the number of images, which does not change.
int rg__op_reshape(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    const rg__constant_t *target;
    rg__state_t x;
    int is_literal;
    int err = rg__plan_value(plan, node, 0, &x);
    if (!err) err = rg__plan_ints(plan, node, 1, &target);
    if (!err) err = rg__attribute_int((rg__node_of_t){plan->graph, node}, "allowzero", 0, 0, 1, &is_literal);
    if (err) return err;
    if (is_literal && has_zero(target)) return rg__refuse(plan->graph, node, "a side of length 0");
    if (x.shape.rank != 3 && is_vector_of(target, x.shape)) return make_vector(plan, node, x, out);
    int first = is_map_of(target, x.shape, 0), last = is_map_of(target, x.shape, 1);
    if (x.shape.rank == 3 || (!first && !last))
        return rg__refuse(plan->graph, node, "only a vector of all that an image has can be made");
    *out = (rg__state_t){x.tensor, {4, x.shape.c, x.shape.h, x.shape.w, !first}};
    return 0;
}

// ---- the order of axes

static int is_order(const int perm[4], int second, int third, int fourth)
{
    return perm[0] == 0 && perm[1] == second && perm[2] == third && perm[3] == fourth;
}

// From channels first to channels last, or back: the engine's tensor is the same. Padding may wait for the
// convolution behind it.
int rg__op_transpose(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    rg__node_of_t of = {plan->graph, node};
    rg__state_t x;
    int perm[4];
    int err = rg__plan_unready(plan, node, &x);
    if (!err && (x.shape.rank != 4 || !rg__attribute_has(of, "perm")))
        err = rg__refuse(plan->graph, node, "only maps with an attribute 'perm' are supported");
    if (!err) err = rg__attribute_ints(of, "perm", 4, 0, 0, 3, perm);
    if (err) return err;
    int to_last = is_order(perm, 2, 3, 1), to_first = is_order(perm, 3, 1, 2);
    if (!is_order(perm, 1, 2, 3) && !(x.shape.nhwc ? to_first : to_last))
        return rg__refuse(plan->graph, node,
                          "only from [N,C,H,W] to [N,H,W,C] and back is supported, not %d,%d,%d,%d", perm[0],
                          perm[1], perm[2], perm[3]);
    *out = x;
    if (to_last || to_first) out->shape.nhwc = !x.shape.nhwc;
    return 0;
}

// The axes, as bits, of a node whose axes are an attribute or, since operator set 13, an input. rank: of the
// value that has these axes. Bit 31: an axis that does not exist.
static int read_axes(const rg__plan_t *plan, const rg__node_t *node, int rank, unsigned *axes)
{
    const rg__constant_t *given;
    int attribute[2], is_input = rg__node_input(node, 1) != RG__NO_VALUE, n = 0;
    int err = is_input ? rg__plan_ints(plan, node, 1, &given) : 0;
    if (!err && is_input)
        n = given->count > 2 ? 0 : (int)given->count;
    else if (!err)
        n = rg__attribute_count((rg__node_of_t){plan->graph, node}, "axes", 2);
    if (!err && !is_input)
        err = rg__attribute_ints((rg__node_of_t){plan->graph, node}, "axes", n, 0, -4, 3, attribute);
    *axes = 0;
    for (int i = 0; !err && i < n; i++) {
        int64_t axis = is_input ? given->i[i] : attribute[i];
        if (axis < 0) axis += rank;
        *axes |= 1u << (axis < 0 || axis >= rank ? 31 : axis);
    }
    return err;
}

enum { AXES_12 = 1 << 1 | 1 << 2, AXES_23 = 1 << 2 | 1 << 3 };

// A map of one pixel -> [N,c].
int rg__op_squeeze(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    rg__state_t x;
    unsigned axes;
    int err = rg__plan_value(plan, node, 0, &x);
    if (!err) err = read_axes(plan, node, 4, &axes);
    if (err) return err;
    if (x.shape.rank != 4 || x.shape.h != 1 || x.shape.w != 1 || axes != (x.shape.nhwc ? AXES_12 : AXES_23))
        return rg__refuse(plan->graph, node, "only height and width of a single pixel can be left out");
    return make_vector(plan, node, x, out);
}

// [N,H,W] -> [N,1,H,W] or [N,H,W,1]; [N,c] -> [N,c,1,1] or [N,1,1,c].
int rg__op_unsqueeze(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    rg__state_t x;
    unsigned axes;
    int err = rg__plan_value(plan, node, 0, &x);
    if (!err) err = read_axes(plan, node, 4, &axes);
    if (err) return err;
    unsigned first = x.shape.rank == 3 ? 1u << 1 : AXES_23, last = x.shape.rank == 3 ? 1u << 3 : AXES_12;
    if (x.shape.rank == 4 || (axes != first && axes != last))
        return rg__refuse(plan->graph, node, "only a single channel or a vector can become a map");
    *out = (rg__state_t){x.tensor, {4, x.shape.c, x.shape.h, x.shape.w, axes == last}};
    return 0;
}

// ---- channels

// One channel of a map, [N,H,W].
int rg__op_gather(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    const rg__constant_t *index;
    rg__state_t x;
    int axis;
    int err = rg__plan_value(plan, node, 0, &x);
    if (!err) err = rg__plan_ints(plan, node, 1, &index);
    if (!err) err = rg__attribute_int((rg__node_of_t){plan->graph, node}, "axis", 0, -4, 3, &axis);
    if (err) return err;
    rg__shape_t s = x.shape;
    if (s.rank != 4 || rg__axis(s, axis) != RG__AXIS_C || index->rank != 0)
        return rg__refuse(plan->graph, node, "only one channel of a map can be taken");
    int64_t channel = index->i[0] < 0 ? index->i[0] + s.c : index->i[0];
    if (channel < 0 || channel >= s.c)
        return rg__refuse(plan->graph, node, "channel %lld of %d", (long long)channel, s.c);
    rg__step_t step = {.run = rg__run_channels, .channels = {(int)channel, 1}};
    return rg__plan_unary(plan, node, &step, x.tensor, (rg__shape_t){3, 1, s.h, s.w}, 1, out);
}

// Where a slice begins or ends, counted from the end if negative.
static int slice_bound(int64_t at, int channels)
{
    if (at < 0) at += channels;
    return at < 0 ? 0 : at > channels ? channels : (int)at;
}

// 1 if a slice takes all channels from one to another.
static int is_slice_of_channels(const rg__constant_t *const bounds[4], rg__shape_t x)
{
    for (int i = 0; i < 4; i++)
        if (bounds[i] && bounds[i]->count != 1) return 0;
    return (!bounds[3] || bounds[3]->i[0] == 1) && rg__axis(x, bounds[2] ? bounds[2]->i[0] : 0) == RG__AXIS_C;
}

// Inputs: data, starts, ends, axes, steps.
int rg__op_slice(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    const rg__constant_t *bounds[4] = {NULL};
    rg__state_t x;
    int err = rg__plan_value(plan, node, 0, &x);
    for (int i = 0; i < 4 && !err; i++)
        if (i < 2 || rg__node_input(node, i + 1) != RG__NO_VALUE)
            err = rg__plan_ints(plan, node, i + 1, &bounds[i]);
    if (err) return err;
    if (x.shape.rank == 3 || !is_slice_of_channels(bounds, x.shape))
        return rg__refuse(plan->graph, node, "only neighbouring channels can be taken");
    int first = slice_bound(bounds[0]->i[0], x.shape.c), end = slice_bound(bounds[1]->i[0], x.shape.c);
    if (first >= end)
        return rg__refuse(plan->graph, node, "no channel lies from %d to %d of %d", first, end, x.shape.c);
    rg__step_t step = {.run = rg__run_channels, .channels = {first, end - first}};
    rg__shape_t y = x.shape;
    y.c = end - first;
    return rg__plan_unary(plan, node, &step, x.tensor, y, 1, out);
}

static int concat_axis(rg__plan_t *plan, const rg__node_t *node, int *tensors, int count, rg__state_t *out)
{
    rg__shape_t joined;
    double channels = 0;
    for (int i = 0; i < count; i++) {
        rg__state_t x;
        int err = rg__plan_value(plan, node, i, &x);
        if (err) return err;
        if (i == 0) joined = x.shape;
        if (x.shape.rank == 3 || x.shape.rank != joined.rank || x.shape.nhwc != joined.nhwc ||
            x.shape.h != joined.h || x.shape.w != joined.w)
            return rg__refuse(plan->graph, node, "input %d is not a map of the size of the first", i);
        channels += x.shape.c;
        tensors[i] = x.tensor;
    }
    if (channels > 1 << 28) return rg__refuse(plan->graph, node, "too many channels");
    joined.c = (int)channels;
    return rg__plan_step(plan, node, &(rg__step_t){.run = rg__run_concat}, tensors, count, joined, 1, out);
}

int rg__op_concat(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    int axis, count = (int)node->proto->n_input;
    rg__state_t first;
    int err = rg__plan_value(plan, node, 0, &first);
    if (!err) err = rg__attribute_int((rg__node_of_t){plan->graph, node}, "axis", 1, -4, 3, &axis);
    if (err) return err;
    if (rg__axis(first.shape, axis) != RG__AXIS_C)
        return rg__refuse(plan->graph, node, "only channels can be joined");
    int *tensors = rg_alloc((size_t)count * sizeof *tensors);
    err = concat_axis(plan, node, tensors, count, out);
    free(tensors);
    return err;
}
