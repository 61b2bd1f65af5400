// A narrow VGG16 for tests of the perceptual loss: the features of peer.py's vgg16, with the weights of
// filling.py.
#ifndef RG_GRAD_VGG16_H
#define RG_GRAD_VGG16_H

#include "tests/support/onnx_builder.h"

enum { VGG16_BLOCKS = 5, VGG16_PATH = 256 };

// Up to the last block's pool, as exported: 13 convolutions, each with its Relu.
void vgg16_build(builder_t *builder, const int widths[VGG16_BLOCKS]);

// The same, as a new file, whose path it writes.
void vgg16_write(char path[VGG16_PATH], const int widths[VGG16_BLOCKS]);

#endif
