#include "common/onnx/onnx.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
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

int rg_onnx_plan(rg_onnx_t *onnx, int h, int w, const char *const *names, int count)
{
    rg__plan_t *plan = rg_alloc(sizeof *plan);
    int err = rg__plan_init(plan, &onnx->graph, h, w, names, count);
    drop(err ? plan : onnx->plan);
    if (!err) onnx->plan = plan;
    return err;
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

static rg_tensor_t *run_step(const rg__plan_t *plan, rg_tape_t *tape, int i, rg_tensor_t **tensors)
{
    const rg__step_t *step = &plan->steps[i];
    rg_tensor_t **x = rg_tape_alloc(tape, (size_t)step->n_x * sizeof *x);
    for (int k = 0; k < step->n_x; k++) x[k] = tensors[step->x[k]];
    rg_tensor_t *y = step->run(tape, step, x);
    for (int k = 0; k < step->n_x; k++)
        if (plan->last[step->x[k]] == i) rg_tape_forget(tape, x[k]);
    return y;
}

void rg_onnx_run(const rg_onnx_t *onnx, rg_tape_t *tape, rg_tensor_t *x, rg_tensor_t **value)
{
    const rg__plan_t *plan = onnx->plan;
    assert(plan);
    rg__shape_t image = plan->state[onnx->graph.image].shape;
    assert(x->h == image.h && x->w == image.w && x->c == image.c);
    rg_tensor_t **tensors = rg_tape_alloc(tape, (size_t)(plan->n_steps + 1) * sizeof *tensors);
    tensors[0] = x;
    for (int i = 0; i < plan->n_steps; i++) tensors[i + 1] = run_step(plan, tape, i, tensors);
    for (int i = 0; i < plan->count; i++) value[i] = tensors[plan->state[plan->wanted[i]].tensor];
}
