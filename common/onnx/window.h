// The windows of convolutions and pools, as a node's attributes tell them.
#ifndef RG_ONNX_WINDOW_H
#define RG_ONNX_WINDOW_H

#include "common/onnx/plan.h"

enum { RG__KERNEL_MAX = 1 << 10 }; // taps, strides, dilations and pads of a side

// strides, dilations, pads and auto_pad for maps like x. RG_EMODEL: one of them cannot be.
int rg__window_read(rg__of_t of, rg__shape_t x, const int kernel[2], rg_window_t *window);

// The maps that it gives when it slides over x, with `outputs` channels. RG_EMODEL: it has no room, or too
// much.
int rg__window_slide(const rg__plan_t *plan, const rg__node_t *node, const rg_window_t *window, int partial,
                     int outputs, rg__shape_t x, rg__shape_t *y);

#endif
