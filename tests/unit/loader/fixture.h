// The fixture of the loader's tests: small JPEGs of a flat colour that follows from a number, so that a test
// can tell an image by its pixels, and a data set of ten of them.
#ifndef RG_TEST_LOADER_FIXTURE_H
#define RG_TEST_LOADER_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>

#include "common/config/config.h"
#include "common/core/alloc.h"
#include "common/core/file.h"
#include "common/data/image.h"
#include "tests/support/test.h"

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

// The list's lines 9 and 10 are for validation and testing. A: attributes.
enum { IMAGES = 10, ANNOTATED = 8, A = 3 };

// Image i has the labels of the bits of i.
static inline void fixture_write_images(const char *folder)
{
    char list[IMAGES * 32] = "";
    for (unsigned i = 0; i < IMAGES; i++) {
        size_t size;
        uint8_t *jpeg = make_jpeg(i, SIDE, &size);
        char *path = rg_format("%s/%u.jpg", folder, i);
        assert_ok(rg_file_write(path, jpeg, size));
        sprintf(list + strlen(list), "%u.jpg\t%u%u%u\n", i, i & 1, i >> 1 & 1, i >> 2 & 1);
        free(path);
        free(jpeg);
    }
    char *path = rg_format("%s/list.txt", folder);
    assert_ok(rg_file_write(path, list, strlen(list)));
    free(path);
}

static inline void fixture_configure(rg_config_t *config, const char *folder)
{
    rg_config_init(config);
    snprintf(config->data.root, sizeof config->data.root, "%s", folder);
    snprintf(config->data.list, sizeof config->data.list, "%s/list.txt", folder);
    config->data.attributes = (rg_names_t){.count = A, .name = {"Young", "Male", "Smiling"}};
    config->data.exclusive.count = 0;
    config->data.annotated = 1;
    config->data.img_size = SIDE;
    config->data.jitter = 0.005;
}

#endif
