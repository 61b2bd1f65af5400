#include "services/evaluator/network.h"

#include <stdint.h>
#include <stdio.h>

#include "common/data/image.h"

int rg_network_open(rg_network_t *network, const rg_network_spec_t *spec, rg_tape_t *tape)
{
    *network = (rg_network_t){.tape = tape,
                              .side = spec->side,
                              .size = spec->size ? spec->size : spec->side,
                              .pixels = spec->pixels,
                              .n = spec->n};
    int err = rg_onnx_open(&network->onnx, spec->file);
    if (!err) err = rg_onnx_plan(network->onnx, network->size, network->size, spec->values, spec->n);
    if (err) rg_network_close(network);
    return err;
}

void rg_network_close(rg_network_t *network)
{
    rg_onnx_close(&network->onnx);
}

void rg_network_name(const rg_network_t *network, char name[RG_NETWORK_NAME])
{
    static const char *const pixels[] = {"imagenet", "unit", "signed", "bytes"};
    snprintf(name, RG_NETWORK_NAME, "onnx-%.16s size=%d pixels=%s", rg_onnx_hash(network->onnx),
             network->size, pixels[network->pixels]);
}

rg_onnx_shape_t rg_network_shape(const rg_network_t *network, int value)
{
    return rg_onnx_shape(network->onnx, value);
}

// What a network expects of a channel's bytes: byte * scale + shift.
typedef struct {
    float scale[3], shift[3];
} range_t;

static range_t range_of(int pixels)
{
    range_t range = {{1, 1, 1}, {0, 0, 0}};
    for (int c = 0; c < 3 && pixels != RG_PIXELS_BYTES; c++) {
        float width = pixels == RG_PIXELS_UNIT     ? 1
                      : pixels == RG_PIXELS_SIGNED ? 0.5f
                                                   : RG_IMAGENET_DEVIATION[c],
              zero = pixels == RG_PIXELS_UNIT     ? 0
                     : pixels == RG_PIXELS_SIGNED ? 0.5f
                                                  : RG_IMAGENET_MEAN[c];
        range.scale[c] = 1 / (255 * width);
        range.shift[c] = -zero / width;
    }
    return range;
}

// One image: rounded, resized to seen [size,size,3].
static void prepare(const rg_network_t *network, const float *pixels, uint8_t *bytes, uint8_t *seen)
{
    int side = network->side;
    const rg_image_t image = {.width = side, .height = side, .rgb = bytes};
    rg_pixels_to_u8(pixels, (size_t)side * (size_t)side * 3, bytes);
    rg_image_resize(&image, 0, 0, side, side, network->size, seen);
}

void rg_network_look(const rg_network_t *network, const float *pixels, int count, rg_tensor_t **value)
{
    size_t side = (size_t)network->side, size = (size_t)network->size, each = size * size * 3;
    const range_t range = range_of(network->pixels);
    uint8_t *bytes = rg_tape_alloc(network->tape, side * side * 3),
            *seen = rg_tape_alloc(network->tape, each);
    float *input = rg_tape_alloc(network->tape, (size_t)count * each * sizeof *input);
    for (size_t i = 0; i < (size_t)count; i++) {
        prepare(network, pixels + i * side * side * 3, bytes, seen);
        for (size_t p = 0; p < each; p++)
            input[i * each + p] = (float)seen[p] * range.scale[p % 3] + range.shift[p % 3];
    }
    rg_tensor_t *x = rg_tape_input(network->tape, count, network->size, network->size, 3, input);
    rg_onnx_run(network->onnx, network->tape, x, value);
}

int rg_network_done(const rg_network_t *network)
{
    int err = rg_tape_error(network->tape);
    rg_tape_reset(network->tape);
    return err;
}
