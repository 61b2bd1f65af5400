#include "common/data/image.h"

#include <stdlib.h>

#include <png.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"

int rg_image_write_png(const rg_image_t *image, const char *path)
{
    png_image png = {.version = PNG_IMAGE_VERSION,
                     .width = (png_uint_32)image->width,
                     .height = (png_uint_32)image->height,
                     .format = PNG_FORMAT_RGB};
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
    void *bytes = rg_alloc(size);
    int err = 0;
    if (!png_image_write_to_memory(&png, bytes, &size, 0, image->rgb, 0, NULL))
        err = rg_fail(RG_EINVAL, "%s: %s", path, png.message);
    else
        err = rg_file_write(path, bytes, size);
    free(bytes);
    return err;
}
