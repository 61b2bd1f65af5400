// ONNX files with any content. An accepted network is planned for a small image; if it is small, it runs forward
// and backward.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/file.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/onnx_builder.h"

#define INTS(...)                                                                                            \
    (const int64_t[])                                                                                        \
    {                                                                                                        \
        __VA_ARGS__                                                                                          \
    }

enum { SIDE = 20, IMAGE = SIDE * SIDE * 3, VECTOR = 8 };
static const double WORK_MAX = 2e6;

// ---- running

static void run(const rg_onnx_t *onnx, int n_inputs)
{
    static float image[IMAGE], vector[VECTOR];
    rg_backend_t *backend;
    rg_tape_t *tape;
    rg_tensor_t *y;
    int add;
    rg_cpu_threads(1);
    if (rg_cpu_backend_new(&backend, 0)) abort();
    if (rg_tape_new(&tape, backend)) abort();
    rg_tensor_t *x[] = {rg_tape_input(tape, 1, SIDE, SIDE, 3, image),
                        rg_tape_input(tape, 1, 1, 1, VECTOR, vector)};
    for (int i = 0; i < n_inputs; i++) x[i]->needs_grad = 1;
    rg_onnx_run_inputs(onnx, tape, x, &y);
    float *grad = rg_tape_grad(tape, y, &add);
    memset(grad, 0, rg_tensor_size(y) * sizeof *grad);
    rg_tape_backward(tape);
    rg_tape_destroy(&tape);
    rg_backend_destroy(&backend);
}

// ---- small models

static void put_window(builder_t *b, Rg__Onnx__Node *node, int64_t k, int64_t stride)
{
    builder_ints(b, node, "kernel_shape", 2, INTS(k, k));
    builder_ints(b, node, "strides", 2, INTS(stride, stride));
    builder_ints(b, node, "pads", 4, INTS(1, 0, 1, 0));
    builder_ints(b, node, "dilations", 2, INTS(1, 1));
}

static void put_statistics(builder_t *b)
{
    builder_floats(b, "scale", 1, INTS(4));
    builder_floats(b, "bias", 1, INTS(4));
    builder_floats(b, "mean", 1, INTS(4));
    builder_floats(b, "variance", 1, INTS(4));
}

static void build_classifier(builder_t *b)
{
    builder_init(b, 13);
    builder_floats(b, "w", 4, INTS(4, 3, 3, 3));
    builder_floats(b, "v", 2, INTS(8, 3));
    builder_int64(b, "shape", 2, INTS(-1, 8));
    put_statistics(b);
    put_window(b, builder_node(b, "Conv", "x w bias", "c"), 3, 2);
    builder_node(b, "BatchNormalization", "c scale bias mean variance", "n");
    builder_node(b, "Relu", "n", "r");
    put_window(b, builder_node(b, "MaxPool", "r", "p"), 3, 2);
    builder_node(b, "GlobalAveragePool", "p", "a");
    builder_node(b, "GlobalMaxPool", "p", "m");
    builder_int(b, builder_node(b, "Concat", "a m", "j"), "axis", 1);
    builder_node(b, "Reshape", "j shape", "f");
    builder_node(b, "MatMul", "f v", "l");
    builder_node(b, "Softmax", "l", "y");
}

static void build_grouped(builder_t *b)
{
    builder_init(b, 11);
    builder_floats(b, "w", 4, INTS(4, 1, 1, 3));
    builder_floats(b, "v", 4, INTS(4, 2, 2, 2));
    builder_int64(b, "pads", 8, INTS(0, 0, 1, 0, 0, 0, 1, 2));
    builder_int64(b, "channel", 1, INTS(1))->n_dims = 0;
    builder_node(b, "Gather", "x channel", "g");
    builder_int(b, b->model.graph->node[0], "axis", 1);
    builder_ints(b, builder_node(b, "Unsqueeze", "g", "u"), "axes", 1, INTS(1));
    builder_node(b, "Pad", "u pads", "p");
    builder_text(b, builder_node(b, "Conv", "p w", "c"), "auto_pad", "SAME_LOWER");
    builder_int(b, builder_node(b, "Conv", "c v", "d"), "group", 2);
    builder_node(b, "HardSwish", "d", "h");
    builder_node(b, "Sigmoid", "h", "s");
    builder_node(b, "Mul", "h s", "m");
    builder_node(b, "LeakyRelu", "m", "l");
    builder_node(b, "Add", "l m", "y");
}

static void build_pooled(builder_t *b)
{
    builder_init(b, 13);
    builder_floats(b, "w", 4, INTS(4, 3, 2, 2));
    builder_floats(b, "v", 2, INTS(4, 4));
    builder_floats(b, "one", 0, NULL);
    builder_int64(b, "shape", 4, INTS(-1, 4, 1, 1));
    put_statistics(b);
    builder_node(b, "Conv", "x w", "c");
    put_window(b, builder_node(b, "AveragePool", "c", "a"), 2, 2);
    builder_node(b, "Clip", "a - one", "k");
    builder_node(b, "BatchNormalization", "k scale bias mean variance", "n");
    builder_node(b, "Div", "n one", "d");
    builder_node(b, "Sub", "one d", "s");
    builder_ints(b, builder_node(b, "ReduceMean", "s", "m"), "axes", 2, INTS(2, 3));
    builder_node(b, "Reshape", "m shape", "r");
    builder_node(b, "Mul", "s r", "t");
    builder_node(b, "GlobalAveragePool", "t", "g");
    builder_int(b, builder_node(b, "Flatten", "g", "f"), "axis", 1);
    builder_int(b, builder_node(b, "Gemm", "f v bias", "e"), "transB", 1);
    builder_node(b, "Tanh", "e", "y");
}

// As from TensorFlow: channels last.
static void build_transposed(builder_t *b)
{
    builder_init(b, 13);
    builder_shape(b, 4, INTS(0, SIDE, SIDE, 3));
    builder_floats(b, "w", 4, INTS(4, 3, 3, 3));
    builder_floats(b, "s", 1, INTS(4));
    builder_floats(b, "v", 2, INTS(400, 3));
    builder_int64(b, "pads", 8, INTS(0, 1, 1, 0, 0, 1, 1, 0));
    builder_int64(b, "shape", 2, INTS(-1, 400));
    builder_int64(b, "axes", 2, INTS(1, 2));
    builder_text(b, builder_node(b, "Pad", "x pads", "p"), "mode", "reflect");
    builder_ints(b, builder_node(b, "Transpose", "p", "f"), "perm", 4, INTS(0, 3, 1, 2));
    builder_ints(b, builder_node(b, "Conv", "f w", "c"), "strides", 2, INTS(2, 2));
    builder_ints(b, builder_node(b, "Transpose", "c", "l"), "perm", 4, INTS(0, 2, 3, 1));
    builder_node(b, "Mul", "l s", "m");
    builder_ints(b, builder_node(b, "ReduceMean", "m", "k"), "axes", 2, INTS(1, 2));
    builder_node(b, "Add", "m k", "a");
    builder_node(b, "Reshape", "a shape", "r");
    builder_node(b, "MatMul", "r v", "t");
    builder_node(b, "Squeeze", "k axes", "q");
    builder_int(b, builder_node(b, "Concat", "t q", "y"), "axis", 1);
}

// As our generators: a vector styles an image.
static void build_styled(builder_t *b)
{
    builder_init(b, 13);
    builder_input(b, "z");
    builder_floats(b, "w", 4, INTS(4, 3, 3, 3));
    builder_floats(b, "s", 1, INTS(4));
    float *scales = builder_floats(b, "scales", 1, INTS(4))->float_data;
    scales[0] = scales[1] = 1, scales[2] = scales[3] = 2;
    builder_int64(b, "zero", 1, INTS(0));
    builder_int64(b, "four", 1, INTS(4));
    builder_int64(b, "one", 1, INTS(1));
    builder_int64(b, "axes", 2, INTS(2, 3));
    Rg__Onnx__Node *up = builder_node(b, "Resize", "x - scales", "u");
    builder_text(b, up, "coordinate_transformation_mode", "asymmetric");
    builder_text(b, up, "nearest_mode", "floor");
    builder_ints(b, builder_node(b, "Conv", "u w", "c"), "pads", 4, INTS(1, 1, 1, 1));
    builder_node(b, "InstanceNormalization", "c s s", "n");
    builder_node(b, "Slice", "z zero four one", "p");
    builder_node(b, "Unsqueeze", "p axes", "q");
    builder_node(b, "Mul", "n q", "m");
    builder_ints(b, builder_node(b, "ReduceMean", "m", "k"), "axes", 3, INTS(1, 2, 3));
    builder_node(b, "Sub", "m k", "d");
    builder_ints(b, builder_node(b, "ReduceL2", "d", "l"), "axes", 3, INTS(1, 2, 3));
    builder_node(b, "Div", "d l", "y");
}

static void (*const models[])(builder_t *b) = {build_classifier, build_grouped, build_pooled,
                                               build_transposed, build_styled};
enum { MODELS = sizeof models / sizeof *models };

// ---- edits: files that are well-formed, but say something else

enum { EDIT = 4 }; // bytes: what, where, which, value

static int64_t edge(uint8_t i)
{
    static const int64_t edges[] = {-1,   0,     1,         2,         3,         7,        100,
                                    1024, 65536, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    return i < 128 ? i % 8 : edges[i % (sizeof edges / sizeof *edges)];
}

static float number(uint8_t i)
{
    static const float numbers[] = {0, -1, 1e-30f, 3e38f, INFINITY, -INFINITY, NAN};
    return numbers[i % (sizeof numbers / sizeof *numbers)];
}

static const char *operator_name(uint8_t i)
{
    static const char *const names[] = {
        "Add",       "AveragePool", "Clip",     "Concat",        "Conv",        "Div",
        "Flatten",   "Gather",      "Gemm",     "GlobalMaxPool", "HardSigmoid", "HardSwish",
        "Identity",  "MatMul",      "MaxPool",  "Mul",           "Pad",         "ReduceMean",
        "Relu",      "Reshape",     "Softmax",  "Sub",           "Unsqueeze",   "Constant",
        "Transpose", "Squeeze",     "ReduceL2", "Resize",        "Slice",       "InstanceNormalization"};
    return names[i % (sizeof names / sizeof *names)];
}

static char *value_name(const Rg__Onnx__Graph *graph, uint8_t i)
{
    size_t n = i % (graph->n_node + graph->n_initializer + 1);
    if (n < graph->n_node) return graph->node[n]->output[0];
    n -= graph->n_node;
    return n < graph->n_initializer ? graph->initializer[n]->name : graph->input[i % graph->n_input]->name;
}

static void edit_attribute(Rg__Onnx__Attribute *a, uint8_t which, uint8_t value)
{
    a->i = edge(value);
    a->f = number(value);
    if (a->n_ints) a->ints[which % a->n_ints] = edge(value);
    if (a->s.len) a->s.data[which % a->s.len] ^= (uint8_t)(value & 0x1f);
    if (which > 250) a->type = value & 7;
}

static void edit_tensor(Rg__Onnx__Tensor *t, uint8_t which, uint8_t value)
{
    int64_t number_of_raw = edge(value);
    if (t->n_dims) t->dims[which % t->n_dims] = edge(value);
    if (which > 240) t->data_type = value & 15;
    if (t->n_float_data) t->float_data[which % t->n_float_data] = number(value);
    if (t->raw_data.len) memcpy(t->raw_data.data + which % (t->raw_data.len / 8) * 8, &number_of_raw, 8);
}

static void edit(const Rg__Onnx__Graph *graph, const uint8_t *e)
{
    Rg__Onnx__Node *node = graph->node[e[1] % graph->n_node];
    switch (e[0] % 8) {
    case 0:
        break;
    case 1:
        node->input[e[2] % node->n_input] = value_name(graph, e[3]);
        break;
    case 2:
        node->op_type = (char *)operator_name(e[3]);
        break;
    case 3:
        if (node->n_input > 1) node->n_input--;
        break;
    case 4:
        graph->output[0]->name = value_name(graph, e[3]);
        break;
    case 5:
        if (node->n_attribute) edit_attribute(node->attribute[e[2] % node->n_attribute], e[2], e[3]);
        break;
    case 6:
        edit_tensor(graph->initializer[e[1] % graph->n_initializer], e[2], e[3]);
        break;
    case 7:
        if (node->n_attribute) node->n_attribute--;
        break;
    }
}

static size_t packed(builder_t *b, uint8_t *out, size_t capacity)
{
    size_t size = rg__onnx__model__get_packed_size(&b->model);
    return size <= capacity ? rg__onnx__model__pack(&b->model, out) : 0;
}

// ---- the target

static void try(const uint8_t *data, size_t size)
{
    rg_onnx_t *onnx;
    if (rg_onnx_parse(&onnx, data, size, "fuzz")) return;
    const rg_onnx_input_t both[] = {{"x", SIDE, SIDE, 3}, {"z", 0, 0, VECTOR}};
    int n_inputs = 1, err = rg_onnx_plan(onnx, SIDE, SIDE, NULL, 0);
    if (err) n_inputs = 2, err = rg_onnx_plan_inputs(onnx, both, 2, NULL, 0);
    if (!err && rg_onnx_work(onnx) < WORK_MAX) run(onnx, n_inputs);
    rg_onnx_close(&onnx);
}

// A file, or the number of a model and edits of it.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static builder_t builder;
    static uint8_t bytes[BUILDER_MEMORY];
    if (size < 1 || data[0] >= MODELS) {
        try(data, size);
        return 0;
    }
    models[data[0]](&builder);
    for (size_t i = 1; i + EDIT <= size && i < 16 * EDIT; i += EDIT) edit(builder.model.graph, data + i);
    try(bytes, packed(&builder, bytes, sizeof bytes));
    return 0;
}

// ---- seeds

static size_t read(const char *path, uint8_t *out, size_t capacity)
{
    unsigned char *bytes;
    size_t size;
    if (rg_file_read(path, capacity, &bytes, &size)) return 0;
    memcpy(out, bytes, size);
    free(bytes);
    return size;
}

size_t rg_fuzz_seed(size_t i, uint8_t *out, size_t capacity)
{
    static const char *const files[] = {"tests/unit/onnx/fixtures/mobile.onnx",
                                        "tests/unit/onnx/fixtures/squeeze.onnx",
                                        "tests/unit/onnx/fixtures/inception.onnx"};
    static builder_t builder;
    if (i < MODELS && capacity > 6 * EDIT) { // without edits, but with space for some
        memset(out, 0, 6 * EDIT + 1);
        out[0] = (uint8_t)i;
        return 6 * EDIT + 1;
    }
    i -= MODELS;
    if (i >= MODELS)
        return i - MODELS < sizeof files / sizeof *files ? read(files[i - MODELS], out, capacity) : 0;
    models[i](&builder);
    return packed(&builder, out, capacity);
}
