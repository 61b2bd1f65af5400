// JPEG: the header, a full decode, and the transform to a small image.
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/core/file.h"
#include "common/data/image.h"

enum { SIZE = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const rg_jpeg_limits_t limits = {1 << 20, 512};
    static uint8_t out[SIZE * SIZE * 3];
    int width, height, denom;
    rg_image_t image;
    rg_jpeg_size(data, size, &limits, "fuzz", &width, &height);
    if (rg_jpeg_decode(data, size, &limits, 0, 0, "fuzz", &image, &denom) == 0) rg_image_fini(&image);
    rg_image_load(data, size, &limits, 0, SIZE, "fuzz", out);
    return 0;
}

size_t rg_fuzz_seed(size_t i, uint8_t *out, size_t capacity)
{
    static const char *const names[] = {"baseline", "progressive", "grey", "cmyk"};
    char path[64];
    unsigned char *jpeg;
    size_t size;
    if (i >= sizeof names / sizeof *names) return 0;
    snprintf(path, sizeof path, "tests/unit/data/fixtures/%s.jpg", names[i]);
    if (rg_file_read(path, capacity, &jpeg, &size)) return 0;
    for (size_t k = 0; k < size; k++) out[k] = jpeg[k];
    free(jpeg);
    return size;
}
