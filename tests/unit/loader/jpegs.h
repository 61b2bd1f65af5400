// Small JPEGs for the loader's tests: a flat colour that follows from a number, so that an image can be told
// by its pixels.
#ifndef RG_TEST_LOADER_JPEGS_H
#define RG_TEST_LOADER_JPEGS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/file.h"
#include "common/data/image.h"
#include "tests/support/result.h"

enum { SIDE = 16 }; // of the images and of data.img_size

static inline uint8_t grey_of(unsigned number)
{
    return (uint8_t)(10 + 20 * number);
}

static inline uint8_t *make_jpeg(unsigned number, int side, size_t *size)
{
    rg_image_t image;
    uint8_t *jpeg;
    rg_image_init(&image, side, side);
    memset(image.rgb, grey_of(number), (size_t)side * (size_t)side * 3);
    assert_ok(rg_jpeg_encode(&image, 95, &jpeg, size));
    rg_image_fini(&image);
    return jpeg;
}

#endif
