// The perceptual loss, which compares a translation with its source by the features of a frozen VGG16
// (Simonyan and Zisserman 2015, configuration D).
//
// The form is MUNIT's domain-invariant one (Huang et al. 2018, section 5.1): the mean square difference of
// relu5_3, the layer of MUNIT's release, after instance normalisation. The normalisation removes what a domain
// does to the features' mean and spread. Unlike MUNIT's, images are normalised as torchvision's weights
// expect, with ImageNet's mean and standard deviation.
//
// The user supplies the network: an ONNX file of VGG16, whole or only its features (a tenth of the file), with
// or without batch normalisation, as PyTorch writes it:
//
//   torch.onnx.export(vgg16(weights="DEFAULT").features, torch.zeros(1, 3, 224, 224), "vgg16.onnx")
//
// relu5_3 is the output of the thirteenth ReLU.
#ifndef RG_MODEL_PERCEPTUAL_H
#define RG_MODEL_PERCEPTUAL_H

#include "common/nn/ops.h"
#include "common/onnx/onnx.h"

typedef struct {
    rg_onnx_t *vgg16; // planned up to relu5_3
    rg_params_t normalise_set;
    rg_conv_t normalise; // -1..1 to ImageNet's units, a 1x1 convolution
} rg_perceptual_t;

// For images of side x side. The errors of onnx.h; RG_EMODEL if the network is not VGG16: it has too few
// ReLUs, or the side of relu5_3 is not a sixteenth of the image's. After an error nothing is left to free.
int rg_perceptual_init(rg_perceptual_t *net, const char *path, int side);
void rg_perceptual_fini(rg_perceptual_t *net); // tolerates a zeroed struct

// image, source [N,S,S,3] in -1..1, S >= 32: smaller images leave a single pixel of relu5_3, which instance
// normalisation makes zero.
void rg_loss_perceptual(rg_tape_t *tape, const rg_perceptual_t *net, rg_tensor_t *image, rg_tensor_t *source,
                        float weight, double *sum);

#endif
