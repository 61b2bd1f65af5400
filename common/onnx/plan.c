#include "common/onnx/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"

enum { SIDE_MAX = 1 << 14, STEPS_MAX = 1 << 14 };
static const double FLOATS_MAX = 1 << 28; // in the maps of one image: 1 GiB
static const double INPUT_MAX = 1 << 30;  // floats of one image
static const double WEIGHTS_MAX = 1 << 29;
static const double WORK_MAX = 1e12; // sixty times VGG16 at 224 px

// ---- which nodes to run

static int refuse_name(const rg__graph_t *graph, const char *name)
{
    char there[256];
    size_t n = 0;
    there[0] = 0;
    for (int i = graph->n_nodes - 1; i >= 0 && n + 60 < sizeof there; i--)
        for (size_t o = 0; o < graph->nodes[i].proto->n_output && n + 60 < sizeof there; o++)
            n += (size_t)snprintf(there + n, sizeof there - n, " %.40s", graph->nodes[i].proto->output[o]);
    return rg_fail(RG_EMODEL, "%s: no value '%.80s' is computed there; the last are%s", graph->origin, name,
                   there);
}

static int find_wanted(rg__plan_t *plan, const char *const *names, int count)
{
    const rg__graph_t *graph = plan->graph;
    plan->count = names ? count : 1;
    plan->wanted = rg_alloc((size_t)plan->count * sizeof *plan->wanted);
    for (int i = 0; i < plan->count; i++) {
        int value = names ? rg__graph_find(graph, names[i]) : graph->output;
        if (value == RG__NO_VALUE || graph->values[value].constant)
            return refuse_name(graph, names ? names[i] : "(output)");
        plan->wanted[i] = value;
        plan->readers[value]++;
    }
    return 0;
}

static int is_given(const rg__plan_t *plan, int value)
{
    for (int i = 0; i < plan->n_inputs; i++)
        if (plan->inputs[i] == value) return 1;
    return 0;
}

static int is_needed(const rg__plan_t *plan, const rg__node_t *node)
{
    for (size_t o = 0; o < node->proto->n_output; o++) {
        int value = node->output[o];
        if (value != RG__NO_VALUE && plan->readers[value] && !is_given(plan, value)) return 1;
    }
    return 0;
}

// Goes backwards from the wanted values and counts the readers of each value. Constants need no node.
static void count_readers(rg__plan_t *plan)
{
    const rg__graph_t *graph = plan->graph;
    for (int i = graph->n_nodes - 1; i >= 0; i--) {
        const rg__node_t *node = &graph->nodes[i];
        if (!is_needed(plan, node)) continue;
        for (size_t k = 0; k < node->proto->n_input; k++) {
            int value = node->input[k];
            if (value != RG__NO_VALUE && !graph->values[value].constant) plan->readers[value]++;
        }
    }
}

// The step that computes a value; NULL: an input.
static rg__step_t *step_of(rg__plan_t *plan, rg__state_t x)
{
    return x.tensor < plan->n_inputs ? NULL : &plan->steps[x.tensor - plan->n_inputs];
}

// Marks a value as computed. Nothing is folded into a step whose result has several readers.
static void put_value(rg__plan_t *plan, int value, rg__state_t state)
{
    rg__step_t *step = step_of(plan, state);
    plan->state[value] = state;
    if (step && plan->readers[value] > 1) step->shared = 1;
}

static int plan_node(rg__plan_t *plan, const rg__node_t *node)
{
    rg__state_t out;
    for (size_t o = 1; o < node->proto->n_output; o++)
        if (node->output[o] != RG__NO_VALUE && plan->readers[node->output[o]])
            return rg__refuse(plan->graph, node, "output '%.80s' is not supported", node->proto->output[o]);
    int err = rg__operator_plan(plan, node, &out);
    if (!err) put_value(plan, node->output[0], out);
    return err;
}

// ---- weights, after all folding

static int fill_weights(rg__plan_t *plan)
{
    double count = 0;
    for (int i = 0; i < plan->n_steps; i++) {
        const rg__step_t *step = &plan->steps[i];
        double size = step->gain ? 1 : 0;
        for (int d = 0; step->gain && d < step->rank; d++) size *= step->shape[d];
        count += size + step->outputs;
    }
    if (count > WEIGHTS_MAX) return rg_fail(RG_ELIMIT, "%s: over 2 GiB of weights", plan->graph->origin);
    for (int i = 0; i < plan->n_steps; i++) rg__step_declare(&plan->steps[i], &plan->params, i);
    rg_params_alloc(&plan->params, 0);
    for (int i = 0; i < plan->n_steps; i++) rg__step_fill(&plan->steps[i]);
    rg_params_changed(&plan->params);
    return 0;
}

static void find_last_readers(rg__plan_t *plan)
{
    int n = plan->n_inputs;
    plan->last = rg_alloc((size_t)(n + plan->n_steps) * sizeof *plan->last);
    for (int i = 0; i < plan->n_steps; i++) {
        plan->last[n + i] = -1;
        for (int k = 0; k < plan->steps[i].n_x; k++) plan->last[plan->steps[i].x[k]] = i;
    }
    for (int i = 0; i < n; i++) plan->last[i] = -1;
    for (int i = 0; i < plan->count; i++) plan->last[plan->state[plan->wanted[i]].tensor] = -1;
}

// ---- creation and destruction

// What the next convolution is to do first; NULL: nothing.
static const char *unready(rg__state_t x)
{
    return x.reflect ? "reflection padding" : x.up ? "upsampling" : NULL;
}

// 1 if the file says that its input is [N,h,w,c].
static int is_declared_nhwc(const rg__value_t *value, int c)
{
    const Rg__Onnx__Type *type = value->input ? value->input->type : NULL;
    const Rg__Onnx__Shape *shape = type && type->tensor_type ? type->tensor_type->shape : NULL;
    return shape && shape->n_dim == 4 && shape->dim[3]->dim_value == c && shape->dim[1]->dim_value != c;
}

static int give_input(rg__plan_t *plan, int i, const rg_onnx_input_t *input)
{
    const rg__graph_t *graph = plan->graph;
    int value = rg__graph_find(graph, input->name), is_map = input->h > 0;
    int h = is_map ? input->h : 1, w = is_map ? input->w : 1;
    if (value == RG__NO_VALUE || graph->values[value].constant) return refuse_name(graph, input->name);
    if (w < 1 || h > SIDE_MAX || w > SIDE_MAX)
        return rg_fail(RG_ELIMIT, "%s: images of %dx%d", graph->origin, w, h);
    if (input->c < 1 || (double)h * w * input->c > INPUT_MAX)
        return rg_fail(RG_ELIMIT, "%s: an input of %dx%d with %d channels", graph->origin, w, h, input->c);
    int nhwc = is_map && is_declared_nhwc(&graph->values[value], input->c);
    plan->state[value] = (rg__state_t){i, {is_map ? 4 : 2, input->c, h, w, nhwc}};
    plan->inputs[plan->n_inputs++] = value;
    return 0;
}

static int give_inputs(rg__plan_t *plan, const rg_onnx_input_t *inputs, int n)
{
    size_t values = (size_t)plan->graph->n_values;
    int err = 0;
    plan->state = rg_alloc(values * sizeof *plan->state);
    plan->readers = rg_alloc(values * sizeof *plan->readers);
    plan->inputs = rg_alloc((size_t)n * sizeof *plan->inputs);
    for (size_t i = 0; i < values; i++) plan->state[i].tensor = RG__NO_TENSOR;
    for (int i = 0; i < n && !err; i++) err = give_input(plan, i, &inputs[i]);
    return err;
}

// What is wanted may be an input that is not given, or a node that computes nothing.
static int check_wanted(const rg__plan_t *plan)
{
    for (int i = 0; i < plan->count; i++) {
        rg__state_t state = plan->state[plan->wanted[i]];
        const char *name = plan->graph->values[plan->wanted[i]].name;
        if (state.tensor == RG__NO_TENSOR) return refuse_name(plan->graph, name);
        if (unready(state))
            return rg_fail(RG_EMODEL, "%s: value '%.80s': %s is supported before a convolution only",
                           plan->graph->origin, name, unready(state));
    }
    return 0;
}

int rg__plan_init(rg__plan_t *plan, const rg__graph_t *graph, const rg_onnx_input_t *inputs, int n_inputs,
                  const char *const *names, int count)
{
    *plan = (rg__plan_t){.graph = graph};
    rg_params_init(&plan->params, "onnx");
    int err = give_inputs(plan, inputs, n_inputs);
    if (!err) err = find_wanted(plan, names, count);
    if (err) return err;
    count_readers(plan);
    for (int i = 0; !err && i < graph->n_nodes; i++)
        if (is_needed(plan, &graph->nodes[i])) err = plan_node(plan, &graph->nodes[i]);
    if (!err) err = check_wanted(plan);
    if (!err) err = fill_weights(plan);
    if (!err) find_last_readers(plan);
    return err;
}

void rg__plan_fini(rg__plan_t *plan)
{
    for (int i = 0; i < plan->n_steps; i++) rg__step_fini(&plan->steps[i]);
    rg_params_fini(&plan->params);
    free(plan->steps);
    free(plan->state);
    free(plan->readers);
    free(plan->wanted);
    free(plan->inputs);
    free(plan->last);
}

// ---- inputs of operators

int rg__node_input(const rg__node_t *node, int i)
{
    return (size_t)i < node->proto->n_input ? node->input[i] : RG__NO_VALUE;
}

static int find_value(const rg__plan_t *plan, const rg__node_t *node, int i, rg__state_t *state)
{
    int value = rg__node_input(node, i);
    if (value == RG__NO_VALUE) return rg__refuse(plan->graph, node, "input %d is missing", i);
    if (plan->state[value].tensor == RG__NO_TENSOR)
        return rg__refuse(plan->graph, node, "input '%.80s' is %s", plan->graph->values[value].name,
                          plan->graph->values[value].constant ? "a constant" : "not given");
    *state = plan->state[value];
    return 0;
}

int rg__plan_unready(const rg__plan_t *plan, const rg__node_t *node, rg__state_t *x)
{
    return find_value(plan, node, 0, x);
}

int rg__plan_value(const rg__plan_t *plan, const rg__node_t *node, int i, rg__state_t *state)
{
    int err = find_value(plan, node, i, state);
    if (!err && unready(*state))
        err = rg__refuse(plan->graph, node, "%s is supported before a convolution only", unready(*state));
    return err;
}

int rg__plan_map(const rg__plan_t *plan, const rg__node_t *node, rg__state_t *x)
{
    int err = rg__plan_value(plan, node, 0, x);
    if (!err && (x->shape.rank != 4 || x->shape.nhwc))
        err = rg__refuse(plan->graph, node, "the input is not [N,C,H,W]");
    return err;
}

int rg__axis(rg__shape_t x, int64_t axis)
{
    static const int channels_first[] = {RG__AXIS_N, RG__AXIS_C, RG__AXIS_H, RG__AXIS_W},
                     channels_last[] = {RG__AXIS_N, RG__AXIS_H, RG__AXIS_W, RG__AXIS_C};
    if (axis < 0) axis += x.rank;
    if (axis < 0 || axis >= x.rank) return -1;
    return x.rank == 3 || x.nhwc ? channels_last[axis] : channels_first[axis];
}

static int find_constant(const rg__plan_t *plan, const rg__node_t *node, int i,
                         const rg__constant_t **constant)
{
    int value = rg__node_input(node, i);
    if (value == RG__NO_VALUE) return rg__refuse(plan->graph, node, "input %d is missing", i);
    *constant = plan->graph->values[value].constant;
    if (*constant) return 0;
    return rg__refuse(plan->graph, node, "input '%.80s' is not a constant", plan->graph->values[value].name);
}

static int refuse_type(const rg__plan_t *plan, const rg__node_t *node, int i, int type, const char *needed)
{
    return rg__refuse(plan->graph, node, "tensor '%.80s' is %s; supported is %s", node->proto->input[i],
                      rg__constant_type(type), needed);
}

int rg__plan_floats(const rg__plan_t *plan, const rg__node_t *node, int i, const rg__constant_t **constant)
{
    int err = find_constant(plan, node, i, constant);
    if (!err && !(*constant)->f) err = refuse_type(plan, node, i, (*constant)->type, "float32");
    return err;
}

int rg__plan_ints(const rg__plan_t *plan, const rg__node_t *node, int i, const rg__constant_t **constant)
{
    int err = find_constant(plan, node, i, constant);
    if (!err && !(*constant)->i) err = refuse_type(plan, node, i, (*constant)->type, "int64");
    return err;
}

// ---- steps of operators

static int account(rg__plan_t *plan, const rg__node_t *node, rg__shape_t shape, double taps)
{
    double numbers = (double)shape.c * shape.h * shape.w;
    plan->floats += numbers;
    plan->work += numbers * taps;
    const char *what = plan->floats > FLOATS_MAX    ? "over 1 GiB of maps for an image"
                       : plan->work > WORK_MAX      ? "over 10^12 multiplications for an image"
                       : plan->n_steps >= STEPS_MAX ? "over 16384 steps"
                                                    : NULL;
    if (!what) return 0;
    rg__refuse(plan->graph, node, "%s", what);
    return RG_ELIMIT;
}

int rg__plan_step(rg__plan_t *plan, const rg__node_t *node, const rg__step_t *step, const int *x, int n_x,
                  rg__shape_t shape, double taps, rg__state_t *out)
{
    if (plan->n_steps == plan->capacity) {
        plan->capacity = plan->capacity ? 2 * plan->capacity : 64;
        plan->steps = rg_realloc(plan->steps, (size_t)plan->capacity * sizeof *plan->steps);
    }
    rg__step_t *added = &plan->steps[plan->n_steps];
    *added = *step;
    added->x = rg_alloc((size_t)n_x * sizeof *x);
    added->n_x = n_x;
    memcpy(added->x, x, (size_t)n_x * sizeof *x);
    *out = (rg__state_t){plan->n_inputs + plan->n_steps++, shape};
    return account(plan, node, shape, taps);
}

int rg__plan_unary(rg__plan_t *plan, const rg__node_t *node, const rg__step_t *step, int x, rg__shape_t shape,
                   double taps, rg__state_t *out)
{
    return rg__plan_step(plan, node, step, &x, 1, shape, taps, out);
}

int rg__plan_scale(rg__plan_t *plan, const rg__node_t *node, rg__state_t x, const float *gain,
                   const float *shift, rg__state_t *out)
{
    rg__step_t *maker = step_of(plan, x);
    *out = x;
    if (maker && rg__step_fold_scale(maker, gain, shift)) return 0;
    rg__step_t step = {.run = rg__run_scale};
    rg__step_weigh(&step, NULL, 1, &x.shape.c, 0);
    rg__step_fold_scale(&step, gain, shift);
    return rg__plan_unary(plan, node, &step, x.tensor, x.shape, 1, out);
}

int rg__plan_act(rg__plan_t *plan, const rg__node_t *node, rg__state_t x, enum rg_act act, rg__state_t *out)
{
    rg__step_t *maker = step_of(plan, x);
    *out = x;
    if (maker && rg__step_fold_act(maker, act)) return 0;
    return rg__plan_unary(plan, node, &(rg__step_t){.run = rg__run_act, .act = act}, x.tensor, x.shape, 1,
                          out);
}
