// The checked content of an ONNX file. Tensors fit their data; every value is defined once, before it is
// read.
#ifndef RG_ONNX_GRAPH_H
#define RG_ONNX_GRAPH_H

#include <stddef.h>
#include <stdint.h>

#include "proto/onnx.pb-c.h"

enum { RG__CONSTANT_RANK = 8 };

// A tensor that the file holds: weights or a shape. f or i is set if the engine computes with the element
// type; their memory belongs to the file's message.
typedef struct {
    int type; // ONNX's number: 1 f32, 7 int64
    int rank, shape[RG__CONSTANT_RANK];
    size_t count;     // of elements
    const float *f;   // f32
    const int64_t *i; // int64
} rg__constant_t;

enum { RG__NO_VALUE = -1, RG__BEFORE_ALL = -1 };

typedef struct {
    const char *name;
    int maker;                        // the node that computes it; RG__BEFORE_ALL: an input or an initializer
    const rg__constant_t *constant;   // NULL: the value depends on the inputs
    const Rg__Onnx__ValueInfo *input; // NULL: it is not an input
} rg__value_t;

typedef struct {
    const Rg__Onnx__Node *proto;
    int *input, *output; // numbers of values, RG__NO_VALUE if omitted
} rg__node_t;

typedef struct {
    char *origin;
    Rg__Onnx__Model *model;
    int64_t opset;
    rg__value_t *values; // sorted by name
    int n_values;
    rg__node_t *nodes; // each reads only values of earlier nodes
    int n_nodes;
    int *inputs, n_inputs;     // values: the inputs that are not initializers
    int output;                // value: the first output
    rg__constant_t *constants; // of initializers, then of nodes
    int *numbers;              // of the nodes' values
} rg__graph_t;

// Borrows bytes for the call. Errors as rg_onnx_parse. Call fini whatever init returns.
int rg__graph_init(rg__graph_t *graph, const void *bytes, size_t size, const char *origin);
void rg__graph_fini(rg__graph_t *graph);

int rg__is_standard(const Rg__Onnx__Node *node); // 1 for ONNX's own operators
const char *rg__constant_type(int type);         // ONNX's number of an element type -> "float16"

int rg__graph_find(const rg__graph_t *graph, const char *name); // a value, or RG__NO_VALUE

// Records "FILE: node 'NAME' (OPERATOR): ..." and returns RG_EMODEL.
int rg__refuse(const rg__graph_t *graph, const rg__node_t *node, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
