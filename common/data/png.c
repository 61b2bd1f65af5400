#include "common/data/image.h"

#include <stdlib.h>

#include <png.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"

int rg_image_encode_png(const rg_image_t *image, uint8_t **out, size_t *out_size)
{
    png_image png = {.version = PNG_IMAGE_VERSION,
                     .width = (png_uint_32)image->width,
                     .height = (png_uint_32)image->height,
                     .format = PNG_FORMAT_RGB};
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
    uint8_t *bytes = rg_alloc(size);
    if (!png_image_write_to_memory(&png, bytes, &size, 0, image->rgb, 0, NULL)) {
        free(bytes);
        rg_fail(RG_EINVAL, "%s", png.message);
        return RG_EINVAL;
    }
    *out = bytes;
    *out_size = size;
    return 0;
}

int rg_image_write_png(const rg_image_t *image, const char *path)
{
    uint8_t *bytes;
    size_t size;
    int err = rg_image_encode_png(image, &bytes, &size);
    if (err) return rg_fail(err, "%s: %s", path, rg_error());
    err = rg_file_write(path, bytes, size);
    free(bytes);
    return err;
}
