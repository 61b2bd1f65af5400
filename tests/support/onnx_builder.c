#include "tests/support/onnx_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/file.h"

static void *take(builder_t *builder, size_t size)
{
    void *memory = builder->memory + builder->used;
    builder->used += (size + 15) & ~(size_t)15;
    if (builder->used > sizeof builder->memory) abort();
    return memset(memory, 0, size);
}

static char *copy(builder_t *builder, const char *text, size_t length)
{
    char *to = take(builder, length + 1);
    return length ? memcpy(to, text, length) : to;
}

// Appends to a repeated field, which has space for BUILDER_LIST items.
static void append(builder_t *builder, void ***list, size_t *n, void *item)
{
    if (!*list) *list = take(builder, BUILDER_LIST * sizeof **list);
    if (*n == BUILDER_LIST) abort();
    (*list)[(*n)++] = item;
}

static Rg__Onnx__ValueInfo *named(builder_t *builder, const char *name)
{
    Rg__Onnx__ValueInfo *info = take(builder, sizeof *info);
    rg__onnx__value_info__init(info);
    info->name = copy(builder, name, strlen(name));
    return info;
}

void builder_init(builder_t *builder, int opset)
{
    builder->used = 0;
    Rg__Onnx__Model *model = &builder->model;
    rg__onnx__model__init(model);
    model->graph = take(builder, sizeof *model->graph);
    rg__onnx__graph__init(model->graph);
    Rg__Onnx__OperatorSet *set = take(builder, sizeof *set);
    rg__onnx__operator_set__init(set);
    set->version = opset;
    append(builder, (void ***)&model->opset_import, &model->n_opset_import, set);
    append(builder, (void ***)&model->graph->input, &model->graph->n_input, named(builder, "x"));
}

void builder_shape(builder_t *builder, int n, const int64_t *sides)
{
    Rg__Onnx__ValueInfo *input = builder->model.graph->input[0];
    input->type = take(builder, sizeof *input->type);
    rg__onnx__type__init(input->type);
    Rg__Onnx__TensorType *type = input->type->tensor_type = take(builder, sizeof *type);
    rg__onnx__tensor_type__init(type);
    type->elem_type = 1;
    type->shape = take(builder, sizeof *type->shape);
    rg__onnx__shape__init(type->shape);
    for (int i = 0; i < n; i++) {
        Rg__Onnx__Dimension *side = take(builder, sizeof *side);
        rg__onnx__dimension__init(side);
        side->dim_value = sides[i];
        append(builder, (void ***)&type->shape->dim, &type->shape->n_dim, side);
    }
}

void builder_input(builder_t *builder, const char *name)
{
    Rg__Onnx__Graph *graph = builder->model.graph;
    append(builder, (void ***)&graph->input, &graph->n_input, named(builder, name));
}

static void add_words(builder_t *builder, const char *words, char ***list, size_t *n)
{
    while (*words) {
        size_t length = strcspn(words, " ");
        int is_none = length == 1 && *words == '-';
        append(builder, (void ***)list, n, copy(builder, words, is_none ? 0 : length));
        words += length + (words[length] == ' ');
    }
}

Rg__Onnx__Node *builder_node(builder_t *builder, const char *op, const char *inputs, const char *outputs)
{
    Rg__Onnx__Graph *graph = builder->model.graph;
    Rg__Onnx__Node *node = take(builder, sizeof *node);
    rg__onnx__node__init(node);
    node->op_type = copy(builder, op, strlen(op));
    add_words(builder, inputs, &node->input, &node->n_input);
    add_words(builder, outputs, &node->output, &node->n_output);
    append(builder, (void ***)&graph->node, &graph->n_node, node);
    graph->n_output = 0;
    append(builder, (void ***)&graph->output, &graph->n_output, named(builder, node->output[0]));
    return node;
}

static Rg__Onnx__Attribute *attribute(builder_t *builder, Rg__Onnx__Node *node, const char *name, int type)
{
    Rg__Onnx__Attribute *a = take(builder, sizeof *a);
    rg__onnx__attribute__init(a);
    a->name = copy(builder, name, strlen(name));
    a->type = type;
    append(builder, (void ***)&node->attribute, &node->n_attribute, a);
    return a;
}

void builder_int(builder_t *builder, Rg__Onnx__Node *node, const char *name, int64_t value)
{
    attribute(builder, node, name, 2)->i = value;
}

void builder_float(builder_t *builder, Rg__Onnx__Node *node, const char *name, float value)
{
    attribute(builder, node, name, 1)->f = value;
}

void builder_text(builder_t *builder, Rg__Onnx__Node *node, const char *name, const char *value)
{
    Rg__Onnx__Attribute *a = attribute(builder, node, name, 3);
    a->s.data = (uint8_t *)copy(builder, value, strlen(value));
    a->s.len = strlen(value);
}

void builder_ints(builder_t *builder, Rg__Onnx__Node *node, const char *name, int n, const int64_t *values)
{
    Rg__Onnx__Attribute *a = attribute(builder, node, name, 7);
    a->ints = (int64_t *)copy(builder, (const char *)values, (size_t)n * sizeof *values);
    a->n_ints = (size_t)n;
}

static Rg__Onnx__Tensor *tensor(builder_t *builder, const char *name, int type, int rank,
                                const int64_t *shape)
{
    Rg__Onnx__Graph *graph = builder->model.graph;
    Rg__Onnx__Tensor *t = take(builder, sizeof *t);
    rg__onnx__tensor__init(t);
    t->name = copy(builder, name, strlen(name));
    t->data_type = type;
    t->dims = (int64_t *)copy(builder, (const char *)shape, (size_t)rank * sizeof *shape);
    t->n_dims = (size_t)rank;
    append(builder, (void ***)&graph->initializer, &graph->n_initializer, t);
    return t;
}

Rg__Onnx__Tensor *builder_floats(builder_t *builder, const char *name, int rank, const int64_t *shape)
{
    Rg__Onnx__Tensor *t = tensor(builder, name, 1, rank, shape);
    t->n_float_data = 1;
    for (int d = 0; d < rank; d++) t->n_float_data *= (size_t)shape[d];
    t->float_data = take(builder, t->n_float_data * sizeof *t->float_data);
    for (size_t i = 0; i < t->n_float_data; i++) t->float_data[i] = 0.1f * (float)((int)((i + 6) % 11) - 5);
    return t;
}

Rg__Onnx__Tensor *builder_int64(builder_t *builder, const char *name, int n, const int64_t *values)
{
    Rg__Onnx__Tensor *t = tensor(builder, name, 7, 1, (int64_t[]){n});
    t->raw_data.data = (uint8_t *)copy(builder, (const char *)values, (size_t)n * sizeof *values);
    t->raw_data.len = (size_t)n * sizeof *values;
    return t;
}

static uint8_t *pack(const builder_t *builder, size_t *size)
{
    *size = rg__onnx__model__get_packed_size(&builder->model);
    uint8_t *bytes = rg_alloc(*size);
    rg__onnx__model__pack(&builder->model, bytes);
    return bytes;
}

int builder_parse(const builder_t *builder, rg_onnx_t **onnx)
{
    size_t size;
    uint8_t *bytes = pack(builder, &size);
    int err = rg_onnx_parse(onnx, bytes, size, "net.onnx");
    free(bytes);
    return err;
}

int builder_write(const builder_t *builder, const char *path)
{
    size_t size;
    uint8_t *bytes = pack(builder, &size);
    int err = rg_file_write(path, bytes, size);
    free(bytes);
    return err;
}
