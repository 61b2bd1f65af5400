// ONNX networks of the user's, run on our engine (nn): VGG16 for the perceptual loss, Inception for FID,
// AlexNet for LPIPS. A file is read and checked once (parse), its shapes are worked out for one size of image
// (plan), and then it runs on a tape like any other layer, differentiable with respect to the image; its
// weights are frozen. What the file says is not trusted: every size, reference and shape is checked by parse
// or plan, so that a run only computes.
//
//   rg_onnx_open(&onnx, "vgg16.onnx");
//   rg_onnx_plan(onnx, 224, 224, NULL, 0);
//   rg_onnx_run(onnx, tape, images, &features);
//
// Operators: operator.c lists them, with the attributes that count; of each, what networks of images need. In
// the file values are [N,C,H,W] or [N,C]; here they are NHWC, and a vector made of a map keeps ONNX's order.
#ifndef RG_ONNX_ONNX_H
#define RG_ONNX_ONNX_H

#include <stddef.h>

#include "common/nn/tape.h"

typedef struct rg_onnx rg_onnx_t;

// All of the file's tensors stay in memory until close; its whole content is hashed, 16 hexadecimal digits.
// RG_ENOENT, RG_ELIMIT (over 2 GiB), RG_EFORMAT (what is wrong in which file), RG_EMODEL for what is right
// but not supported: an old operator set, tensors in other files, two inputs.
int rg_onnx_open(rg_onnx_t **onnx, const char *path);
int rg_onnx_parse(rg_onnx_t **onnx, const void *bytes, size_t size, const char *origin); // bytes are not kept
void rg_onnx_close(rg_onnx_t **onnx);
const char *rg_onnx_hash(const rg_onnx_t *onnx);

// The first output of node number n (from 1, in the file's order) of that operator; NULL: there are fewer. It
// lives as long as onnx.
const char *rg_onnx_nth(const rg_onnx_t *onnx, const char *op, int n);

// Works out what to run so that images [N,h,w,3] give the values `names` (count of them; the name of any
// value in the graph; NULL: the graph's first output). Only what they need is run, and has to be supported.
// What a value is, is then told by rg_onnx_shape: [N,h,w,c], a vector [N,1,1,c]. RG_EMODEL naming the node
// and its operator, attribute or shape that cannot be, or the value that does not exist and which do;
// RG_ELIMIT if an image would need over 1 GiB of maps or 10^12 multiplications. A later plan replaces this
// one; one that fails leaves it.
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
