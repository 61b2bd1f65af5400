// A network that the user brings as an ONNX file, run on our engine (nn): VGG16 for the perceptual loss,
// Inception for FID, AlexNet for LPIPS. The file is read and checked once (parse), shapes are inferred for
// one image size (plan), and then the network runs on a tape like any other layer (run). Its weights are
// frozen; it is differentiable with respect to the image. The file is not trusted: parse and plan check every
// size, reference and shape, so that run only computes.
//
//   rg_onnx_open(&onnx, "vgg16.onnx");
//   rg_onnx_plan(onnx, 224, 224, NULL, 0);
//   rg_onnx_run(onnx, tape, images, &features);
//
// operator.c lists the supported operators and attributes: what image networks need. In the file values are
// [N,C,H,W] or [N,C], or, in files made from TensorFlow, [N,H,W,C] between two Transpose nodes; here they are
// NHWC. A vector that was flattened from a map keeps ONNX's order.
#ifndef RG_ONNX_ONNX_H
#define RG_ONNX_ONNX_H

#include <stddef.h>

#include "common/nn/tape.h"

typedef struct rg_onnx rg_onnx_t;

// Networks trained on ImageNet expect (channel - mean) / deviation, with channels in 0..1.
static const float RG_IMAGENET_MEAN[3] = {0.485f, 0.456f, 0.406f},
                   RG_IMAGENET_DEVIATION[3] = {0.229f, 0.224f, 0.225f};

// All tensors of the file stay in memory until close. Errors name the file: RG_ENOENT, RG_ELIMIT (over 2
// GiB), RG_EFORMAT (damaged), RG_EMODEL (valid, but not supported: an old operator set, tensors in other
// files). parse borrows bytes for the call; origin names them in errors.
int rg_onnx_open(rg_onnx_t **onnx, const char *path);
int rg_onnx_parse(rg_onnx_t **onnx, const void *bytes, size_t size, const char *origin);
void rg_onnx_close(rg_onnx_t **onnx);
const char *rg_onnx_hash(const rg_onnx_t *onnx); // of the whole file, 16 hexadecimal digits

// The name of the first output of the n-th node (from 1, in the file's order) with that operator; NULL if
// there are fewer. It lives as long as onnx.
const char *rg_onnx_nth(const rg_onnx_t *onnx, const char *op, int n);

// Plans how to compute the `count` values `names` (any values of the graph; NULL: its first output) from
// images [N,h,w,3]. Only the nodes that these values need must be supported, and only these are run.
// rg_onnx_shape then tells the shape of each value, [N,h,w,c] or [N,1,1,c]. A new plan replaces the last one,
// unless it fails. RG_EMODEL names the node with its unsupported operator, attribute or shape, the value
// that does not exist and the last ones that do, or the second input of a network that has two; RG_ELIMIT: an
// image would need over 1 GiB of maps or 10^12 multiplications.
int rg_onnx_plan(rg_onnx_t *onnx, int h, int w, const char *const *names, int count);
typedef struct {
    int h, w, c;
} rg_onnx_shape_t;
rg_onnx_shape_t rg_onnx_shape(const rg_onnx_t *onnx, int i); // of the plan's value i

// The same for a network with any inputs. An input may be any value of the graph; then the nodes before it are
// not needed. h = 0: a vector [N,c].
typedef struct {
    const char *name;
    int h, w, c;
} rg_onnx_input_t;
int rg_onnx_plan_inputs(rg_onnx_t *onnx, const rg_onnx_input_t *inputs, int n_inputs,
                        const char *const *names, int count);

double rg_onnx_work(const rg_onnx_t *onnx); // multiplications, roughly, that the plan spends on an image

// Computes the plan's values from x [N,h,w,3] of the planned size, or from one tensor for each planned input.
// value[i] lives until the tape's reset. Errors are sticky on the tape.
void rg_onnx_run(const rg_onnx_t *onnx, rg_tape_t *tape, rg_tensor_t *x, rg_tensor_t **value);
void rg_onnx_run_inputs(const rg_onnx_t *onnx, rg_tape_t *tape, rg_tensor_t *const *x, rg_tensor_t **value);

#endif
