// What networks that were trained on ImageNet expect: channels 0..1, less the mean, over the deviation.
#ifndef RG_ONNX_IMAGENET_H
#define RG_ONNX_IMAGENET_H

static const float RG_IMAGENET_MEAN[3] = {0.485f, 0.456f, 0.406f},
                   RG_IMAGENET_DEVIATION[3] = {0.229f, 0.224f, 0.225f};

#endif
