// Builds ONNX models in tests, node by node: an image "x" goes in, the last node's first output comes
// out. All is in the builder's own memory.
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

// inputs and outputs: names with spaces between, "-" for one that is left out.
Rg__Onnx__Node *builder_node(builder_t *builder, const char *op, const char *inputs, const char *outputs);
void builder_int(builder_t *builder, Rg__Onnx__Node *node, const char *name, int64_t value);
void builder_float(builder_t *builder, Rg__Onnx__Node *node, const char *name, float value);
void builder_text(builder_t *builder, Rg__Onnx__Node *node, const char *name, const char *value);
void builder_ints(builder_t *builder, Rg__Onnx__Node *node, const char *name, int n, const int64_t *values);

// Tensors; the numbers of floats go on as 0.1, 0.2, ... -0.5, -0.4 and so on.
Rg__Onnx__Tensor *builder_floats(builder_t *builder, const char *name, int rank, const int64_t *shape);
Rg__Onnx__Tensor *builder_int64(builder_t *builder, const char *name, int n, const int64_t *values);

// Packs and parses, or writes.
int builder_parse(const builder_t *builder, rg_onnx_t **onnx);
int builder_write(const builder_t *builder, const char *path);

#endif
