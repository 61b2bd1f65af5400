// Networks that look at images: the feature extractor, the network of LPIPS, and the ONNX networks of the
// user's that both can be.
//
// The extractor's features say how similar images are: every distance between sets of images goes through
// it, and the report's protocol names it. It is the built-in classifier or an ONNX network; with Inception
// as published, the Frechet distance is FID. Which attributes an image shows is always predicted by the
// built-in classifier.
#ifndef RG_EVALUATOR_EXTRACTOR_H
#define RG_EVALUATOR_EXTRACTOR_H

#include "common/model/inference.h"
#include "common/onnx/onnx.h"
#include "services/evaluator/metrics/metrics.h"

// ---- an ONNX network on images

enum rg_pixels {
    RG_PIXELS_IMAGENET,
    RG_PIXELS_UNIT,
    RG_PIXELS_SIGNED,
    RG_PIXELS_BYTES
}; // evaluation.extractor.pixels

typedef struct {
    const char *file;
    const char *const *values; // [n] names of the values to compute
    int n;
    int side;   // of the images that it is given
    int size;   // of the images that it sees, after resizing; 0: side
    int pixels; // enum rg_pixels: the range of numbers that it expects
} rg_image_network_spec_t;

typedef struct {
    rg_onnx_t *onnx; // NULL: not opened
    rg_tape_t *tape; // borrowed
    int side, size, pixels, n;
} rg_image_network_t;

// The tape is borrowed and paused. The errors of rg_onnx_open and rg_onnx_plan.
int rg_image_network_open(rg_image_network_t *network, const rg_image_network_spec_t *spec, rg_tape_t *tape);
void rg_image_network_close(rg_image_network_t *network); // tolerates a zeroed struct

// Computes the values of pixels [count,side,side,3] in -1..1. The pixels are rounded to 256 levels, as in a
// file, and then resized. value [n] lives until rg_image_network_done, which resets the tape and returns its
// error.
void rg_image_network_run(const rg_image_network_t *network, const float *pixels, int count,
                          rg_tensor_t **value);
int rg_image_network_done(const rg_image_network_t *network);

// ---- the extractor

enum { RG_EXTRACTOR_NAME = 256, RG_CLASSES_MAX = 65536 };
typedef struct {
    rg_inference_t *inference;    // borrowed; has the classifier
    rg_image_network_t network;   // not opened: the built-in classifier is the extractor
    char name[RG_EXTRACTOR_NAME]; // in the protocol: kind, hash of the weights, names of the values
    int d;                        // width of the features
    int classes;                  // number of class probabilities; 0: it has none
} rg_extractor_t;

// The extractor that evaluation.extractor names. The errors of rg_image_network_open, RG_EMODEL if a value is
// wider than RG_CLASSES_MAX.
int rg_extractor_open(rg_extractor_t *extractor, const rg_config_t *config, rg_inference_t *inference);
void rg_extractor_close(rg_extractor_t *extractor); // tolerates a zeroed struct

// What the networks predict for n images, in arrays of the caller's: the extractor's features [n,d] and class
// probabilities [n,classes], the classifier's logits [n,L].
typedef struct {
    float *features, *classes, *logits;
} rg_predictions_t;

// Fills the predictions for pixels [n,S,S,3]. Maps [h,w,c] are averaged over their positions.
int rg_extractor_run(const rg_extractor_t *extractor, const rg_predictions_t *predictions,
                     const float *pixels, int n);

// ---- LPIPS

enum { RG_LPIPS_NAME = 128 };

// The perceptual distance rg_lpips_distance with an ONNX network; LPIPS as published with the paper's networks
// and weights.
typedef struct {
    rg_image_network_t network; // not opened: LPIPS is not measured
    int layers;
    rg_lpips_layer_t layer[RG_ATTRIBUTES_MAX]; // shapes and weights
    float *weights;                            // of all layers, one after the other, owned; NULL: all 1
    char name[RG_LPIPS_NAME];                  // in the protocol
} rg_lpips_t;

// The network that evaluation.lpips names; opens nothing if it names no file. The tape is borrowed and paused.
// The errors of rg_image_network_open and of the file of weights, RG_EMODEL if those do not fit the layers or
// if one is below 0.
int rg_lpips_open(rg_lpips_t *lpips, const rg_config_t *config, rg_tape_t *tape);
void rg_lpips_close(rg_lpips_t *lpips); // tolerates a zeroed struct

// *mean: the mean distance of all pairs of the n >= 2 images pixels [n,S,S,3].
int rg_lpips_mean_of_pairs(const rg_lpips_t *lpips, double *mean, const float *pixels, int n);

#endif
