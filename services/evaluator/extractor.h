// Networks that look at images: the feature extractor, the network of LPIPS and the network that recognises
// faces. All can be ONNX files of the user's.
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

// Key evaluation.extractor.pixels: the range of numbers that the network expects.
enum rg_pixels { RG_PIXELS_IMAGENET, RG_PIXELS_UNIT, RG_PIXELS_SIGNED, RG_PIXELS_BYTES };

// An ONNX network that takes images. Images [n,side,side,3] are resized to `size` before they enter it.
typedef struct {
    rg_onnx_t *onnx; // NULL: not opened
    rg_tape_t *tape; // borrowed, paused
    int side, size, pixels;
} rg_image_network_t;

// ---- the extractor

enum { RG_EXTRACTOR_NAME = 256, RG_CLASSES_MAX = 65536 };
typedef struct {
    rg_inference_t *inference;    // borrowed; has the classifier
    rg_image_network_t network;   // not opened: the built-in classifier is the extractor
    char name[RG_EXTRACTOR_NAME]; // in the protocol: kind, hash of the weights, names of the values
    int d;                        // width of the features
    int classes;                  // number of class probabilities; 0: it has none
} rg_extractor_t;

// The extractor that evaluation.extractor names. The errors of rg_onnx_open and rg_onnx_plan, RG_EMODEL if a
// value is wider than RG_CLASSES_MAX.
int rg_extractor_open(rg_extractor_t *extractor, const rg_config_t *config, rg_inference_t *inference);
void rg_extractor_close(rg_extractor_t *extractor); // accepts a zeroed struct

// What the networks predict for n images, in arrays of the caller's: the extractor's features [n,d] and class
// probabilities [n,classes], the classifier's logits [n,L] (NULL: not wanted), and the embeddings of faces
// [n,d of rg_identity_t] (NULL: not wanted, or identity is not measured).
typedef struct {
    float *features, *classes, *logits, *faces;
} rg_predictions_t;

// Fills the predictions but for faces, from pixels [n,S,S,3] in -1..1. Maps [h,w,c] are averaged over their
// positions.
int rg_extractor_run(const rg_extractor_t *extractor, const rg_predictions_t *predictions,
                     const float *pixels, int n);

// ---- LPIPS

enum { RG_LPIPS_NAME = 128 };

// The perceptual distance of metrics.h (rg_lpips_distance) on the feature maps of an ONNX network.
typedef struct {
    rg_image_network_t network; // not opened: LPIPS is not measured
    int layers;
    rg_lpips_layer_t layer[RG_ATTRIBUTES_MAX]; // shapes and weights
    float *weights;                            // of all layers, one after the other, owned; NULL: all 1
    char name[RG_LPIPS_NAME];                  // in the protocol
} rg_lpips_t;

// The network that evaluation.lpips names; opens nothing if it names no file. The tape is borrowed and
// paused. The errors of rg_onnx_open, of rg_onnx_plan and of the file of weights, RG_EMODEL if those do not
// fit the layers or if one is below 0.
int rg_lpips_open(rg_lpips_t *lpips, const rg_config_t *config, rg_tape_t *tape);
void rg_lpips_close(rg_lpips_t *lpips); // accepts a zeroed struct

// *mean: the mean distance of all pairs of the n >= 2 images pixels [n,S,S,3].
int rg_lpips_mean_of_pairs(const rg_lpips_t *lpips, double *mean, const float *pixels, int n);

// ---- identity

// A network for face recognition, such as ArcFace (Deng et al. 2019): the embeddings of two images of one
// person have a large cosine. It sees the whole image, not a face that was found and turned upright.
typedef struct {
    rg_image_network_t network;   // not opened: identity is not measured
    int d;                        // width of an embedding; 0: not opened
    char name[RG_EXTRACTOR_NAME]; // in the protocol
} rg_identity_t;

// The network that evaluation.identity names; opens nothing if it names no file. The tape is borrowed and
// paused. The errors of rg_onnx_open and rg_onnx_plan, RG_EMODEL if the embedding is wider than
// RG_CLASSES_MAX.
int rg_identity_open(rg_identity_t *identity, const rg_config_t *config, rg_tape_t *tape);
void rg_identity_close(rg_identity_t *identity); // accepts a zeroed struct

// Fills faces [n,d] for pixels [n,S,S,3] in -1..1. Maps are averaged over their positions. RG_ENUMERIC if a
// number is not finite.
int rg_identity_embed(const rg_identity_t *identity, float *faces, const float *pixels, int n);

// ---- before the first evaluation

// Opens the networks as an evaluation will, and closes them: what is wrong with a file is known before
// hours of training. The errors of rg_extractor_open, rg_lpips_open and rg_identity_open.
int rg_extractor_check(const rg_config_t *config);

#endif
