#include "common/data/image.h"

#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/err.h"

enum { CELEBA_WIDTH = 178, CELEBA_HEIGHT = 218 };

void rg_image_init(rg_image_t *image, int width, int height)
{
    *image = (rg_image_t){width, height, rg_alloc((size_t)width * (size_t)height * 3)};
}

void rg_image_fini(rg_image_t *image)
{
    free(image->rgb);
    *image = (rg_image_t){0};
}

static int crop_side(int crop, int width, int height, const char *origin, int *side)
{
    int largest = width < height ? width : height;
    if (crop > largest)
        return rg_fail(RG_ELIMIT, "%s: a crop of %d pixels does not fit into %dx%d", origin, crop, width,
                       height);
    if (crop > 0)
        *side = crop;
    else
        *side = width == CELEBA_WIDTH && height == CELEBA_HEIGHT ? CELEBA_WIDTH : largest;
    return 0;
}

int rg_image_load(const uint8_t *jpeg, size_t bytes, const rg_jpeg_limits_t *limits, int crop, int size,
                  const char *origin, uint8_t *out)
{
    int width, height, side = 0, denom;
    rg_image_t image;
    int err = rg_jpeg_size(jpeg, bytes, limits, origin, &width, &height);
    if (!err) err = crop_side(crop, width, height, origin, &side);
    if (!err) err = rg_jpeg_decode(jpeg, bytes, limits, side, size, origin, &image, &denom);
    if (err) return err;
    // The crop starts on a whole source pixel, so that a crop of the wanted size is copied, not interpolated.
    double scale = 1.0 / denom, x = (width - side) / 2, y = (height - side) / 2;
    rg_image_resize(&image, x * scale, y * scale, side * scale, side * scale, size, out);
    rg_image_fini(&image);
    return 0;
}
