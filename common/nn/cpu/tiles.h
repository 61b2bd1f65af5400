// Winograd's transforms (Lavin and Gray 2016, arXiv 1509.09308, section 4): tiles of 4x4 outputs are
// transformed into a domain where a convolution is one matrix product per point. Three geometries share them,
// all NHWC:
//
//   3x3, stride 1               F(4x4,3x3)  6x6 points: 36 products for 16 outputs of 9 taps, 4.0 times fewer
//   4x4, stride 2               F(4x4,2x2)  5x5 points on the four phases of the input, whose channels are
//                                           concatenated: 25 products for 16 outputs of 4 taps per phase, 2.6
//                                           times fewer
//   upsample x2, 5x5, stride 1  F(4x4,3x3)  equals a 3x3 convolution of the small image to the four phases of
//                                           the output (each of the three taps is a sum of the five), 11 times
//                                           fewer
//
// Every step is linear, so the backward pass runs the adjoint of each step on the same points and kernels:
//
//   forward   V = B'dB     M = V U          y = A'MA        U = K w K'
//   backward  dd = B dV B' dV = dM U'       dM = A dy A'    dU = V' dM    dw = K' dU K
//
// The operands of products (V, dM, U) are f32, or bfloat16 with `bf16`; their results are f32.
// V, dV [points][tiles][in_phases^2 * C], M, dM [points][tiles][out_phases^2 * O],
// U, dU [points][in_phases^2 * C][out_phases^2 * O]. The matrices of two points are `plane` elements apart.
#ifndef RG_NN_CPU_TILES_H
#define RG_NN_CPU_TILES_H

#include "common/nn/cpu/cpu.h"

enum { RG_TILE = 4, RG_TILE_GROUP = 8, RG_TILE_CHANNELS_MAX = 4096 }; // group: see lanes/loops.h

typedef struct {
    rg_conv_shape_t shape;
    int n, points;             // points per side and tile: 6, 36 or 5, 25
    int in_phases, out_phases; // per side, 1 or 2
    int depth, width;          // channels of V and of M
    int rows, columns, tiles;  // of tiles per image; tiles in all images
    int bf16;
    float kernel[2][6][5]; // K of each phase: points from taps
} rg__tiling_t;

// Returns 1 and fills the tiling if the shape is one of the three and its channels are multiples of RG_WIDEST.
int rg__tiling_of(rg__tiling_t *tiling, const rg_conv_shape_t *shape, int bf16);

#endif
