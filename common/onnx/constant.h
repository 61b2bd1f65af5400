// Tensors that a file holds: weights and shapes.
#ifndef RG_ONNX_CONSTANT_H
#define RG_ONNX_CONSTANT_H

#include <stddef.h>
#include <stdint.h>

#include "proto/onnx.pb-c.h"

enum { RG__CONSTANT_RANK = 8 };

// One of f and i is set where the elements are of a type we compute with; their memory is the file's message.
typedef struct {
    int type; // ONNX's number: 1 f32, 7 int64
    int rank, shape[RG__CONSTANT_RANK];
    size_t count;     // of elements
    const float *f;   // f32
    const int64_t *i; // int64
} rg__constant_t;

// RG_EFORMAT: the shape is not that of the data; RG_EMODEL: its data lies in another file, more than 8
// dimensions. Elements of other types are not looked at.
int rg__constant_read(rg__constant_t *constant, const Rg__Onnx__Tensor *tensor, const char *name,
                      const char *origin);

// The value of a node "Constant". As above.
int rg__constant_of_node(rg__constant_t *constant, const Rg__Onnx__Node *node, const char *origin);

const char *rg__constant_type(int type); // "float16"

#endif
