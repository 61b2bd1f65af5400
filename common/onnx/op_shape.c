// Operators that move values: flatten, reshape, concat, unsqueeze, gather.
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
    return rg__plan_unary(plan, node, &(rg__step_t){.run = rg__run_flatten}, x.tensor, vector, 1, out);
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

// x itself; a vector becomes a map of one pixel.
static int is_map_of(const rg__constant_t *target, rg__shape_t x)
{
    int is_map = x.rank == 4;
    return target->count == 4 && is_side(target->i[1], x.c, x.c) &&
           is_side(target->i[2], x.h, is_map ? x.h : 0) && is_side(target->i[3], x.w, is_map ? x.w : 0);
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
    if (x.shape.rank == 3 || !is_map_of(target, x.shape))
        return rg__refuse(plan->graph, node, "only a vector of all that an image has can be made");
    *out = (rg__state_t){x.tensor, {4, x.shape.c, x.shape.h, x.shape.w}};
    return 0;
}

// ---- channels

// [N,H,W] -> [N,1,H,W]; the axes are an attribute or, since operator set 13, an input.
int rg__op_unsqueeze(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    const rg__constant_t *axes;
    rg__state_t x;
    int axis;
    int err = rg__plan_value(plan, node, 0, &x);
    if (!err && rg__node_input(node, 1) == RG__NO_VALUE)
        err = rg__attribute_ints((rg__node_of_t){plan->graph, node}, "axes", 1, 0, -4, 3, &axis);
    else if (!err && !(err = rg__plan_ints(plan, node, 1, &axes)))
        axis = axes->count == 1 && (axes->i[0] == 1 || axes->i[0] == -3) ? 1 : 0;
    if (err) return err;
    if (x.shape.rank != 3 || (axis != 1 && axis != -3))
        return rg__refuse(plan->graph, node, "only a single channel can become a map");
    *out = (rg__state_t){x.tensor, {4, 1, x.shape.h, x.shape.w}};
    return 0;
}

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
    if (s.rank != 4 || (axis != 1 && axis != -3) || index->rank != 0)
        return rg__refuse(plan->graph, node, "only one channel of a map can be taken");
    int64_t channel = index->i[0] < 0 ? index->i[0] + s.c : index->i[0];
    if (channel < 0 || channel >= s.c)
        return rg__refuse(plan->graph, node, "channel %lld of %d", (long long)channel, s.c);
    return rg__plan_unary(plan, node, &(rg__step_t){.run = rg__run_channel, .channel = (int)channel},
                          x.tensor, (rg__shape_t){3, 1, s.h, s.w}, 1, out);
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
        if (x.shape.rank == 3 || x.shape.rank != joined.rank || x.shape.h != joined.h ||
            x.shape.w != joined.w)
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
    if (!err) err = rg__attribute_int((rg__node_of_t){plan->graph, node}, "axis", 1, -3, 3, &axis);
    if (err) return err;
    if (axis != 1 && axis + first.shape.rank != 1)
        return rg__refuse(plan->graph, node, "only channels can be joined");
    int *tensors = rg_alloc((size_t)count * sizeof *tensors);
    err = concat_axis(plan, node, tensors, count, out);
    free(tensors);
    return err;
}
