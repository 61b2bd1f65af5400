// A node's attributes. Each is read with its default and its bounds; what does not fit is refused by name.
#ifndef RG_ONNX_ATTRIBUTE_H
#define RG_ONNX_ATTRIBUTE_H

#include "common/onnx/graph.h"

typedef struct {
    const rg__graph_t *graph;
    const rg__node_t *node;
} rg__of_t;

// RG_EMODEL unless every attribute is one of `known`, names with spaces between.
int rg__attribute_check(rg__of_t of, const char *known);

int rg__attribute_has(rg__of_t of, const char *name);
int rg__attribute_int(rg__of_t of, const char *name, int otherwise, int min, int max, int *value);
int rg__attribute_float(rg__of_t of, const char *name, float otherwise, float *value);
// `count` of them, each `otherwise` where there is none of that name.
int rg__attribute_ints(rg__of_t of, const char *name, int count, int otherwise, int min, int max,
                       int *values);
// Which of the `count` choices; the first where there is none of that name.
int rg__attribute_choice(rg__of_t of, const char *name, const char *const *choices, int count, int *choice);

#endif
