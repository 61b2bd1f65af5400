// A network of the user's that looks at images: an ONNX file, and what it expects of them.
#ifndef RG_EVALUATOR_NETWORK_H
#define RG_EVALUATOR_NETWORK_H

#include "common/config/config.h"
#include "common/onnx/onnx.h"

// Key evaluation.extractor.pixels.
enum rg_pixels { RG_PIXELS_IMAGENET, RG_PIXELS_UNIT, RG_PIXELS_SIGNED, RG_PIXELS_BYTES };

typedef struct {
    const char *file;
    const char *const *values; // [n] names of what is wanted of it
    int n;
    int side;   // of the images that it will be given
    int size;   // of the images that it sees; 0: as they are
    int pixels; // enum rg_pixels, the numbers it expects
} rg_network_spec_t;

typedef struct {
    rg_onnx_t *onnx;
    rg_tape_t *tape; // borrowed
    int side, size, pixels, n;
} rg_network_t;

// The tape is borrowed, paused. The errors of rg_onnx_open and rg_onnx_plan.
int rg_network_open(rg_network_t *network, const rg_network_spec_t *spec, rg_tape_t *tape);
void rg_network_close(rg_network_t *network); // tolerates a zeroed struct

// What tells it apart from others: "onnx-HASH size=299 pixels=imagenet".
enum { RG_NETWORK_NAME = 64 };
void rg_network_name(const rg_network_t *network, char name[RG_NETWORK_NAME]);

rg_onnx_shape_t rg_network_shape(const rg_network_t *network, int value);

// The values of pixels [count,side,side,3] in -1..1, which are rounded to 256 levels as a file of them would
// be, and resized. value [n] lives until rg_network_done, which returns the tape's error and resets it.
void rg_network_look(const rg_network_t *network, const float *pixels, int count, rg_tensor_t **value);
int rg_network_done(const rg_network_t *network);

#endif
