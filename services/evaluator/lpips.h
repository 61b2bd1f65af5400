// Perceptual distance of two images, from what the layers of a network say of them (Zhang et al. 2018, eq.
// 1):
//   sum over layers l of mean over h,w of sum over channels c of w_c^l (y_hwc^l - y0_hwc^l)^2
// where y and y0 are the layer's maps of the images, each position's channels scaled to unit length. It is
// called LPIPS with the networks and weights of that paper, which are the user's to bring.
#ifndef RG_EVALUATOR_LPIPS_H
#define RG_EVALUATOR_LPIPS_H

#include <stddef.h>

// One layer's maps of a batch, borrowed.
typedef struct {
    const float *map; // [N,h,w,c]
    int h, w, c;
    const float *weight; // [c], 0 or more; NULL: all 1
} rg_lpips_layer_t;

// Distance of images i and j of the batch, 0 or more; the count layers saw the same batch.
double rg_lpips(const rg_lpips_layer_t *layer, int count, size_t i, size_t j);

#endif
