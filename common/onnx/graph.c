#include "common/onnx/graph.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"

enum { NODES_MAX = 1 << 16, VALUES_MAX = 1 << 20, OPSET_MIN = 7 };
static const size_t OVERHEAD_MAX = (size_t)256 << 20,
                    OVERHEAD_EACH = 32; // bytes of structs, per byte of file

// ---- unpacking within a memory budget, because a few bytes of a file can ask for a struct of a hundred

static void *budget_allocate(void *budget, size_t size)
{
    size_t *left = budget;
    if (size > *left) return NULL;
    *left -= size;
    return malloc(size ? size : 1);
}

static void budget_release(void *budget, void *memory)
{
    (void)budget;
    free(memory);
}

static int unpack(rg__graph_t *graph, const void *bytes, size_t size)
{
    size_t overhead = size > OVERHEAD_MAX / OVERHEAD_EACH ? OVERHEAD_MAX : size * OVERHEAD_EACH;
    size_t budget = size + overhead + 4096;
    ProtobufCAllocator allocator = {budget_allocate, budget_release, &budget};
    graph->model = rg__onnx__model__unpack(&allocator, size, bytes);
    if (!graph->model || !graph->model->graph || !graph->model->graph->n_node)
        return rg_fail(RG_EFORMAT, "%s: not an ONNX model", graph->origin);
    return 0;
}

static int read_opset(rg__graph_t *graph)
{
    const Rg__Onnx__Model *model = graph->model;
    for (size_t i = 0; i < model->n_opset_import; i++) {
        const char *domain = model->opset_import[i]->domain;
        if (!*domain || strcmp(domain, "ai.onnx") == 0) graph->opset = model->opset_import[i]->version;
    }
    if (graph->opset >= OPSET_MIN) return 0;
    return rg_fail(RG_EMODEL, "%s: operator set %lld; %d or a later one is needed", graph->origin,
                   (long long)graph->opset, OPSET_MIN);
}

static int check_counts(const rg__graph_t *graph)
{
    const Rg__Onnx__Graph *g = graph->model->graph;
    size_t outputs = 0;
    for (size_t i = 0; i < g->n_node; i++) outputs += g->node[i]->n_output + g->node[i]->n_input;
    if (g->n_node > NODES_MAX || outputs + g->n_initializer + g->n_input > VALUES_MAX)
        return rg_fail(RG_ELIMIT, "%s: more than %d nodes or %d values", graph->origin, NODES_MAX,
                       VALUES_MAX);
    if (g->n_sparse_initializer)
        return rg_fail(RG_EMODEL, "%s: sparse tensors are not supported", graph->origin);
    return 0;
}

// ---- constants

enum { FLOAT = 1, INT64 = 7, EXTERNAL = 1 }; // ONNX's numbers

const char *rg__constant_type(int type)
{
    static const char *const names[] = {"undefined", "float32", "uint8",  "int8",   "uint16",
                                        "int16",     "int32",   "int64",  "string", "bool",
                                        "float16",   "float64", "uint32", "uint64"};
    return type >= 0 && type < (int)(sizeof names / sizeof *names) ? names[type] : "another type";
}

// The tensor's bytes, with `each` bytes per element: the raw field, or the typed field if raw is empty.
static const void *data_of(const ProtobufCBinaryData *raw, const void *typed, size_t n_typed, size_t each,
                           size_t *bytes)
{
    *bytes = raw->len ? raw->len : n_typed * each;
    return raw->len ? raw->data : typed;
}

static int read_shape(rg__constant_t *constant, const Rg__Onnx__Tensor *tensor, const char *name,
                      const char *origin)
{
    if (tensor->n_dims > RG__CONSTANT_RANK)
        return rg_fail(RG_EMODEL, "%s: tensor '%.80s' has %zu dimensions", origin, name, tensor->n_dims);
    constant->rank = (int)tensor->n_dims;
    constant->count = 1;
    for (size_t d = 0; d < tensor->n_dims; d++) {
        int64_t side = tensor->dims[d];
        if (side < 0 || side > INT32_MAX || (side > 0 && constant->count > SIZE_MAX / 16 / (size_t)side))
            return rg_fail(RG_EFORMAT, "%s: tensor '%.80s' has an impossible shape", origin, name);
        constant->shape[d] = (int)side;
        constant->count *= (size_t)side;
    }
    return 0;
}

// RG_EFORMAT: shape and data do not match. RG_EMODEL: the data lies in another file, or there are more than 8
// dimensions. Elements of other types are not read.
static int read_constant(rg__constant_t *constant, const Rg__Onnx__Tensor *tensor, const char *name,
                         const char *origin)
{
    *constant = (rg__constant_t){.type = tensor->data_type};
    if (tensor->data_location == EXTERNAL)
        return rg_fail(RG_EMODEL,
                       "%s: tensor '%.80s' lies in another file; save the model with its weights inside",
                       origin, name);
    int err = read_shape(constant, tensor, name, origin);
    if (err || (tensor->data_type != FLOAT && tensor->data_type != INT64)) return err;
    int is_float = tensor->data_type == FLOAT;
    size_t each = is_float ? sizeof(float) : sizeof(int64_t), bytes;
    const void *data =
        is_float ? data_of(&tensor->raw_data, tensor->float_data, tensor->n_float_data, each, &bytes)
                 : data_of(&tensor->raw_data, tensor->int64_data, tensor->n_int64_data, each, &bytes);
    if (bytes != constant->count * each)
        return rg_fail(RG_EFORMAT, "%s: tensor '%.80s' has %zu bytes of data, not %zu", origin, name, bytes,
                       constant->count * each);
    constant->f = is_float ? data : NULL;
    constant->i = is_float ? NULL : data;
    return 0;
}

// A constant of n numbers, rank 0 or 1.
static rg__constant_t row(int type, const void *data, size_t n, int rank)
{
    return (rg__constant_t){.type = type,
                            .rank = rank,
                            .shape = {(int)n},
                            .count = n,
                            .f = type == FLOAT ? data : NULL,
                            .i = type == INT64 ? data : NULL};
}

// The value of a node "Constant".
static int read_constant_node(rg__constant_t *constant, const Rg__Onnx__Node *node, const char *origin)
{
    const Rg__Onnx__Attribute *a = node->n_attribute == 1 ? node->attribute[0] : NULL;
    const char *name = node->n_output ? node->output[0] : "";
    if (a && a->t && strcmp(a->name, "value") == 0) return read_constant(constant, a->t, name, origin);
    if (a && strcmp(a->name, "value_float") == 0)
        *constant = row(FLOAT, &a->f, 1, 0);
    else if (a && strcmp(a->name, "value_int") == 0)
        *constant = row(INT64, &a->i, 1, 0);
    else if (a && strcmp(a->name, "value_floats") == 0 && a->n_floats <= INT32_MAX)
        *constant = row(FLOAT, a->floats, a->n_floats, 1);
    else if (a && strcmp(a->name, "value_ints") == 0 && a->n_ints <= INT32_MAX)
        *constant = row(INT64, a->ints, a->n_ints, 1);
    else
        *constant = (rg__constant_t){0}; // of a type that the engine does not compute with
    return 0;
}

// ---- values: all that the file defines, sorted by name

static void define(rg__graph_t *graph, const char *name, int maker, const rg__constant_t *constant)
{
    if (*name)
        graph->values[graph->n_values++] = (rg__value_t){.name = name, .maker = maker, .constant = constant};
}

static int define_initializers(rg__graph_t *graph)
{
    const Rg__Onnx__Graph *g = graph->model->graph;
    int err = 0;
    for (size_t i = 0; !err && i < g->n_initializer; i++) {
        err = read_constant(&graph->constants[i], g->initializer[i], g->initializer[i]->name, graph->origin);
        define(graph, g->initializer[i]->name, RG__BEFORE_ALL, &graph->constants[i]);
    }
    return err;
}

int rg__is_standard(const Rg__Onnx__Node *node)
{
    return !*node->domain || strcmp(node->domain, "ai.onnx") == 0;
}

static int define_outputs(rg__graph_t *graph)
{
    const Rg__Onnx__Graph *g = graph->model->graph;
    rg__constant_t *constant = graph->constants + g->n_initializer;
    int err = 0;
    for (size_t i = 0; !err && i < g->n_node; i++) {
        const Rg__Onnx__Node *node = g->node[i];
        int is_constant = strcmp(node->op_type, "Constant") == 0 && rg__is_standard(node);
        if (is_constant) err = read_constant_node(&constant[i], node, graph->origin);
        for (size_t o = 0; o < node->n_output; o++)
            define(graph, node->output[o], (int)i, is_constant ? &constant[i] : NULL);
    }
    return err;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const rg__value_t *)a)->name, ((const rg__value_t *)b)->name);
}

static int sort_values(rg__graph_t *graph)
{
    qsort(graph->values, (size_t)graph->n_values, sizeof *graph->values, by_name);
    for (int i = 1; i < graph->n_values; i++)
        if (strcmp(graph->values[i - 1].name, graph->values[i].name) == 0)
            return rg_fail(RG_EFORMAT, "%s: value '%.80s' is defined twice", graph->origin,
                           graph->values[i].name);
    return 0;
}

int rg__graph_find(const rg__graph_t *graph, const char *name)
{
    rg__value_t key = {.name = name};
    const rg__value_t *value = bsearch(&key, graph->values, (size_t)graph->n_values, sizeof key, by_name);
    return value ? (int)(value - graph->values) : RG__NO_VALUE;
}

// The inputs without a tensor in the file. Old files list their initializers as inputs, too. The values are
// sorted when this begins, and those that it adds are sorted later.
static int define_inputs(rg__graph_t *graph)
{
    const Rg__Onnx__Graph *g = graph->model->graph;
    const rg__graph_t initializers = *graph;
    for (size_t i = 0; i < g->n_input; i++) {
        if (rg__graph_find(&initializers, g->input[i]->name) != RG__NO_VALUE || !*g->input[i]->name) continue;
        define(graph, g->input[i]->name, RG__BEFORE_ALL, NULL);
        graph->values[graph->n_values - 1].input = g->input[i];
        graph->n_inputs++;
    }
    return graph->n_inputs ? 0 : rg_fail(RG_EFORMAT, "%s: no input", graph->origin);
}

// Lists the inputs in the file's order.
static void list_inputs(rg__graph_t *graph)
{
    const Rg__Onnx__Graph *g = graph->model->graph;
    graph->inputs = rg_alloc((size_t)graph->n_inputs * sizeof *graph->inputs);
    for (size_t i = 0, n = 0; i < g->n_input; i++) {
        int value = rg__graph_find(graph, g->input[i]->name);
        if (value != RG__NO_VALUE && graph->values[value].input == g->input[i]) graph->inputs[n++] = value;
    }
}

static int define_values(rg__graph_t *graph)
{
    const Rg__Onnx__Graph *g = graph->model->graph;
    size_t room = g->n_initializer + g->n_input;
    for (size_t i = 0; i < g->n_node; i++) room += g->node[i]->n_output;
    graph->values = rg_alloc(room * sizeof *graph->values);
    graph->constants = rg_alloc((g->n_initializer + g->n_node) * sizeof *graph->constants);
    int err = define_initializers(graph);
    if (!err) err = sort_values(graph);
    if (!err) err = define_inputs(graph);
    if (!err) err = define_outputs(graph);
    if (!err) err = sort_values(graph);
    if (err) return err;
    list_inputs(graph);
    graph->output = g->n_output ? rg__graph_find(graph, g->output[0]->name) : RG__NO_VALUE;
    return 0;
}

// ---- nodes, which name values by number

// The node's name, or the name of its first output.
static const char *name_of(const rg__node_t *node)
{
    const Rg__Onnx__Node *proto = node->proto;
    return *proto->name || !proto->n_output ? proto->name : proto->output[0];
}

// A node may read only values of earlier nodes, so the graph has no cycle.
static int link_inputs(const rg__graph_t *graph, int index)
{
    const rg__node_t *node = &graph->nodes[index];
    for (size_t i = 0; i < node->proto->n_input; i++) {
        const char *name = node->proto->input[i];
        node->input[i] = *name ? rg__graph_find(graph, name) : RG__NO_VALUE;
        if (*name && node->input[i] == RG__NO_VALUE)
            return rg_fail(RG_EFORMAT, "%s: node '%.80s' reads '%.80s', which nothing defines", graph->origin,
                           name_of(node), name);
        if (*name && graph->values[node->input[i]].maker >= index)
            return rg_fail(RG_EFORMAT,
                           "%s: node '%.80s' reads '%.80s' before it is made: a cycle, or nodes out of order",
                           graph->origin, name_of(node), name);
    }
    return 0;
}

// Exporters store equal weights once and copy them with Identity nodes.
static void pass_constant(rg__graph_t *graph, const rg__node_t *node)
{
    const Rg__Onnx__Node *proto = node->proto;
    if (!rg__is_standard(proto) || strcmp(proto->op_type, "Identity") != 0) return;
    if (proto->n_input != 1 || proto->n_output != 1) return;
    if (node->input[0] == RG__NO_VALUE || node->output[0] == RG__NO_VALUE) return;
    graph->values[node->output[0]].constant = graph->values[node->input[0]].constant;
}

static int link_nodes(rg__graph_t *graph)
{
    const Rg__Onnx__Graph *g = graph->model->graph;
    size_t count = 0;
    int err = 0;
    for (size_t i = 0; i < g->n_node; i++) count += g->node[i]->n_input + g->node[i]->n_output;
    int *number = graph->numbers = rg_alloc((count + 1) * sizeof *number);
    graph->nodes = rg_alloc(g->n_node * sizeof *graph->nodes);
    graph->n_nodes = (int)g->n_node;
    for (int i = 0; !err && i < graph->n_nodes; i++) {
        const Rg__Onnx__Node *proto = g->node[i];
        rg__node_t *node = &graph->nodes[i];
        *node = (rg__node_t){proto, number, number + proto->n_input};
        number += proto->n_input + proto->n_output;
        for (size_t o = 0; o < proto->n_output; o++)
            node->output[o] = rg__graph_find(graph, proto->output[o]);
        err = link_inputs(graph, i);
        if (!err) pass_constant(graph, node);
    }
    return err;
}

// ---- creation and destruction

int rg__graph_init(rg__graph_t *graph, const void *bytes, size_t size, const char *origin)
{
    *graph = (rg__graph_t){.origin = rg_strdup(origin)};
    int err = unpack(graph, bytes, size);
    if (!err) err = check_counts(graph);
    if (!err) err = read_opset(graph);
    if (!err) err = define_values(graph);
    if (!err) err = link_nodes(graph);
    return err;
}

void rg__graph_fini(rg__graph_t *graph)
{
    if (graph->model) rg__onnx__model__free_unpacked(graph->model, NULL); // malloc's memory, as `take` gives
    free(graph->values);
    free(graph->inputs);
    free(graph->nodes);
    free(graph->numbers);
    free(graph->constants);
    free(graph->origin);
    *graph = (rg__graph_t){0};
}

int rg__refuse(const rg__graph_t *graph, const rg__node_t *node, const char *fmt, ...)
{
    char what[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return rg_fail(RG_EMODEL, "%s: node '%.80s' (%.40s): %s", graph->origin, name_of(node),
                   node->proto->op_type, what);
}
