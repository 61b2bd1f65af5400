// Image files: the header, a full decode, and the transform to a small image, of JPEG, PNG and WebP. The
// seeds of JPEG are the fixtures of the unit tests; the others are encoded here.
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/file.h"
#include "common/data/image.h"
#include "tests/support/image_files.h"

enum { SIZE = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const rg_image_limits_t limits = {1 << 20, 512};
    const rg_image_file_t file = {data, size, "fuzz", &limits};
    static uint8_t out[SIZE * SIZE * 3];
    rg_image_facts_t facts;
    rg_image_t image;
    rg_image_inspect(&file, &facts);
    if (rg_image_decode_scaled(&file, 0, 0, &image, &facts) == 0) rg_image_fini(&image);
    rg_image_load(&file, 0, SIZE, out, &facts);
    return 0;
}

static size_t seed_of_fixture(const char *name, uint8_t *out, size_t capacity)
{
    char path[64];
    unsigned char *bytes;
    size_t size;
    snprintf(path, sizeof path, "tests/unit/data/fixtures/%s.jpg", name);
    if (rg_file_read(path, capacity, &bytes, &size)) return 0;
    memcpy(out, bytes, size);
    free(bytes);
    return size;
}

size_t rg_fuzz_seed(size_t i, uint8_t *out, size_t capacity)
{
    static const char *const fixtures[] = {"baseline", "progressive", "grey", "cmyk"};
    const size_t n = sizeof fixtures / sizeof *fixtures;
    uint8_t *bytes;
    size_t size;
    if (i < n) return seed_of_fixture(fixtures[i], out, capacity);
    if (i - n >= RG_TEST_IMAGES || !rg_test_image(i - n, &bytes, &size) || size > capacity) return 0;
    memcpy(out, bytes, size);
    free(bytes);
    return size;
}
