#include "common/onnx/onnx.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/hash.h"
#include "common/onnx/plan.h"

static const size_t FILE_MAX = ((size_t)2 << 30) - 1; // the largest protobuf message

struct rg_onnx {
    char hash[17];
    rg__graph_t graph;
    rg__plan_t *plan; // NULL before the first
};

// ---- opening

int rg_onnx_parse(rg_onnx_t **out, const void *bytes, size_t size, const char *origin)
{
    rg_onnx_t *onnx = rg_alloc(sizeof *onnx);
    int err = rg__graph_init(&onnx->graph, bytes, size, origin);
    if (err) {
        rg_onnx_close(&onnx);
        return err;
    }
    rg_hash_hex(rg_hash(bytes, size, 0), onnx->hash);
    *out = onnx;
    return 0;
}

int rg_onnx_open(rg_onnx_t **onnx, const char *path)
{
    unsigned char *bytes;
    size_t size;
    int err = rg_file_read(path, FILE_MAX, &bytes, &size);
    if (err) return err;
    err = rg_onnx_parse(onnx, bytes, size, path);
    free(bytes);
    return err;
}

static void drop(rg__plan_t *plan)
{
    if (!plan) return;
    rg__plan_fini(plan);
    free(plan);
}

void rg_onnx_close(rg_onnx_t **out)
{
    rg_onnx_t *onnx = *out;
    if (!onnx) return;
    drop(onnx->plan);
    rg__graph_fini(&onnx->graph);
    free(onnx);
    *out = NULL;
}

const char *rg_onnx_hash(const rg_onnx_t *onnx)
{
    return onnx->hash;
}

const char *rg_onnx_nth(const rg_onnx_t *onnx, const char *op, int n)
{
    for (int i = 0; i < onnx->graph.n_nodes; i++) {
        const Rg__Onnx__Node *node = onnx->graph.nodes[i].proto;
        if (node->n_output && rg__is_standard(node) && strcmp(node->op_type, op) == 0 && --n == 0)
            return node->output[0];
    }
    return NULL;
}

// ---- plans

int rg_onnx_plan_inputs(rg_onnx_t *onnx, const rg_onnx_input_t *inputs, int n_inputs,
                        const char *const *names, int count)
{
    rg__plan_t *plan = rg_alloc(sizeof *plan);
    int err = rg__plan_init(plan, &onnx->graph, inputs, n_inputs, names, count);
    drop(err ? plan : onnx->plan);
    if (!err) onnx->plan = plan;
    return err;
}

int rg_onnx_plan(rg_onnx_t *onnx, int h, int w, const char *const *names, int count)
{
    const rg__graph_t *graph = &onnx->graph;
    const char *image = graph->values[graph->inputs[0]].name;
    if (graph->n_inputs > 1)
        return rg_fail(RG_EMODEL, "%s: two inputs, '%.80s' and '%.80s'; one is an image", graph->origin,
                       image, graph->values[graph->inputs[1]].name);
    if (h < 1 || w < 1) return rg_fail(RG_ELIMIT, "%s: images of %dx%d", graph->origin, w, h);
    return rg_onnx_plan_inputs(onnx, &(rg_onnx_input_t){image, h, w, 3}, 1, names, count);
}

rg_onnx_shape_t rg_onnx_shape(const rg_onnx_t *onnx, int i)
{
    const rg__plan_t *plan = onnx->plan;
    assert(plan && i >= 0 && i < plan->count);
    rg__shape_t shape = plan->state[plan->wanted[i]].shape;
    return (rg_onnx_shape_t){shape.h, shape.w, shape.c};
}

double rg_onnx_work(const rg_onnx_t *onnx)
{
    assert(onnx->plan);
    return onnx->plan->work;
}

// ---- running

// forgets: the step's inputs that no later step reads give back their memory.
static rg_tensor_t *run_step(const rg__plan_t *plan, rg_tape_t *tape, int i, rg_tensor_t **tensors,
                             int forgets)
{
    const rg__step_t *step = &plan->steps[i];
    rg_tensor_t **x = rg_tape_alloc(tape, (size_t)step->n_x * sizeof *x);
    for (int k = 0; k < step->n_x; k++) x[k] = tensors[step->x[k]];
    rg_tensor_t *y = step->run(tape, step, x);
    for (int k = 0; k < step->n_x; k++)
        if (forgets && plan->last[step->x[k]] == i) rg_tape_forget(tape, x[k]);
    return y;
}

static void check_input(const rg__plan_t *plan, int i, const rg_tensor_t *x)
{
    rg__shape_t shape = plan->state[plan->inputs[i]].shape;
    assert(x->h == shape.h && x->w == shape.w && x->c == shape.c);
    (void)shape;
    (void)x;
}

void rg_onnx_run_inputs(const rg_onnx_t *onnx, rg_tape_t *tape, rg_tensor_t *const *x, rg_tensor_t **value)
{
    const rg__plan_t *plan = onnx->plan;
    assert(plan);
    int n = plan->n_inputs, learning = 0;
    rg_tensor_t **tensors = rg_tape_alloc(tape, (size_t)(n + plan->n_steps) * sizeof *tensors);
    for (int i = 0; i < n; i++) {
        check_input(plan, i, x[i]);
        tensors[i] = x[i];
        learning += x[i]->needs_grad != 0;
    }
    // a value without a gradient may be needed for the gradient of another one
    int forgets = learning == 0 || learning == n;
    for (int i = 0; i < plan->n_steps; i++) tensors[n + i] = run_step(plan, tape, i, tensors, forgets);
    for (int i = 0; i < plan->count; i++) value[i] = tensors[plan->state[plan->wanted[i]].tensor];
}

void rg_onnx_run(const rg_onnx_t *onnx, rg_tape_t *tape, rg_tensor_t *x, rg_tensor_t **value)
{
    rg_onnx_run_inputs(onnx, tape, &x, value);
}
