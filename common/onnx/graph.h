// What a file says, checked: tensors fit their data, every value is defined once, and before it is read.
#ifndef RG_ONNX_GRAPH_H
#define RG_ONNX_GRAPH_H

#include "common/onnx/constant.h"

enum { RG__NO_VALUE = -1, RG__BEFORE_ALL = -1 };

typedef struct {
    const char *name;
    int maker;                      // the node that gives it; RG__BEFORE_ALL: the image or an initializer
    const rg__constant_t *constant; // NULL: known in a run only
} rg__value_t;

typedef struct {
    const Rg__Onnx__Node *proto;
    int *input, *output; // numbers of values, RG__NO_VALUE where left out
} rg__node_t;

typedef struct {
    char *origin;
    Rg__Onnx__Model *model;
    int64_t opset;
    rg__value_t *values; // sorted by name
    int n_values;
    rg__node_t *nodes; // each reads only what earlier ones make
    int n_nodes;
    int image, output;         // values: the input that is not an initializer, the first output
    rg__constant_t *constants; // of initializers, then of nodes
    int *numbers;              // of the nodes' values
} rg__graph_t;

// bytes are not kept. Errors as of rg_onnx_parse. Whatever is returned, fini frees it.
int rg__graph_init(rg__graph_t *graph, const void *bytes, size_t size, const char *origin);
void rg__graph_fini(rg__graph_t *graph);

int rg__is_standard(const Rg__Onnx__Node *node); // of ONNX's own operators

int rg__graph_find(const rg__graph_t *graph, const char *name); // a value, or RG__NO_VALUE

// Records "FILE: node 'NAME' (OPERATOR): ..." and returns RG_EMODEL.
int rg__refuse(const rg__graph_t *graph, const rg__node_t *node, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
