// Perceptual loss: the features of VGG16 (Simonyan and Zisserman 2015, configuration D), frozen, compare a
// translation with its source. The form is MUNIT's domain-invariant one (Huang et al. 2018, section 5.1): the
// mean square difference of relu5_3, the layer of MUNIT's release, after instance normalisation, which leaves
// out what a domain does to the features' mean and spread. Unlike there, images are normalised as
// torchvision's weights expect, with ImageNet's mean and standard deviation.
//
// The weights are the user's to supply: a safetensors file (f32) with torchvision's names, features.0.weight
// .. features.28.bias; whatever else it holds is not read.
#ifndef RG_MODEL_PERCEPTUAL_H
#define RG_MODEL_PERCEPTUAL_H

#include "common/nn/ops.h"

// Blocks end in a 2x2 maximum, but for the last: relu5_3 has a sixteenth of the image's side.
enum { RG_VGG_BLOCKS = 5, RG_VGG_CONVS = 13 };

typedef struct {
    rg_params_t set, normalise_set;
    rg_conv_t normalise; // -1..1 to ImageNet's units, a 1x1 convolution
    rg_conv_t conv[RG_VGG_CONVS];
} rg_perceptual_t;

extern const int RG_VGG16_WIDTHS[RG_VGG_BLOCKS]; // 64 128 256 512 512; tests use narrower ones

// Without weights yet; frozen.
void rg_perceptual_init(rg_perceptual_t *net, const int widths[RG_VGG_BLOCKS]);
void rg_perceptual_fini(rg_perceptual_t *net); // tolerates a zeroed struct

// RG_ENOENT, RG_EFORMAT, or RG_EMODEL naming the tensor that is missing or of another shape.
int rg_perceptual_load(rg_perceptual_t *net, const char *path);

// image, source [N,S,S,3] in -1..1, S >= 32: on the single pixel that smaller ones leave, instance
// normalisation would make everything zero.
double rg_loss_perceptual(rg_tape_t *tape, const rg_perceptual_t *net, rg_tensor_t *image,
                          rg_tensor_t *source, float weight);

#endif
