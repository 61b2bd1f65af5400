// ONNX networks of the user's, run on our engine (nn): VGG16 for the perceptual loss, Inception for FID,
// AlexNet for LPIPS. A file is read and checked once (parse), its shapes are worked out for one size of image
// (plan), and then it runs on a tape like any other layer, differentiable with respect to the image; its
// weights are frozen. What the file says is not trusted: every size, reference and shape is checked by parse
// or plan, so that a run only computes.
//
//   parse:  rg_onnx_open           plan:  rg_onnx_plan(onnx, h, w, ...)           run:  rg_onnx_run(onnx,
//   tape, x, maps)
#ifndef RG_ONNX_ONNX_H
#define RG_ONNX_ONNX_H

#include <stddef.h>

#include "common/nn/tape.h"

typedef struct rg_onnx rg_onnx_t;

// The file's whole content is hashed: 16 hexadecimal digits. RG_ENOENT, RG_ELIMIT (file over 2 GiB),
// RG_EFORMAT what is wrong in which file, RG_EMODEL naming the node and an operator or an attribute of it
// that is not supported.
int rg_onnx_open(rg_onnx_t **onnx, const char *path);
int rg_onnx_parse(rg_onnx_t **onnx, const void *bytes, size_t size, const char *origin); // bytes are not kept
void rg_onnx_close(rg_onnx_t **onnx);
const char *rg_onnx_hash(const rg_onnx_t *onnx);

// The first output of node number n (from 1, in the file's order) of that operator; NULL: there are fewer. It
// lives as long as onnx.
const char *rg_onnx_nth(const rg_onnx_t *onnx, const char *op, int n);

// Works out what to run so that images [N,h,w,3] give the values `names` (count of them; the name of any
// value in the graph; NULL: the graph's first output); only what they need is run. What a value is, is then
// told by rg_onnx_shape: [N,h,w,c], a vector [N,1,1,c]. RG_EMODEL naming the node whose shapes cannot be, or
// the value that does not exist, and which there are; RG_ELIMIT if an image would need over 1 GiB of maps. A
// later plan replaces this one.
int rg_onnx_plan(rg_onnx_t *onnx, int h, int w, const char *const *names, int count);
typedef struct {
    int h, w, c;
} rg_onnx_shape_t;
rg_onnx_shape_t rg_onnx_shape(const rg_onnx_t *onnx, int i); // of value i of the plan's

double rg_onnx_work(const rg_onnx_t *onnx); // multiplications, roughly, that the plan spends on an image

// x [N,h,w,3] of the planned size -> value[i], the plan's. They live until the tape's reset; its error is
// sticky.
void rg_onnx_run(const rg_onnx_t *onnx, rg_tape_t *tape, rg_tensor_t *x, rg_tensor_t **value);

#endif
