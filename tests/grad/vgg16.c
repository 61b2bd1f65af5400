#include "tests/grad/vgg16.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/file.h"
#include "tests/grad/fixture.h"

static const int DEPTHS[VGG16_BLOCKS] = {2, 2, 3, 3, 3};

// torchvision counts convolutions, activations and maxima.
static void put_conv(builder_t *b, const char *x, int position, int in, int out)
{
    char weight[32], bias[32], inputs[96], y[32], relu[32];
    snprintf(weight, sizeof weight, "features.%d.weight", position);
    snprintf(bias, sizeof bias, "features.%d.bias", position);
    snprintf(inputs, sizeof inputs, "%s %s %s", x, weight, bias);
    snprintf(y, sizeof y, "%d", position);
    snprintf(relu, sizeof relu, "%d", position + 1);
    Rg__Onnx__Tensor *w = builder_floats(b, weight, 4, (const int64_t[]){out, in, 3, 3});
    rg_fixture_fill(weight, w->float_data, w->n_float_data, (float)sqrt(6.0 / (in * 9)));
    rg_fixture_fill(bias, builder_floats(b, bias, 1, (const int64_t[]){out})->float_data, (size_t)out, 0.5f);
    builder_ints(b, builder_node(b, "Conv", inputs, y), "pads", 4, (const int64_t[]){1, 1, 1, 1});
    builder_node(b, "Relu", y, relu);
}

static void put_pool(builder_t *b, const char *x, const char *y)
{
    Rg__Onnx__Node *pool = builder_node(b, "MaxPool", x, y);
    builder_ints(b, pool, "kernel_shape", 2, (const int64_t[]){2, 2});
    builder_ints(b, pool, "strides", 2, (const int64_t[]){2, 2});
}

void vgg16_build(builder_t *b, const int widths[VGG16_BLOCKS])
{
    char x[32] = "x", y[32];
    int position = 0, in = 3;
    builder_init(b, 13);
    for (int block = 0; block < VGG16_BLOCKS; block++, position++) {
        for (int i = 0; i < DEPTHS[block]; i++, position += 2, in = widths[block]) {
            put_conv(b, x, position, in, widths[block]);
            snprintf(x, sizeof x, "%d", position + 1);
        }
        snprintf(y, sizeof y, "%d", position);
        put_pool(b, x, y);
        snprintf(x, sizeof x, "%s", y);
    }
}

void vgg16_write(char path[VGG16_PATH], const int widths[VGG16_BLOCKS])
{
    builder_t *builder = rg_alloc(sizeof *builder);
    vgg16_build(builder, widths);
    const char *base = getenv("TMPDIR");
    snprintf(path, VGG16_PATH, "%s/rg-vgg16-XXXXXX", base && *base ? base : "/tmp");
    int fd = mkstemp(path);
    if (fd < 0 || builder_write(builder, path)) abort();
    close(fd);
    free(builder);
}
