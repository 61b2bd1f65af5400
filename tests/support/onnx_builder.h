// Builds ONNX models in tests, node by node. The input is an image "x"; the output is the first output of the
// last node. The builder owns all memory of the model.
#ifndef RG_TEST_ONNX_BUILDER_H
#define RG_TEST_ONNX_BUILDER_H

#include "common/onnx/onnx.h"
#include "proto/onnx.pb-c.h"

enum { BUILDER_MEMORY = 1 << 20, BUILDER_LIST = 32 };

typedef struct {
    Rg__Onnx__Model model;
    char memory[BUILDER_MEMORY];
    size_t used;
} builder_t;

void builder_init(builder_t *builder, int opset);

// Declares the input's shape; a side of 0 is not known.
void builder_shape(builder_t *builder, int n, const int64_t *sides);

// Adds another input.
void builder_input(builder_t *builder, const char *name);

// inputs and outputs: names separated by spaces, "-" for an omitted one.
Rg__Onnx__Node *builder_node(builder_t *builder, const char *op, const char *inputs, const char *outputs);
void builder_int(builder_t *builder, Rg__Onnx__Node *node, const char *name, int64_t value);
void builder_float(builder_t *builder, Rg__Onnx__Node *node, const char *name, float value);
void builder_text(builder_t *builder, Rg__Onnx__Node *node, const char *name, const char *value);
void builder_ints(builder_t *builder, Rg__Onnx__Node *node, const char *name, int n, const int64_t *values);

// Constant tensors. The values of floats are 0.1, 0.2, ... 0.5, -0.5, -0.4, ... and repeat.
Rg__Onnx__Tensor *builder_floats(builder_t *builder, const char *name, int rank, const int64_t *shape);
Rg__Onnx__Tensor *builder_int64(builder_t *builder, const char *name, int n, const int64_t *values);

// Packs the model and parses it, or writes it to a file.
int builder_parse(const builder_t *builder, rg_onnx_t **onnx);
int builder_write(const builder_t *builder, const char *path);

#endif
