// Operators on single values: activations, bounds, sums and products, softmax.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/onnx/attribute.h"

// ---- activations

static int activate(rg__plan_t *plan, const rg__node_t *node, enum rg_act act, rg__state_t *out)
{
    rg__state_t x;
    int err = rg__plan_value(plan, node, 0, &x);
    return err ? err : rg__plan_act(plan, node, x, act, out);
}

int rg__op_relu(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    return activate(plan, node, RG_ACT_RELU, out);
}

int rg__op_sigmoid(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    return activate(plan, node, RG_ACT_SIGMOID, out);
}

int rg__op_tanh(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    return activate(plan, node, RG_ACT_TANH, out);
}

// ---- bounds

static int clip(rg__plan_t *plan, const rg__node_t *node, rg__state_t x, rg_clip_t bounds, rg__state_t *out)
{
    return rg__plan_unary(plan, node, &(rg__step_t){.run = rg__run_clip, .clip = bounds}, x.tensor, x.shape,
                          1, out);
}

int rg__op_leaky(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    rg_clip_t bounds = {.low = 0, .high = INFINITY};
    rg__state_t x;
    int err = rg__plan_value(plan, node, 0, &x);
    if (!err) err = rg__attribute_float((rg__node_of_t){plan->graph, node}, "alpha", 0.01f, &bounds.leak);
    return err ? err : clip(plan, node, x, bounds, out);
}

// A bound is an attribute or, since operator set 11, an input.
static int read_bound(const rg__plan_t *plan, const rg__node_t *node, const char *name, int input,
                      float otherwise, float *bound)
{
    const rg__constant_t *constant;
    int err = rg__attribute_float((rg__node_of_t){plan->graph, node}, name, otherwise, bound);
    if (err || rg__node_input(node, input) == RG__NO_VALUE) return err;
    err = rg__plan_floats(plan, node, input, &constant);
    if (!err && (constant->count != 1 || isnan(constant->f[0])))
        err = rg__refuse(plan->graph, node, "'%s' is not one number", name);
    if (!err) *bound = constant->f[0];
    return err;
}

int rg__op_clip(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    rg_clip_t bounds = {0};
    rg__state_t x;
    int err = rg__plan_value(plan, node, 0, &x);
    if (!err) err = read_bound(plan, node, "min", 1, -INFINITY, &bounds.low);
    if (!err) err = read_bound(plan, node, "max", 2, INFINITY, &bounds.high);
    if (!err && bounds.low > bounds.high) err = rg__refuse(plan->graph, node, "'min' is above 'max'");
    return err ? err : clip(plan, node, x, bounds, out);
}

// ---- scales: sums and products with constants, one number or one per channel

// How a constant of this shape applies to x: 1 per channel, 0 as one number, -1 neither. ONNX aligns shapes
// at their ends.
static int channel_stride(const rg__constant_t *constant, rg__shape_t x)
{
    int before = x.rank - constant->rank; // x's axes that the constant lacks
    int axis = (x.nhwc ? 3 : 1) - before; // of the constant: the channels
    if (constant->count == 1 && before >= 0) return 0;
    if (x.rank == 3 || before < 0 || axis < 0 || constant->count != (size_t)x.c) return -1;
    return constant->shape[axis] == x.c ? 1 : -1;
}

typedef struct {
    float gain, shift;
} line_t;

// Applies a sum or product with a constant to x. x is the input `value`, the constant the other one.
static int scale_by(rg__plan_t *plan, const rg__node_t *node, int value, line_t (*line)(float number),
                    rg__state_t *out)
{
    const rg__constant_t *constant;
    rg__state_t x;
    int err = rg__plan_value(plan, node, value, &x);
    if (!err) err = rg__plan_floats(plan, node, 1 - value, &constant);
    if (err) return err;
    int stride = channel_stride(constant, x.shape);
    if (stride < 0)
        return rg__refuse(plan->graph, node, "the constant is neither one number nor one for each channel");
    size_t channels = (size_t)x.shape.c;
    float *gain = rg_alloc(2 * channels * sizeof *gain), *shift = gain + channels;
    for (size_t c = 0; c < channels; c++) {
        line_t l = line(constant->f[c * (size_t)stride]);
        gain[c] = l.gain, shift[c] = l.shift;
    }
    err = rg__plan_scale(plan, node, x, gain, shift, out);
    free(gain);
    return err;
}

static line_t plus(float number)
{
    return (line_t){1, number};
}

static line_t minus(float number)
{
    return (line_t){1, -number};
}

static line_t from(float number)
{
    return (line_t){-1, number};
}

static line_t times(float number)
{
    return (line_t){number, 0};
}

static line_t over(float number)
{
    return (line_t){1 / number, 0};
}

// Scales every channel alike in a step of its own, so that x stays as it is.
static int scale_all(rg__plan_t *plan, const rg__node_t *node, rg__state_t x, line_t line, rg__state_t *out)
{
    rg__step_t step = {.run = rg__run_scale};
    rg__step_weigh(&step, NULL, 1, &x.shape.c, 0);
    for (int c = 0; c < x.shape.c; c++) step.gain[c] = line.gain, step.shift[c] = line.shift;
    return rg__plan_unary(plan, node, &step, x.tensor, x.shape, 1, out);
}

static int hard_sigmoid(rg__plan_t *plan, const rg__node_t *node, rg__state_t x, line_t line,
                        rg__state_t *out)
{
    int err = scale_all(plan, node, x, line, out);
    return err ? err : clip(plan, node, *out, (rg_clip_t){.low = 0, .high = 1}, out);
}

int rg__op_hard_sigmoid(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    rg__node_of_t of = {plan->graph, node};
    rg__state_t x;
    line_t line;
    int err = rg__plan_value(plan, node, 0, &x);
    if (!err) err = rg__attribute_float(of, "alpha", 0.2f, &line.gain);
    if (!err) err = rg__attribute_float(of, "beta", 0.5f, &line.shift);
    return err ? err : hard_sigmoid(plan, node, x, line, out);
}

// ---- sums and products of two values

static int is_constant(const rg__plan_t *plan, const rg__node_t *node, int i)
{
    int value = rg__node_input(node, i);
    return value != RG__NO_VALUE && plan->graph->values[value].constant;
}

static int equal_shapes(rg__shape_t a, rg__shape_t b)
{
    return a.rank == b.rank && a.c == b.c && a.h == b.h && a.w == b.w && a.nhwc == b.nhwc;
}

static int is_one_number(rg__shape_t x)
{
    return x.c == 1 && x.h == 1 && x.w == 1;
}

// 1 if b is repeated along each side of a on which it has 1.
static int is_repeated(rg__shape_t a, rg__shape_t b)
{
    return a.rank == b.rank && (a.nhwc == b.nhwc || is_one_number(b)) && (b.c == a.c || b.c == 1) &&
           (b.h == a.h || b.h == 1) && (b.w == a.w || b.w == 1);
}

static int read_two(const rg__plan_t *plan, const rg__node_t *node, rg__state_t *a, rg__state_t *b)
{
    int err = rg__plan_value(plan, node, 0, a);
    return err ? err : rg__plan_value(plan, node, 1, b);
}

static int plan_two(rg__plan_t *plan, const rg__node_t *node, const rg__step_t *step, rg__state_t a,
                    rg__state_t b, rg__state_t *out)
{
    return rg__plan_step(plan, node, step, (int[]){a.tensor, b.tensor}, 2, a.shape, 1, out);
}

static int product(rg__plan_t *plan, const rg__node_t *node, rg__state_t a, rg__state_t b, rg__state_t *out)
{
    return plan_two(plan, node, &(rg__step_t){.run = rg__run_multiply}, a, b, out);
}

static int is_by_channel(rg__shape_t a, rg__shape_t b)
{
    return is_repeated(a, b) && a.c == b.c && b.h == 1 && b.w == 1;
}

// Sums and products of equal shapes have operations of their own, which are faster.
static int arithmetic(rg__plan_t *plan, const rg__node_t *node, enum rg_arithmetic what, rg__state_t *out)
{
    rg__state_t a, b;
    int err = read_two(plan, node, &a, &b);
    if (err) return err;
    int is_commutative = what == RG_PLUS || what == RG_TIMES;
    if (is_commutative && !is_repeated(a.shape, b.shape) && is_repeated(b.shape, a.shape)) {
        rg__state_t first = a;
        a = b, b = first;
    }
    int are_equal = equal_shapes(a.shape, b.shape);
    if (what == RG_PLUS && are_equal)
        return plan_two(plan, node, &(rg__step_t){.run = rg__run_add}, a, b, out);
    if (what == RG_TIMES && (are_equal || is_by_channel(a.shape, b.shape)))
        return product(plan, node, a, b, out);
    if (!is_repeated(a.shape, b.shape))
        return rg__refuse(plan->graph, node, "a value of %dx%dx%d and one of %dx%dx%d", a.shape.c, a.shape.h,
                          a.shape.w, b.shape.c, b.shape.h, b.shape.w);
    return plan_two(plan, node, &(rg__step_t){.run = rg__run_broadcast, .arithmetic = what}, a, b, out);
}

int rg__op_add(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    if (is_constant(plan, node, 0)) return scale_by(plan, node, 1, plus, out);
    if (is_constant(plan, node, 1)) return scale_by(plan, node, 0, plus, out);
    return arithmetic(plan, node, RG_PLUS, out);
}

int rg__op_mul(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    if (is_constant(plan, node, 0)) return scale_by(plan, node, 1, times, out);
    if (is_constant(plan, node, 1)) return scale_by(plan, node, 0, times, out);
    return arithmetic(plan, node, RG_TIMES, out);
}

int rg__op_sub(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    if (is_constant(plan, node, 0)) return scale_by(plan, node, 1, from, out);
    if (is_constant(plan, node, 1)) return scale_by(plan, node, 0, minus, out);
    return arithmetic(plan, node, RG_MINUS, out);
}

int rg__op_div(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    if (is_constant(plan, node, 1)) return scale_by(plan, node, 0, over, out);
    return arithmetic(plan, node, RG_OVER, out);
}

int rg__op_hard_swish(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    rg__state_t x, gate;
    int err = rg__plan_value(plan, node, 0, &x);
    if (!err) err = hard_sigmoid(plan, node, x, (line_t){1.0f / 6, 0.5f}, &gate);
    return err ? err : product(plan, node, x, gate, out);
}

// ---- softmax over channels. Before operator set 13 it was over the axis and all axes behind it.

int rg__op_softmax(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    rg__state_t x;
    int axis, is_old = plan->graph->opset < 13;
    int err = rg__plan_value(plan, node, 0, &x);
    if (!err)
        err = rg__attribute_int((rg__node_of_t){plan->graph, node}, "axis", is_old ? 1 : -1, -4, 3, &axis);
    if (err) return err;
    if (rg__axis(x.shape, axis) != RG__AXIS_C || (is_old && x.shape.h * x.shape.w > 1))
        return rg__refuse(plan->graph, node, "only a softmax over channels is supported");
    return rg__plan_unary(plan, node, &(rg__step_t){.run = rg__run_softmax}, x.tensor, x.shape, 4, out);
}
