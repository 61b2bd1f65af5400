// The model is a protobuf message from the start: each function appends to one of its lists. All of its memory is
// as if protobuf-c had unpacked it (each text, list and message a piece of malloc), so protobuf-c frees it.
#include "common/onnx/write.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "proto/onnx.pb-c.h"

enum { IR_VERSION = 7, FLOAT = 1, INT64 = 7 };               // ONNX's numbers
enum { IS_FLOAT = 1, IS_INT = 2, IS_TEXT = 3, IS_INTS = 7 }; // of attributes
enum { LIST_FIRST = 16 };                                    // a power of two
static const size_t FILE_MAX = ((size_t)2 << 30) - 1;        // the largest protobuf message

struct rg_onnx_writer {
    Rg__Onnx__Model *model;
    char *scope;
};

// ---- lists and texts

// Appends to a repeated field. Its memory doubles whenever its length is a power of two.
static void append(void ***list, size_t *n, void *item)
{
    if (*n == 0) *list = rg_alloc(LIST_FIRST * sizeof **list);
    if (*n >= LIST_FIRST && (*n & (*n - 1)) == 0) *list = rg_realloc(*list, 2 * *n * sizeof **list);
    (*list)[(*n)++] = item;
}

#define APPEND(message, field, item) append((void ***)&(message)->field, &(message)->n_##field, item)

static void *copy(const void *from, size_t size)
{
    void *to = rg_alloc(size ? size : 1);
    return size ? memcpy(to, from, size) : to;
}

void rg_onnx_write_note(rg_onnx_writer_t *writer, const char *key, const char *fmt, ...)
{
    Rg__Onnx__Entry *entry = rg_alloc(sizeof *entry);
    va_list args;
    rg__onnx__entry__init(entry);
    entry->key = rg_strdup(key);
    va_start(args, fmt);
    entry->value = rg_format_list(fmt, args);
    va_end(args);
    APPEND(writer->model, metadata_props, entry);
}

// ---- creation and destruction

void rg_onnx_writer_new(rg_onnx_writer_t **out, const char *name, const char *about)
{
    rg_onnx_writer_t *writer = rg_alloc(sizeof *writer);
    Rg__Onnx__Model *model = writer->model = rg_alloc(sizeof *model);
    Rg__Onnx__OperatorSet *operators = rg_alloc(sizeof *operators);
    rg__onnx__model__init(model);
    model->ir_version = IR_VERSION;
    model->producer_name = rg_strdup("rg-unit");
    model->doc_string = rg_strdup(about);
    rg__onnx__operator_set__init(operators);
    operators->version = RG_ONNX_OPSET;
    APPEND(model, opset_import, operators);
    model->graph = rg_alloc(sizeof *model->graph);
    rg__onnx__graph__init(model->graph);
    model->graph->name = rg_strdup(name);
    writer->scope = rg_strdup("");
    *out = writer;
}

void rg_onnx_writer_destroy(rg_onnx_writer_t **out)
{
    rg_onnx_writer_t *writer = *out;
    if (!writer) return;
    rg__onnx__model__free_unpacked(writer->model, NULL);
    free(writer->scope);
    free(writer);
    *out = NULL;
}

// ---- inputs and outputs

static Rg__Onnx__Dimension *dimension(int side, const char *otherwise)
{
    Rg__Onnx__Dimension *dim = rg_alloc(sizeof *dim);
    rg__onnx__dimension__init(dim);
    if (side >= 0)
        dim->dim_value = side;
    else
        dim->dim_param = rg_strdup(otherwise);
    return dim;
}

static Rg__Onnx__ValueInfo *describe(const char *name, const char *about, int n, const int *sides)
{
    Rg__Onnx__ValueInfo *info = rg_alloc(sizeof *info);
    rg__onnx__value_info__init(info);
    info->name = rg_strdup(name);
    info->doc_string = rg_strdup(about);
    info->type = rg_alloc(sizeof *info->type);
    rg__onnx__type__init(info->type);
    Rg__Onnx__TensorType *type = info->type->tensor_type = rg_alloc(sizeof *type);
    rg__onnx__tensor_type__init(type);
    type->elem_type = FLOAT;
    type->shape = rg_alloc(sizeof *type->shape);
    rg__onnx__shape__init(type->shape);
    APPEND(type->shape, dim, dimension(-1, "N"));
    for (int i = 0; i < n; i++) APPEND(type->shape, dim, dimension(sides[i], "K"));
    return info;
}

const char *rg_onnx_write_input(rg_onnx_writer_t *writer, const char *name, const char *about, int n,
                                const int *sides)
{
    Rg__Onnx__ValueInfo *info = describe(name, about, n, sides);
    APPEND(writer->model->graph, input, info);
    return info->name;
}

static void rename_all(char **names, size_t n, const char *from, const char *to)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], from) != 0) continue;
        free(names[i]);
        names[i] = rg_strdup(to);
    }
}

const char *rg_onnx_write_rename(rg_onnx_writer_t *writer, const char *value, const char *name)
{
    Rg__Onnx__Graph *graph = writer->model->graph;
    char *from = rg_strdup(value);
    const char *renamed = NULL;
    for (size_t i = 0; i < graph->n_node; i++) {
        Rg__Onnx__Node *node = graph->node[i];
        rename_all(node->input, node->n_input, from, name);
        rename_all(node->output, node->n_output, from, name);
        if (strcmp(node->output[0], name) == 0) renamed = node->output[0];
    }
    free(from);
    return renamed;
}

void rg_onnx_write_output(rg_onnx_writer_t *writer, const char *value, const char *name, const char *about,
                          int n, const int *sides)
{
    rg_onnx_write_rename(writer, value, name);
    APPEND(writer->model->graph, output, describe(name, about, n, sides));
}

// ---- tensors

static Rg__Onnx__Tensor *find_tensor(const Rg__Onnx__Graph *graph, const char *name)
{
    for (size_t i = 0; i < graph->n_initializer; i++)
        if (strcmp(graph->initializer[i]->name, name) == 0) return graph->initializer[i];
    return NULL;
}

static const char *write_tensor(rg_onnx_writer_t *writer, const char *name, int type, int rank,
                                const int *shape, const void *values, size_t size)
{
    Rg__Onnx__Graph *graph = writer->model->graph;
    Rg__Onnx__Tensor *tensor = find_tensor(graph, name);
    if (tensor) return tensor->name;
    tensor = rg_alloc(sizeof *tensor);
    rg__onnx__tensor__init(tensor);
    tensor->name = rg_strdup(name);
    tensor->data_type = type;
    tensor->dims = rg_alloc(((size_t)rank + 1) * sizeof *tensor->dims);
    tensor->n_dims = (size_t)rank;
    for (int d = 0; d < rank; d++) tensor->dims[d] = shape[d];
    tensor->raw_data = (ProtobufCBinaryData){size, copy(values, size)};
    APPEND(graph, initializer, tensor);
    return tensor->name;
}

const char *rg_onnx_write_floats(rg_onnx_writer_t *writer, const char *name, int rank, const int *shape,
                                 const float *values)
{
    size_t count = 1;
    for (int d = 0; d < rank; d++) count *= (size_t)shape[d];
    return write_tensor(writer, name, FLOAT, rank, shape, values, count * sizeof *values);
}

const char *rg_onnx_write_number(rg_onnx_writer_t *writer, int n, float value)
{
    size_t count = n ? (size_t)n : 1;
    float *values = rg_alloc(count * sizeof *values);
    char *name = n ? rg_format("number/%gx%d", (double)value, n) : rg_format("number/%.9g", (double)value);
    for (size_t i = 0; i < count; i++) values[i] = value;
    const char *tensor = rg_onnx_write_floats(writer, name, n > 0, &n, values);
    free(values);
    free(name);
    return tensor;
}

const char *rg_onnx_write_ints(rg_onnx_writer_t *writer, int n, const int64_t *values)
{
    char name[128] = "integers/";
    size_t at = strlen(name);
    for (int i = 0; i < n; i++)
        at += (size_t)snprintf(name + at, sizeof name - at, "%s%lld", i ? "," : "", (long long)values[i]);
    return write_tensor(writer, name, INT64, 1, &n, values, (size_t)n * sizeof *values);
}

// ---- nodes

void rg_onnx_write_scope(rg_onnx_writer_t *writer, const char *scope)
{
    free(writer->scope);
    writer->scope = rg_strdup(scope);
}

static int is_taken(const Rg__Onnx__Graph *graph, const char *name)
{
    for (size_t i = 0; i < graph->n_node; i++)
        if (strcmp(graph->node[i]->name, name) == 0) return 1;
    return 0;
}

// "SCOPE/OPERATOR", with a number from the second on.
static char *make_name(const rg_onnx_writer_t *writer, const char *op)
{
    const char *slash = *writer->scope ? "/" : "";
    char *name = rg_format("%s%s%s", writer->scope, slash, op);
    for (int i = 2; is_taken(writer->model->graph, name); i++) {
        free(name);
        name = rg_format("%s%s%s.%d", writer->scope, slash, op, i);
    }
    return name;
}

const char *rg_onnx_write_node(rg_onnx_writer_t *writer, const char *op, ...)
{
    Rg__Onnx__Node *node = rg_alloc(sizeof *node);
    va_list inputs;
    rg__onnx__node__init(node);
    va_start(inputs, op);
    for (const char *input; (input = va_arg(inputs, const char *)) != NULL;)
        APPEND(node, input, rg_strdup(input));
    va_end(inputs);
    node->op_type = rg_strdup(op);
    node->name = make_name(writer, op);
    APPEND(node, output, rg_strdup(node->name));
    APPEND(writer->model->graph, node, node);
    return node->output[0];
}

static Rg__Onnx__Attribute *attribute(rg_onnx_writer_t *writer, const char *name, int type)
{
    const Rg__Onnx__Graph *graph = writer->model->graph;
    Rg__Onnx__Node *node = graph->node[graph->n_node - 1];
    Rg__Onnx__Attribute *a = rg_alloc(sizeof *a);
    rg__onnx__attribute__init(a);
    a->name = rg_strdup(name);
    a->type = type;
    APPEND(node, attribute, a);
    return a;
}

void rg_onnx_write_int(rg_onnx_writer_t *writer, const char *name, int64_t value)
{
    attribute(writer, name, IS_INT)->i = value;
}

void rg_onnx_write_float(rg_onnx_writer_t *writer, const char *name, float value)
{
    attribute(writer, name, IS_FLOAT)->f = value;
}

void rg_onnx_write_text(rg_onnx_writer_t *writer, const char *name, const char *value)
{
    size_t size = strlen(value);
    attribute(writer, name, IS_TEXT)->s = (ProtobufCBinaryData){size, copy(value, size)};
}

void rg_onnx_write_list(rg_onnx_writer_t *writer, const char *name, int n, const int64_t *values)
{
    Rg__Onnx__Attribute *a = attribute(writer, name, IS_INTS);
    a->ints = copy(values, (size_t)n * sizeof *values);
    a->n_ints = (size_t)n;
}

// ---- the file

int rg_onnx_write_pack(const rg_onnx_writer_t *writer, unsigned char **bytes, size_t *size)
{
    size_t packed = rg__onnx__model__get_packed_size(writer->model);
    if (packed > FILE_MAX) return rg_fail(RG_ELIMIT, "an ONNX file of %zu bytes is over 2 GiB", packed);
    *bytes = rg_alloc(packed);
    *size = rg__onnx__model__pack(writer->model, *bytes);
    return 0;
}
