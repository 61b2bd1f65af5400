// A node's attributes. Each is read with its default and its bounds. An attribute that does not fit is
// refused by name.
#ifndef RG_ONNX_ATTRIBUTE_H
#define RG_ONNX_ATTRIBUTE_H

#include "common/onnx/plan.h"

typedef struct {
    const rg__graph_t *graph;
    const rg__node_t *node;
} rg__node_of_t; // a node of a graph, for errors that name both

// RG_EMODEL unless every attribute is among `known`, names separated by spaces.
int rg__attribute_check(rg__node_of_t of, const char *known);

int rg__attribute_has(rg__node_of_t of, const char *name);
int rg__attribute_count(rg__node_of_t of, const char *name, int max); // of integers; 0: none, or over max
int rg__attribute_int(rg__node_of_t of, const char *name, int otherwise, int min, int max, int *value);
int rg__attribute_float(rg__node_of_t of, const char *name, float otherwise, float *value);
// Reads `count` integers, each `otherwise` if the attribute is missing.
int rg__attribute_ints(rg__node_of_t of, const char *name, int count, int otherwise, int min, int max,
                       int *values);
// The index among `count` choices; 0 if the attribute is missing.
int rg__attribute_choice(rg__node_of_t of, const char *name, const char *const *choices, int count,
                         int *choice);

// ---- windows

enum { RG__KERNEL_MAX = 1 << 10 }; // largest taps, strides, dilations and pads along a side

// The window of a convolution or pool over maps like x: strides, dilations, pads and auto_pad. RG_EMODEL: one
// of them is not possible.
int rg__window_read(rg__node_of_t of, rg__shape_t x, const int kernel[2], rg_window_t *window);

// The shape of its output over x, with `outputs` channels. RG_EMODEL: the output is empty or too large.
int rg__window_slide(const rg__plan_t *plan, const rg__node_t *node, const rg_window_t *window, int partial,
                     int outputs, rg__shape_t x, rg__shape_t *y);

#endif
