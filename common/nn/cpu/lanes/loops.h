// The loops over vectors of channels, compiled once for each width of vectors: 16 bytes for every processor, on
// x86-64 also 32 (AVX2) and 64 (AVX-512). Channels are multiples of RG_WIDEST for all of them, so that the width
// changes no choice of method. A build with RG_AVX512=OFF has no loops of 64 bytes.
#ifndef RG_NN_CPU_LANES_LOOPS_H
#define RG_NN_CPU_LANES_LOOPS_H

#include <stddef.h>

#include "common/nn/cpu/thin.h"
#include "common/nn/cpu/tiles.h"

// Winograd's transforms (tiles.h). V, M and U are arrays of points whose matrices are `plane` elements apart.
typedef struct {
    // V of `count` tiles of x [n,h,w,c]: chunk positions start.., tiles first + start...
    void (*read_input)(const rg__tiling_t *t, void *v, size_t plane, const float *x, int first, int start,
                       int count);
    // The adjoint of read_input. It adds to dx, for channels from..to-1 only.
    void (*add_input)(const rg__tiling_t *t, float *dx, const float *v, size_t plane, int first, int start,
                      int count, int from, int to);
    // y = act(A'MA + bias), and dM from dy.
    void (*write_output)(const rg__tiling_t *t, void *y, const float *m, size_t plane, const float *bias,
                         int first, int start, int count);
    void (*read_output)(const rg__tiling_t *t, void *m, size_t plane, const float *dy, int first, int start,
                        int count);
    // For input channels first..first+RG_TILE_GROUP-1: U from w, and dw += K' dU K.
    void (*pack_kernel)(const rg__tiling_t *t, void *u, size_t plane, const float *w, int first);
    void (*add_kernel)(const rg__tiling_t *t, float *dw, const float *u, size_t plane, int first);
} rg__tile_loops_t;

// Convolutions with an RGB image (thin.h). W [k,k,3,wide], F [n,rows,columns,wide], I with its padding.
typedef struct {
    // A row of F from index `at` on, from the padded image at the row's first pixel: F (+)= act(I W + bias).
    void (*wide_row)(const rg__thin_map_t *m, void *f, size_t at, int add, const float *image,
                     const float *weights, const float *bias, float slope);
    // The share of a row of F in dW [k,k,3,wide], which it adds.
    void (*weight_row)(const rg__thin_map_t *m, float *dw, const float *image, const float *f);
} rg__thin_loops_t;

// Products of rows with rows (patches.h): columns [pixels,width] times w [outputs,width].
typedef struct {
    int pixels, outputs, width;
    int stretch; // numbers of each row at a time: the stretch of all rows must stay in the cache
} rg__dots_t;

typedef struct {
    // y [pixels,outputs] += columns w', for outputs first..end-1.
    void (*outputs)(const rg__dots_t *s, float *y, const float *columns, const float *w, int first, int end);
} rg__dot_loops_t;

typedef struct {
    const rg__tile_loops_t *tiles;
    const rg__thin_loops_t *thin;
    const rg__dot_loops_t *dots;
} rg__loops_t;

// The copy for vectors of this width; NULL if this build or this processor has none.
const rg__loops_t *rg__loops_of(int bytes);

// The widest copy of this processor.
const rg__loops_t *rg__loops(void);

// The tables of each copy.
extern const rg__tile_loops_t rg__tile_loops_16, rg__tile_loops_32, rg__tile_loops_64;
extern const rg__thin_loops_t rg__thin_loops_16, rg__thin_loops_32, rg__thin_loops_64;
extern const rg__dot_loops_t rg__dot_loops_16, rg__dot_loops_32, rg__dot_loops_64;

#endif
